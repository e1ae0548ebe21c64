"""Mutation test: removes one definition at a time in a copy of the tree, and lists removals that no check notices.

    python scripts/mutants.py [--only TEXT] [--sample COUNT --seed SEED] [--jobs COUNT] [--list]

A definition is a member of the contract, the class or function for it on one side, a method of a kind, or a part of the
reader of facts: `mutant_targets.py` says where they are, and which tests are related to them. Each removal is judged by
importing every module, by mypy's daemon, by the related tests without those that are slow, and by mypy anew, until one
of them fails. Removals that pass all are printed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from scripts.mutant_targets import TARGETS, Target
from scripts.warm_python import WarmPython

ROOT = Path(__file__).parents[1]
SOURCES = ("compiler", "contract", "runtime")
# The time limit of one set of tests: a hang counts as a failure.
_TEST_SECONDS = 900
# When files are said to be written, in seconds: each one a second after the one before.
_PAST = 1_000_000_000


@dataclass(frozen=True)
class Removal:
    """One definition that can be removed: its file and name, and the file's bytes without it."""

    target: Target
    path: str
    name: str
    start: int
    end: int
    instead: bytes = b""

    def __str__(self) -> str:
        return f"{self.path}: {self.name}"

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.instead + source[self.end :]


class _Source:
    """A module's tree, and the bytes of its parts."""

    def __init__(self, source: bytes) -> None:
        self.bytes = source
        self.tree = ast.parse(source)
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def lines(self, node: ast.stmt) -> tuple[int, int]:
        """Whole lines, with decorators."""
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(one.lineno for one in decorators)])
        return self._starts[first - 1], self._starts[(node.end_lineno or node.lineno)]

    def case(self, case: ast.match_case) -> tuple[int, int]:
        return self._starts[case.pattern.lineno - 1], self._starts[case.body[-1].end_lineno or 0]

    def element(self, first: ast.expr, last: ast.expr) -> tuple[int, int]:
        """An element of a table with the comma after it."""
        start = self._starts[first.lineno - 1] + first.col_offset
        end = self._starts[(last.end_lineno or 0) - 1] + (last.end_col_offset or 0)
        rest = self.bytes[end:]
        comma = len(rest) - len(rest.lstrip())
        return start, end + comma + 1 if rest[comma : comma + 1] == b"," else end


Part = tuple[str, int, int, bytes]
# TypeScript: a top-level declaration of several lines, and a line of a table.
_BLOCK = re.compile(
    rb"^(?:export )?(?:abstract )?(?:class|function|interface|const|type) (\w+)[^\n]*\n(?:[ \n][^\n]*\n)*[}\])].*\n",
    re.MULTILINE,
)
_LINE = re.compile(rb"^  (\w+): \w+,\n", re.MULTILINE)


def _in_classes(module: _Source, wanted: tuple[type[ast.stmt], ...]) -> Iterator[Part]:
    for owner in ast.walk(module.tree):
        if not isinstance(owner, ast.ClassDef):
            continue
        for node in owner.body:
            if isinstance(node, wanted):
                start, end = module.lines(node)
                alone = b" " * node.col_offset + b"pass\n" if len(owner.body) == 1 else b""
                yield f"{owner.name}.{_name(node)}", start, end, alone


def _at_top(module: _Source, wanted: tuple[type[ast.stmt], ...]) -> Iterator[Part]:
    for node in module.tree.body:
        if isinstance(node, wanted) and _name(node) not in ("__all__", "?"):
            yield _name(node), *module.lines(node), b""


def _entries(module: _Source) -> Iterator[Part]:
    for node in module.tree.body:
        table = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        if isinstance(table, ast.Call) and len(table.args) == 1:
            table = table.args[0]
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(table, ast.Dict):
            pairs = [(key, value) for key, value in zip(table.keys, table.values, strict=True) if key is not None]
        elif isinstance(table, (ast.Tuple, ast.List, ast.Set)):
            pairs = [(one, one) for one in table.elts]
        for first, last in pairs if len(pairs) > 1 else []:
            yield f"{_name(node)}[{ast.unparse(first)[:40]}]", *module.element(first, last), b""


def _cases(module: _Source) -> Iterator[Part]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Match) and len(node.cases) > 1:
            for case in node.cases:
                yield f"case {ast.unparse(case.pattern)[:60]}", *module.case(case), b""


def _name(node: ast.stmt) -> str:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.name
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.id if isinstance(target, ast.Name) else "?"


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_VALUES = (ast.Assign, ast.AnnAssign)
_PARTS: dict[str, Callable[[_Source], Iterator[Part]]] = {
    "members": lambda module: _in_classes(module, _VALUES),
    "methods": lambda module: _in_classes(module, _FUNCTIONS),
    "functions": lambda module: _at_top(module, _FUNCTIONS),
    "classes": lambda module: _at_top(module, (ast.ClassDef,)),
    "constants": lambda module: _at_top(module, _VALUES),
    "entries": _entries,
    "cases": _cases,
}


def _typescript(source: bytes, parts: Sequence[str]) -> Iterator[Part]:
    for part, pattern in (("blocks", _BLOCK), ("lines", _LINE)):
        if part in parts:
            for found in pattern.finditer(source):
                yield found[1].decode(), found.start(), found.end(), b""


def removals(targets: Sequence[Target] = TARGETS, root: Path = ROOT) -> list[Removal]:
    """Every definition that can be removed without a syntax error."""
    found = []
    for target in targets:
        for path in sorted(path for pattern in target.files for path in root.glob(pattern)):
            source, name = path.read_bytes(), path.relative_to(root).as_posix()
            if path.suffix == ".ts":
                found += [Removal(target, name, *one) for one in _typescript(source, target.parts)]
                continue
            module = _Source(source)
            parts = [one for part in target.parts if part in _PARTS for one in _PARTS[part](module)]
            whole = [Removal(target, name, *one) for one in parts]
            found += [one for one in whole if _parses(one.applied(source))]
    return found


