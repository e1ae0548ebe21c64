"""What scripts/mutants.py removes, and a sample of it: imports, fast tests or mypy notice each removal."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from scripts.mutant_targets import TARGETS, Target
from scripts.mutants import Judge, removals

SAMPLE = int(os.environ.get("MUTANT_COUNT", "2"))
SEED = os.environ.get("MUTANT_SEED", "1")
MODULE = '''\
from enum import Enum

TABLE = {
    "a": 1,
    "b": 2,
}


class Kind(Enum):
    """Kinds."""

    ONE = 1
    TWO = 2

    @property
    def name_of(self) -> str:
        return "x"


class Alone:
    value = 1


def of(kind: Kind) -> int:
    match kind:
        case Kind.ONE:
            return 1
        case Kind.TWO:
            return 2
'''


def test_each_definition_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(MODULE)
    parts = ("members", "methods", "functions", "classes", "constants", "entries", "cases")
    found = removals([Target("all", ("*.py",), parts, ())], tmp_path)
    changed = {one.name: one.applied(MODULE.encode()).decode() for one in found}
    assert changed == {
        "Kind.ONE": MODULE.replace("    ONE = 1\n", ""),
        "Kind.TWO": MODULE.replace("    TWO = 2\n", ""),
        "Kind.name_of": MODULE.replace('    @property\n    def name_of(self) -> str:\n        return "x"\n', ""),
        "Alone.value": MODULE.replace("    value = 1\n", "    pass\n"),
        "of": MODULE[: MODULE.index("def of")],
        "Kind": MODULE[: MODULE.index("class Kind")] + MODULE[MODULE.index("\n\nclass Alone") :],
        "Alone": MODULE.replace("class Alone:\n    value = 1\n", ""),
        "TABLE": MODULE.replace('TABLE = {\n    "a": 1,\n    "b": 2,\n}\n', ""),
        "TABLE['a']": MODULE.replace('    "a": 1,\n', "    \n"),
        "TABLE['b']": MODULE.replace('    "b": 2,\n', "    \n"),
        "case Kind.ONE": MODULE.replace("        case Kind.ONE:\n            return 1\n", ""),
        "case Kind.TWO": MODULE.replace("        case Kind.TWO:\n            return 2\n", ""),
    }


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_target_has_things_and_tests_that_are_there(target: Target) -> None:
    root = Path(__file__).parents[2]
    assert len(removals([target])) > 10
    assert all((root / name).exists() for name in target.tests)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_sample_is_noticed() -> None:
    """MUTANT_COUNT and MUTANT_SEED say how many and which; `make mutants` tries all."""
    sample = random.Random(SEED).sample(removals(), SAMPLE)
    with Judge() as judge:
        judge.check(())
        noticed = {one: judge.noticed(one) for one in sample}
        assert [str(one) for one, by in noticed.items() if not by] == []
        # Most are noticed sooner; only of these it matters that the tests pass without any removal.
        judge.check(dict.fromkeys(one.target for one, by in noticed.items() if by == "tests"))
