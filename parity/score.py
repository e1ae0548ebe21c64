"""Results -> figures: for each set of graphs and each editor that read it, how often we were right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from parity.exceptions import Key
from parity.judge import Outcome, Result
from parity.versions import VERSIONS, EditorVersion


@dataclass(frozen=True, slots=True)
class Score:
    """The figures of one set in one editor. `known` are wrong with a reason, `wrong` without."""

    set: str
    editor: EditorVersion
    outcomes: Mapping[Outcome, int]
    known: int
    wrong: int

    @property
    def graphs(self) -> int:
        """How many graphs the set has."""
        return sum(self.outcomes.values())

    @property
    def right(self) -> float:
        """The share of graphs on which we are right, from 0 to 1."""
        return 1 - (self.known + self.wrong) / self.graphs


def key_of(result: Result) -> Key:
    """What an exception names a result by."""
    return (result.read.editor.profile, result.read.name)


def scores(results: Sequence[Result], exceptions: Mapping[Key, str]) -> list[Score]:
    """The figures, templates first."""
    found = []
    names = ["templates", *(set_name(version) for version in VERSIONS.values())]
    for name in names:
        for version in VERSIONS.values():
            part = [each for each in results if each.read.editor == version and set_of(each) == name]
            if part:
                wrong = [each for each in part if not each.judgement.outcome.right]
                known = sum(key_of(each) in exceptions for each in wrong)
                outcomes = Counter(each.judgement.outcome for each in part)
                found.append(Score(name, version, outcomes, known, len(wrong) - known))
    return found


def stale(results: Sequence[Result], exceptions: Mapping[Key, str], templates: Container[str]) -> set[Key]:
    """The exceptions that no longer hold: we are right about the graph, or there is no such template any more."""
    right = {key_of(each) for each in results if each.judgement.outcome.right}
    gone = {(profile, name) for profile, name in exceptions if "/" not in name and name not in templates}
    return (exceptions.keys() & right) | gone


def set_of(result: Result) -> str:
    """The set that a result belongs to, in words."""
    changed = result.read.changed
    return "templates" if changed is None else set_name(changed.made_in)


def set_name(made_in: EditorVersion) -> str:
    """The set of the graphs that were changed and saved in an editor."""
    return f"changed in {made_in.version}"