def _parses(source: bytes) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


class Judge:
    """A copy of the tree in which the removals are tried, one after another."""

    def __init__(self, judges: Sequence[str] = ("imports", "changed types", "tests", "types")) -> None:
        self._judges = judges
        self._open = ExitStack()
        self._written = 0

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="mutants-")
        self.root = Path(self._folder.name) / "tree"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in listed.decode().split("\0"):
            source = ROOT / name
            if name and source.is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, self.root / name)
        cache = ROOT / ".mypy_cache"
        if cache.is_dir():
            shutil.copytree(cache, self.root / ".mypy_cache")
        paths = [str(self.root / folder) for folder in SOURCES]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(self.root), *paths])}
        self._python = self._open.enter_context(WarmPython(self.root, environment))
        self._open.callback(self._daemon, "stop")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self._folder.cleanup()

    def noticed(self, removal: Removal) -> str:
        """The first check that fails without the definition; empty if none does."""
        path = self.root / removal.path
        source = path.read_bytes()
        self._write(path, removal.applied(source))
        try:
            return next((judge for judge in self._judges if not self.passes(judge, removal.target.tests)), "")
        finally:
            self._write(path, source)

    def _write(self, path: Path, source: bytes) -> None:
        path.write_bytes(source)
        # Python takes compiled code of a file of this size and second for its own.
        self._written += 1
        os.utime(path, (_PAST + self._written,) * 2)

    def check(self, targets: Iterable[Target]) -> None:
        """Makes sure that all checks pass before anything is removed.

        Raises:
            SystemExit: a check fails without any removal.
        """
        # The last judge is the slowest, and what all others miss is seldom.
        kinds = [kind for kind in self._judges[:-1] if kind != "tests"]
        for kind, tests in [*((kind, ()) for kind in kinds), *(("tests", one.tests) for one in targets)]:
            if not self.passes(kind, tests):
                raise SystemExit(f"{kind} fail without any removal: {' '.join(tests)}")

    def passes(self, judge: str, tests: Sequence[str]) -> bool:
        """Whether a check passes on the tree as it is."""
        match judge:
            case "imports":
                return self._runs("-c", _IMPORT_ALL, *(str(self.root / folder) for folder in SOURCES))
            case "changed types":
                # The daemon takes a second, but misses a name that only the changed module uses.
                return self._daemon("run", "--", "--config-file", "pyproject.toml")
            case "types":
                return self._runs("-m", "mypy")
            case _:
                # One after another: the first, which are near, notice most, and need not collect the others.
                return all(self._tested(name) for name in tests if (self.root / name).exists())

    def _tested(self, tests: str) -> bool:
        quick = ("-q", "-x", "-p", "no:cacheprovider", "-m", "not slow and not editor")
        # Plugins are imported already, so pytest does not rewrite their assertions.
        warm = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
        # Exit code 5: no test was selected.
        return self._runs("-m", "pytest", *quick, *warm, tests, also=(5,))

    def _daemon(self, *arguments: str) -> bool:
        status = Path(self._folder.name) / "dmypy.json"
        return self._runs("-m", "mypy.dmypy", "--status-file", str(status), *arguments)

    def _runs(self, *arguments: str, also: Sequence[int] = ()) -> bool:
        return self._python.run(arguments, _TEST_SECONDS) in (0, *also)


# Modules that are executed and not imported begin with two underscores.
_IMPORT_ALL = """
import importlib, pathlib, sys
for folder in map(pathlib.Path, sys.argv[1:]):
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if "templates" in parts or parts[-1].startswith("__") and parts[-1] != "__init__":
            continue
        importlib.import_module(".".join(part for part in parts if part != "__init__"))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="removals whose path or name has this text")
    parser.add_argument("--sample", type=int, default=0, help="so many of them, drawn by the seed")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=1, help="copies of the tree that are tried at the same time")
    parser.add_argument("--list", action="store_true", help="say what would be removed")
    options = parser.parse_args()
    chosen = [one for one in removals() if options.only in str(one) or options.only == one.target.name]
    if options.sample:
        chosen = random.Random(options.seed).sample(chosen, min(options.sample, len(chosen)))
    if options.list:
        print(*chosen, sep="\n")
    else:
        sys.exit(_judge(chosen, options.jobs))


def _judge(chosen: Sequence[Removal], jobs: int) -> int:
    by: Counter[str] = Counter()
    survivors = []
    with ExitStack() as stack:
        judges = [stack.enter_context(Judge()) for _ in range(jobs)]
        judges[0].check(dict.fromkeys(one.target for one in chosen))
        free = SimpleQueue[Judge]()
        for judge in judges:
            free.put(judge)

        def tried(removal: Removal) -> tuple[str, float]:
            began, judge = time.monotonic(), free.get()
            try:
                return judge.noticed(removal), time.monotonic() - began
            finally:
                free.put(judge)

        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        for number, (removal, (noticed, seconds)) in enumerate(zip(chosen, pool.map(tried, chosen), strict=True), 1):
            by[noticed or "nobody"] += 1
            if not noticed:
                survivors.append(removal)
            print(f"{number}/{len(chosen)} {removal}: {noticed or 'NOT NOTICED'}, {seconds:.1f} s", flush=True)
    print(f"{len(chosen)} removals, noticed by " + ", ".join(f"{judge}: {count}" for judge, count in by.items()))
    for removal in survivors:
        print(f"not noticed: {removal}")
    return 1 if survivors else 0


if __name__ == "__main__":
    main()
