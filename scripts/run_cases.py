"""Compiles every graph below a folder, each in its own process, and prints a line for each.

python scripts/run_cases.py FOLDER [--seconds 60]

Optional files beside `x.json`: its `x.lock.json` and a folder `catalog/`, as compile reads them;
`x_object_info.json`, a server's answer from which a catalog is made; `x.expected.json`, the editor's prompt.

A case is bad with an exit code other than 0 and 1, a refusal without a reason, a traceback, more time than --seconds, a
package that a worker cannot import, or a prompt that is not the expected one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLI = (sys.executable, "-m", "comfy2runpod")
BESIDE = (".lock.json", ".expected.json", "_object_info.json", ".prompt.json", ".error.json")
# A graph of 100,000 nodes needs one.
MOST_BYTES = 8 * 2**30
# Sets the limit for itself, then executes the command.
_BOUNDED = f"""
import os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MOST_BYTES}, {MOST_BYTES}))
os.execvp(sys.argv[1], sys.argv[1:])
"""
IMPORT = "import sys; sys.path.insert(0, '.'); import handler, schema, patch"


@dataclass(frozen=True)
class Outcome:
    """The result of one graph: a verdict, what is bad about it, and the CPU seconds of compiling."""

    verdict: str
    bad: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0, help="more CPU or wall time than that is bad")
    given = parser.parse_args()
    graphs = sorted(graphs_below(given.folder))
    if not graphs:
        print(f"{given.folder}: no graphs", file=sys.stderr)
        return 2
    compiled = refused = bad = 0
    width = max(len(name_of(graph, given.folder)) for graph in graphs)
    for graph in graphs:
        outcome = run_case(graph, given.seconds)
        if outcome.bad:
            bad += 1
        elif outcome.verdict.startswith("refused"):
            refused += 1
        else:
            compiled += 1
        told = "".join(f"  BAD: {what}" for what in outcome.bad)
        print(f"{name_of(graph, given.folder):{width}}  {outcome.seconds:6.2f} s  {outcome.verdict}{told}", flush=True)
    print(f"{len(graphs)} graphs: {compiled} compiled, {refused} refused, {bad} bad")
    return 1 if bad else 0


def graphs_below(folder: Path) -> Iterator[Path]:
    """The graphs in a folder and its subfolders."""
    for path in folder.rglob("*.json"):
        if path.is_file() and not path.name.endswith(BESIDE) and "catalog" not in path.relative_to(folder).parts[:-1]:
            yield path


def name_of(graph: Path, folder: Path) -> str:
    """The graph's name, safe for a terminal."""
    return ascii(graph.relative_to(folder).as_posix())[1:-1]


def run_case(graph: Path, seconds: float) -> Outcome:
    """Compiles one graph and checks the result."""
    with tempfile.TemporaryDirectory() as scratch:
        catalogs, bad = _catalogs(graph, Path(scratch), seconds)
        done = _run((*CLI, "compile", str(graph), "-o", f"{scratch}/out", "--format", "json", *catalogs), seconds)
        bad += _faults(done, seconds)
        codes = _codes(done.out)
        if done.code == 0:
            verdict = "compiled" + "".join(f", {code}" for code in codes.get("warning", ()))
            bad += _package(Path(scratch) / "out", seconds)
        elif done.code == 1:
            verdict = "refused: " + ", ".join(codes.get("error", ("?",)))
            if "error" not in codes:
                bad.append("refused without a reason")
        else:
            verdict = f"exit {done.code}"
        expected = graph.with_name(graph.stem + ".expected.json")
        if expected.is_file():
            told, wrong = _prompt(graph, expected, catalogs, seconds)
            verdict += f"; {told}"
            bad += wrong
    return Outcome(verdict, tuple(bad), done.seconds)


def _catalogs(graph: Path, scratch: Path, seconds: float) -> tuple[tuple[str, ...], list[str]]:
    answer = graph.with_name(graph.stem + "_object_info.json")
    if not answer.is_file():
        return (), []
    made = scratch / "catalog.json"
    done = _run((*CLI, "catalog", "refresh", "--from", str(answer), "--packs-only", "-o", str(made)), seconds)
    return (("--catalog", str(made)), []) if done.code == 0 else ((), ["no catalog of the answer beside it"])


def _faults(done: Done, seconds: float) -> list[str]:
    """What is bad about any exit code and output."""
    bad = []
    if done.code == -1:
        bad.append(f"over {seconds:g} s")
    elif done.code not in (0, 1):
        bad.append(f"exit {done.code}: {' '.join(done.err.split())[:200]}")
    elif done.seconds > seconds:
        bad.append(f"{done.seconds:.0f} s of CPU")
    if "Traceback (most recent call last)" in done.out + done.err:
        bad.append("a traceback")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f\x9b]", done.out + done.err):
        bad.append("control characters on the terminal")
    return bad


def _codes(report: str) -> dict[str, tuple[str, ...]]:
    try:
        found = json.loads(report)
    except ValueError:
        return {}
    codes: dict[str, dict[str, None]] = {}
    for item in found if isinstance(found, list) else ():
        codes.setdefault(item["severity"], {})[item["code"]] = None
    return {severity: tuple(names) for severity, names in codes.items()}


def _package(out: Path, seconds: float) -> list[str]:
    """What is bad about the package that was written."""
    packages = [path.parent for path in out.glob("*/handler.py")]
    if len(packages) != 1:
        return [f"{len(packages)} packages were written"]
    done = _run((sys.executable, "-c", IMPORT), seconds, packages[0])
    if done.code != 0:
        return [f"the package cannot be imported: {' '.join(done.err.split())[-200:]}"]
    return []


def _prompt(graph: Path, expected: Path, catalogs: tuple[str, ...], seconds: float) -> tuple[str, list[str]]:
    done = _run((*CLI, "prompt", str(graph), *catalogs), seconds)
    bad = _faults(done, seconds)
    if done.code != 0:
        return "no prompt", bad
    if _plain(json.loads(done.out)) == _plain(json.loads(expected.read_text("utf-8"))):
        return "prompt as expected", bad
    return "another prompt", [*bad, "another prompt than the expected one"]


def _plain(prompt: dict[str, Any]) -> dict[str, Any]:
    return {key: {"class_type": node.get("class_type"), "inputs": node["inputs"]} for key, node in prompt.items()}


def _run(command: tuple[str, ...], seconds: float, folder: Path | None = None) -> Done:
    """Runs a command with a time limit; the exit code is -1 if it was stopped."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _BOUNDED, *command], cwd=folder, capture_output=True, timeout=seconds, check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as stopped:
        code, out, err = -1, stopped.stdout or b"", stopped.stderr or b""
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Done(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), used)


if __name__ == "__main__":
    sys.exit(main())
