"""Compiles graphs in memory and compares the packages with the committed ones, byte for byte.

python scripts/check_drift.py GRAPH…      exit code 1, with the differences, if generated/ is out of date

The runtime's wheels are not committed, but their hashes are: in each requirements.txt.
"""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.model_lock import read_lock
from comfy2runpod.pipeline import Options, compile_graph, lock_path
from comfy2runpod.write import package_files

GENERATED = Path("generated")
WHEEL = ".whl"


def main(graphs: list[str]) -> int:
    stale = 0
    names = set()
    for graph in map(Path, graphs):
        lock = lock_path(graph)
        known = read_lock(lock.read_bytes(), str(lock)) if lock.exists() else ()
        result = compile_graph(graph.read_bytes(), graph.as_posix(), load_catalog(), Options(), known)
        names.add(result.interface.name)
        folder = GENERATED / result.interface.name
        compiled = {
            name: data.decode() for name, data in package_files(result.files).items() if not name.endswith(WHEEL)
        }
        there = {
            name
            for path in folder.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
            if not (name := path.relative_to(folder).as_posix()).endswith(WHEEL)
        }
        for name in sorted(there | compiled.keys()):
            old = (folder / name).read_text("utf-8") if name in there else ""
            new = compiled.get(name, "")
            if old != new or (name in there) != (name in compiled):
                stale += 1
                diff = difflib.unified_diff(
                    old.splitlines(), new.splitlines(), f"{folder}/{name}", "compiled", lineterm=""
                )
                print("\n".join(list(diff)[:40]) or f"{folder}/{name}: it exists on one side only")
    for folder in sorted(GENERATED.iterdir()):
        if folder.name not in names:
            stale += 1
            print(f"{folder}: it is the package of no graph")
    print(f"{len(graphs)} graphs compiled, {stale} files differ" + ("; run `make generate`" if stale else ""))
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
