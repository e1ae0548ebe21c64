"""What can be wrong with a file before it is a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, shorten

_SAVE_AGAIN = "Save the workflow in ComfyUI (Workflow > Save) and use that file."


@dataclass(frozen=True, kw_only=True)
class FileTooLarge(Diagnostic):
    """A file so large that it cannot be a graph that somebody drew."""

    code: ClassVar[str] = "file-too-large"
    size: int
    limit: int

    @property
    def reason(self) -> str:
        """The size and the limit."""
        return f"The file has {self.size:,} bytes or more; {self.limit:,} are read at most."

    @property
    def remedy(self) -> str:
        """What a file of this size usually is."""
        return "Check that this is the workflow's JSON file, not a checkpoint, an image or a log."


@dataclass(frozen=True, kw_only=True)
class NotText(Diagnostic):
    """A file that is not UTF-8 text."""

    code: ClassVar[str] = "not-text"
    offset: int

    @property
    def reason(self) -> str:
        """Where it stops being text."""
        return f"Expected UTF-8 text; byte {self.offset} is not."

    @property
    def remedy(self) -> str:
        """An image with an embedded workflow is the usual case."""
        return (
            "Give the workflow's .json file. A PNG or video that ComfyUI made holds its workflow inside: "
            "open it in ComfyUI and save it as JSON."
        )


@dataclass(frozen=True, kw_only=True)
class NotJson(Diagnostic):
    """A file that is not JSON."""

    code: ClassVar[str] = "not-json"
    detail: str
    line: int
    column: int

    @property
    def position(self) -> tuple[int, int]:
        """Where the parser stopped."""
        return self.line, self.column

    @property
    def reason(self) -> str:
        """The parser's complaint with its line and column."""
        return f"Expected JSON; line {self.line}, column {self.column}: {self.detail}."

    @property
    def remedy(self) -> str:
        """Save it again."""
        return _SAVE_AGAIN


@dataclass(frozen=True, kw_only=True)
class HalfOfAPair(Diagnostic):
    """A text that is none: half of a surrogate pair, as a cut emoji leaves it."""

    code: ClassVar[str] = "half-of-a-pair"

    @property
    def reason(self) -> str:
        """Where, and what it is."""
        return (
            f"The text at {self.at.json_path} holds half of a surrogate pair (\\ud800 to \\udfff), as an emoji that "
            "was cut in two leaves behind. It is no Unicode text and cannot be sent."
        )

    @property
    def remedy(self) -> str:
        """Take it out."""
        return "Open the workflow in ComfyUI, delete the broken character in that text (often shown as �), and save."


@dataclass(frozen=True, kw_only=True)
class TruncatedFile(Diagnostic):
    """JSON that ends in the middle: a copy or download that was cut off."""

    code: ClassVar[str] = "truncated-file"
    size: int

    @property
    def reason(self) -> str:
        """How much there is of it."""
        return f"The JSON ends in the middle, after {self.size:,} bytes: the file was cut off."

    @property
    def remedy(self) -> str:
        """Copy it again."""
        return "Copy or download the file again, or save it anew in ComfyUI."


@dataclass(frozen=True, kw_only=True)
class NotAGraph(Diagnostic):
    """JSON of another kind."""

    code: ClassVar[str] = "not-a-graph"
    found: str

    @property
    def reason(self) -> str:
        """What was found in place of a graph."""
        return f"Expected a saved graph, an object with a list of `nodes`; found {self.found}."

    @property
    def remedy(self) -> str:
        """Save it again."""
        return _SAVE_AGAIN


@dataclass(frozen=True, kw_only=True)
class ApiPromptGiven(Diagnostic):
    """An API prompt, which has lost titles, subgraphs, models and the annotation."""

    code: ClassVar[str] = "api-prompt"
    nodes: int

    @property
    def reason(self) -> str:
        """What it is, and what is missing in it."""
        return (
            f"This is an API prompt ({self.nodes} nodes), as `Export (API)` writes it. It holds no annotation, "
            "no subgraphs and no model list, so no interface can be made of it."
        )

    @property
    def remedy(self) -> str:
        """Which menu entry to use, and what can be done with the file as it is."""
        return (
            "Save the workflow itself: in ComfyUI, Workflow > Save or Export, not Export (API). If this file is all "
            "there is, open it in ComfyUI and save it from there. `comfy2runpod check` and `prompt` take it as it is."
        )


@dataclass(frozen=True, kw_only=True)
class MalformedGraph(Diagnostic):
    """A graph with a part that is not what the format says."""

    code: ClassVar[str] = "malformed-graph"
    expected: str
    found: str

    @property
    def reason(self) -> str:
        """What was expected at the place."""
        return f"Expected {self.expected}, found {shorten(self.found)}."

    @property
    def remedy(self) -> str:
        """Save it again."""
        return f"The file was not written by ComfyUI as it stands, or was edited by hand. {_SAVE_AGAIN}"
