"""What can be wrong with a graph, and how it is said.

A diagnostic is a small frozen dataclass, one class for each thing that can be wrong (they live in
`comfy2runpod.errors`, a module a stage). It knows its place, its reason and its remedy; rendering knows nothing of
graphs.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar

from comfy2runpod.ir.json import Json, JsonObject, glimpse
from comfy2runpod_contract.texts import visible

# About a second's worth.
_MOST_COMPARED = 200_000


class Severity(StrEnum):
    """A warning is given only where the prompt is still certainly right."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Locus:
    """A place in a graph file, as precisely as it is known.

    `node` is the prompt-style path (`92:11`), `title` and `class_type` are what the canvas shows, `input` the node's
    input, `json_path` the place in the file (`$.nodes[3]`).
    """

    file: str
    node: str | None = None
    title: str | None = None
    class_type: str | None = None
    input: str | None = None
    json_path: str | None = None

    @property
    def node_name(self) -> str:
        """The node as people find it: `node 92:11 "Blur" (ImageBlur)`."""
        name = f"node {shorten(self.node or '')}"
        if self.title and self.title != self.class_type:
            name += f' "{shorten(self.title, 60)}"'
        if self.class_type:
            name += f" ({shorten(self.class_type)})"
        return name

    def __str__(self) -> str:
        parts = [self.file]
        if self.node is not None:
            parts.append(self.node_name)
        if self.input is not None:
            parts.append(f"input {shorten(self.input)}")
        if self.node is None and self.json_path is not None:
            parts.append(self.json_path)
        return ": ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One thing that is wrong. Subclasses say what was found, what was expected and what to do."""

    severity: ClassVar[Severity] = Severity.ERROR
    code: ClassVar[str]

    at: Locus

    @property
    def reason(self) -> str:
        """What is wrong, and what was expected."""
        raise NotImplementedError

    @property
    def remedy(self) -> str:
        """What to do about it."""
        raise NotImplementedError

    @property
    def position(self) -> tuple[int, int] | None:
        """Line and column in the file, where what read it told them; else the place's JSON path tells."""
        return None

    def to_json(self) -> JsonObject:
        """The diagnostic as data, its place included."""
        at: dict[str, Json] = {
            key: visible(value)
            for key, value in (
                ("file", self.at.file),
                ("node", self.at.node),
                ("title", self.at.title),
                ("class_type", self.at.class_type),
                ("input", self.at.input),
                ("json_path", self.at.json_path),
            )
            if value is not None
        }
        return {
            "code": self.code,
            "severity": self.severity.value,
            "at": at,
            "reason": said(self.reason),
            "remedy": said(self.remedy),
        }


class CompileError(Exception):
    """A stage found errors: all that it found, in order."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = tuple(diagnostics)

    def __str__(self) -> str:
        return render(self.diagnostics)


class UnreachableError(Exception):
    """A file, a folder or a network that could not be reached; `diagnostic` says which and why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(render([diagnostic]))
        self.diagnostic = diagnostic


# Names longer than this are no misspelt ones.
_LONGEST_NAME = 200
_LONGEST_CHAIN = 40
_LONGEST_SAID = 5000
# Nobody reads more at a terminal.
MOST_SHOWN = 100
# No graph of an author's has as many errors; what has a hundred thousand is no graph, and telling all would take hours.
MOST_ERRORS = 1000


@dataclass(frozen=True, kw_only=True)
class TooManyErrors(Diagnostic):
    """A stage stopped looking."""

    code: ClassVar[str] = "too-many-errors"

    @property
    def reason(self) -> str:
        """How many were told."""
        return f"{MOST_ERRORS:,} errors were found up to here; what comes after was not looked at."

    @property
    def remedy(self) -> str:
        """Begin with the first."""
        return "Start with the first error: if all are alike, they have one cause."


