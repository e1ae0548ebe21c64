"""Checks that the repository has no binaries and no file over 1 MB: scripts download or generate such files.

python scripts/check_files.py      exit code 1 if git tracks, or would add, such a file that is not listed here
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LARGEST = 1_000_000
# Exceptions, each with its reason.
ALLOWED = {
    "compiler/comfy2runpod/docs_site/redoc/redoc.standalone.js": "Redoc, as `make redoc` brings it by its hash",
    "tests/errors/load/image.json": "an image where a graph should be: the case itself",
}


def main() -> int:
    root = Path(__file__).parents[1]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout
    found = 0
    names = sorted(name for name in listed.decode().split("\0") if name)
    for name in names:
        if name not in ALLOWED and (fault := _fault(root / name)) is not None:
            found += 1
            print(f"{name}: {fault}")
    stale = [name for name in ALLOWED if name not in names]
    for name in stale:
        print(f"{name}: is an exception in scripts/check_files.py, but does not exist any more")
    if found:
        print(
            "help: have a script bring it by its hash (scripts/download_redoc.py), or a test make it;\n"
            "      what has to stand here goes into ALLOWED in scripts/check_files.py, with its reason"
        )
    return 1 if found or stale else 0


def _fault(path: Path) -> str | None:
    if path.is_symlink() or not path.is_file():
        return None
    size = path.stat().st_size
    if size > LARGEST:
        return f"{size:,} bytes; at most {LARGEST:,} are kept here"
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "is no text"
    return "is no text: it holds NUL bytes" if "\0" in text else None


if __name__ == "__main__":
    sys.exit(main())
