"""Is our answer right? Judged against what the real editor made of the same file.

No server is at hand to say whether it would run the editor's prompt, so that our own verdict is asked, the code that
`compile` refuses with. Accepted: ours must be an equal prompt. Refused, wholly or in part, or no prompt made at all:
ours must be an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.diagnostics import CompileError, shorten
from comfy2runpod.ir.prompt import Prompt
from comfy2runpod.pipeline import Options, convert
from comfy2runpod.server_check import PromptError, parse_prompt, validate_prompt
from parity.compare import differences
from parity.editor import Reading
from parity.suite import Read


class Outcome(StrEnum):
    """How our answer stands to the editor's."""

    EQUAL = "equal"
    REFUSED = "refused"
    DIFFERENT = "another prompt"
    REFUSED_WRONGLY = "refused wrongly"
    ACCEPTED_WRONGLY = "accepted wrongly"
    CRASHED = "crashed"

    @property
    def right(self) -> bool:
        """Whether it is what we promise."""
        return self in (Outcome.EQUAL, Outcome.REFUSED)


@dataclass(frozen=True, slots=True)
class Ours:
    """What we make of a file: a prompt, or the diagnostics' codes and text; `crash` if neither."""

    prompt: Prompt | None
    codes: tuple[str, ...] = ()
    text: str = ""
    crash: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome for one file; `why` holds what differs, or why the editor's prompt would be refused."""

    outcome: Outcome
    codes: tuple[str, ...]
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """A graph as an editor read it, beside ours."""

    read: Read
    ours: Ours
    judgement: Judgement


def judged(read: Read, catalog: Catalog) -> Result:
    """Converts a graph that an editor read as that editor would, and judges the two."""
    ours = ours_of(read.graph, f"{read.name}.json", catalog, read.editor.profile)
    return Result(read, ours, judge(read.reading, ours, catalog))


def ours_of(data: bytes, file: str, catalog: Catalog, profile: str) -> Ours:
    """Converts a file as an editor of a profile would, paid nodes allowed."""
    try:
        converted = convert(data, file, catalog, Options(editor=profile, allow_api_nodes=True))
    except CompileError as error:
        codes = sorted({diagnostic.code for diagnostic in error.diagnostics})
        return Ours(None, tuple(codes), str(error))
    except Exception as error:  # noqa: BLE001 - a crash is a finding, and the suite goes on
        return Ours(None, crash=f"{type(error).__name__}: {error}")
    return Ours(converted.graph.prompt())


def judge(reading: Reading, ours: Ours, catalog: Catalog) -> Judgement:
    """Our answer beside the editor's."""
    if ours.crash is not None:
        return Judgement(Outcome.CRASHED, (), (ours.crash,))
    refused_for = refusal(reading, catalog)
    if refused_for:
        outcome = Outcome.REFUSED if ours.prompt is None else Outcome.ACCEPTED_WRONGLY
        return Judgement(outcome, ours.codes, refused_for)
    if ours.prompt is None:
        return Judgement(Outcome.REFUSED_WRONGLY, ours.codes, tuple(ours.text.splitlines()))
    lines = differences(parse_prompt(reading.prompt, catalog), ours.prompt, catalog)
    return Judgement(Outcome.DIFFERENT if lines else Outcome.EQUAL, (), tuple(lines))


def refusal(reading: Reading, catalog: Catalog) -> tuple[str, ...]:
    """Why the editor's prompt would not run whole; nothing if it would."""
    if reading.error is not None:
        return (f"the editor fails: {reading.error}",)
    try:
        verdict = validate_prompt(parse_prompt(reading.prompt, catalog), catalog)
    except PromptError as error:
        return (str(error),)
    faults = [
        f"{fault.node_id} ({fault.class_type}): {fault.message}: {shorten(fault.details, 120)}"
        for fault in verdict.node_faults
    ]
    if verdict.error is not None and not faults:
        return (f"{verdict.error.message} {verdict.error.details}".strip(),)
    return tuple(faults)