@dataclass(frozen=True, kw_only=True)
class TooManyWarnings(Diagnostic):
    """A stage stopped noting warnings."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "too-many-warnings"
    omitted: int

    @property
    def reason(self) -> str:
        """How many are not told."""
        return f"There are {self.omitted:,} more warnings; {MOST_ERRORS:,} are told."

    @property
    def remedy(self) -> str:
        """Begin with the first."""
        return "Start with the first warning: if all are alike, they have one cause."


class Collector:
    """Gathers a stage's diagnostics; `finish` stops the pipeline if there is an error among them."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []
        self._at: dict[Locus, list[Diagnostic]] = {}
        self._errors = 0
        self._warnings = 0

    def add(self, diagnostic: Diagnostic) -> None:
        """Notes one more, once.

        Raises:
            CompileError: there are too many errors to go on looking.
        """
        is_error = diagnostic.severity is Severity.ERROR
        if not is_error and self._warnings >= MOST_ERRORS:
            self._warnings += 1
            return
        # A diagnostic may quote a value that does not hash; of those at one place there are few.
        there = self._at.setdefault(diagnostic.at, [])
        if diagnostic in there:
            return
        there.append(diagnostic)
        self._found.append(diagnostic)
        self._errors += is_error
        self._warnings += not is_error
        if self._errors == MOST_ERRORS:
            self._found.append(TooManyErrors(at=Locus(diagnostic.at.file)))
            self.finish()

    @property
    def all(self) -> tuple[Diagnostic, ...]:
        """Everything noted so far."""
        untold = self._warnings - MOST_ERRORS
        if untold <= 0:
            return tuple(self._found)
        return (*self._found, TooManyWarnings(at=Locus(self._found[0].at.file), omitted=untold))

    @property
    def has_errors(self) -> bool:
        """Whether the stage must stop."""
        return self._errors > 0

    def finish(self) -> tuple[Diagnostic, ...]:
        """The warnings; raises CompileError with everything if there is an error."""
        if self._found and self.has_errors:
            raise CompileError(self.all)
        return self.all


def render(diagnostics: Iterable[Diagnostic]) -> str:
    """The diagnostics as text: a headline with the place, then what is wrong, then what to do.

    Whatever they quote, the text is fit for a terminal, and of a length that a person can scroll through.
    """
    told = tuple(diagnostics)
    blocks = []
    for found in told[:MOST_SHOWN]:
        head = said(f"{found.severity.value}[{found.code}]: {found.at}")
        blocks.append(f"{head}\n  {_indent(said(found.reason))}\n  help: {_indent(said(found.remedy))}\n")
    if len(told) > MOST_SHOWN:
        blocks.append(f"… and {len(told) - MOST_SHOWN:,} more like these; --format json tells all of them.\n")
    return "\n".join(blocks)


def said(text: str) -> str:
    """What a diagnostic says, as it may be shown: nothing raw, and not without end."""
    return visible(text if len(text) <= _LONGEST_SAID else f"{text[:_LONGEST_SAID]}… ({len(text):,} characters)")


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")


def nearest(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The known names closest to a misspelt one, best first; case does not matter."""
    return _nearest(name[:_LONGEST_NAME], tuple(known), count)


# A graph often lacks one class many times over.
@lru_cache(maxsize=1024)
def _nearest(name: str, known: tuple[str, ...], count: int) -> tuple[str, ...]:
    by_folded: dict[str, str] = {}
    for candidate in known:
        by_folded.setdefault(candidate.casefold(), candidate)
    found = difflib.get_close_matches(name.casefold(), list(by_folded), n=count, cutoff=0.5)
    return tuple(by_folded[folded] for folded in found)


class Suggestions:
    """The known names nearest to misspelt ones, each looked for when a message asks for it.

    Of a file with very many wrong names, only the first are given suggestions.
    """

    def __init__(self, known: Collection[str]) -> None:
        self._known = known
        self._found: dict[str, tuple[str, ...]] = {}
        self._compared = 0

    def __call__(self, name: str) -> tuple[str, ...]:
        """The nearest, best first."""
        if name not in self._found:
            self._found[name] = nearest(name, self._known) if self._compared < _MOST_COMPARED else ()
            self._compared += len(self._known)
        return self._found[name]


def did_you_mean(names: Sequence[str]) -> str:
    """A half-sentence that offers the nearest names, or nothing."""
    if not names:
        return ""
    if len(names) == 1:
        return f"Did you mean {names[0]}? "
    return f"Did you mean {', '.join(names[:-1])} or {names[-1]}? "


def chain(names: Sequence[str]) -> str:
    """What follows what; a long chain without its middle."""
    shown = [shorten(name) for name in names]
    if len(shown) > _LONGEST_CHAIN:
        half = _LONGEST_CHAIN // 2
        shown[half:-half] = [f"… {len(shown) - 2 * half:,} more …"]
    return " > ".join(shown)


def shorten(text: str, limit: int = 80) -> str:
    """The text on one line, cut to `limit` characters, so that a message never carries a whole prompt."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def show(value: Json) -> str:
    """A value as a message quotes it: JSON, one line, at most 80 characters."""
    return shorten(glimpse(value))
