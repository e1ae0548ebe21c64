"""What can be wrong with a file before it is a graph."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Text

_SAVE_AGAIN = "Save the workflow in ComfyUI (Workflow > Save) and use that file."


class FileTooLarge(Diagnostic):
    """A file so large that it cannot be a graph that somebody drew."""

    code = "file-too-large"
    size: int
    limit: int

    reason = Text("The file has {size:,} bytes or more; {limit:,} are read at most.")
    remedy = Text("Check that this is the workflow's JSON file, not a checkpoint, an image or a log.")


class NotText(Diagnostic):
    """A file that is not UTF-8 text."""

    code = "not-text"
    offset: int

    reason = Text("Expected UTF-8 text; byte {offset} is not.")
    remedy = Text(
        "Give the workflow's .json file. A PNG or video that ComfyUI made holds its workflow inside: open it in "
        "ComfyUI and save it as JSON."
    )


class NotJson(Diagnostic):
    """A file that is not JSON."""

    code = "not-json"
    detail: str
    line: int
    column: int

    @property
    def position(self) -> tuple[int, int]:
        """Where the parser stopped."""
        return self.line, self.column

    reason = Text("Expected JSON; line {line}, column {column}: {detail}.")
    remedy = Text(_SAVE_AGAIN)


class HalfOfAPair(Diagnostic):
    """A text that is none: half of a surrogate pair, as a cut emoji leaves it."""

    code = "half-of-a-pair"

    reason = Text(
        "The text at {at.json_path} holds half of a surrogate pair (\\ud800 to \\udfff), as an emoji that was cut in "
        "two leaves behind. It is no Unicode text and cannot be sent."
    )
    remedy = Text(
        "Open the workflow in ComfyUI, delete the broken character in that text (often shown as �), and save."
    )


class TruncatedFile(Diagnostic):
    """JSON that ends in the middle: a copy or download that was cut off."""

    code = "truncated-file"
    size: int

    reason = Text("The JSON ends in the middle, after {size:,} bytes: the file was cut off.")
    remedy = Text("Copy or download the file again, or save it anew in ComfyUI.")


class NotAGraph(Diagnostic):
    """JSON of another kind."""

    code = "not-a-graph"
    found: str

    reason = Text("Expected a saved graph, an object with a list of `nodes`; found {found}.")
    remedy = Text(_SAVE_AGAIN)


class ApiPromptGiven(Diagnostic):
    """An API prompt, which has lost titles, subgraphs, models and the annotation."""

    code = "api-prompt"
    nodes: int

    reason = Text(
        "This is an API prompt ({nodes} nodes), as `Export (API)` writes it. It holds no annotation, no subgraphs and "
        "no model list, so no interface can be made of it."
    )
    remedy = Text(
        "Save the workflow itself: in ComfyUI, Workflow > Save or Export, not Export (API). If this file is all there "
        "is, open it in ComfyUI and save it from there. `comfy2runpod check` and `prompt` take it as it is."
    )


class MalformedGraph(Diagnostic):
    """A graph with a part that is not what the format says."""

    code = "malformed-graph"
    expected: str
    found: str

    reason = Text("Expected {expected}, found {found:short}.")

    @Text
    def remedy(self) -> str:
        return f"The file was not written by ComfyUI as it stands, or was edited by hand. {_SAVE_AGAIN}"
