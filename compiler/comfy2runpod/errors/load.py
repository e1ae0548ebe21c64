"""What can be wrong with a file before it is a graph."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Text

_SAVE_AGAIN = "Save the workflow in ComfyUI (Workflow > Save) and use that file."


class FileTooLarge(Diagnostic):
    """A file that is too large to be a graph that was drawn in an editor."""

    code = "file-too-large"
    size: int
    limit: int

    reason = Text("The file has {size:,} bytes or more; at most {limit:,} are read.")
    remedy = Text("Check that this is the workflow's JSON file, and not a checkpoint, an image or a log.")


class NotText(Diagnostic):
    """A file that is not UTF-8 text."""

    code = "not-text"
    offset: int

    reason = Text("Expected UTF-8 text; byte {offset} is not.")
    remedy = Text(
        "Use the workflow's .json file. A PNG or video that ComfyUI made contains its workflow: open it in ComfyUI and "
        "save it as JSON."
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
    """A text with half of a surrogate pair, as a truncated emoji leaves it."""

    code = "half-of-a-pair"

    reason = Text(
        "The text at {at.json_path} contains half of a surrogate pair (\\ud800 to \\udfff), as left by an emoji that "
        "was cut in two. It is not valid Unicode and cannot be sent."
    )
    remedy = Text(
        "Open the workflow in ComfyUI, delete the broken character in that text (often shown as �), and save."
    )


class TruncatedFile(Diagnostic):
    """JSON that ends in the middle: an incomplete copy or download."""

    code = "truncated-file"
    size: int

    reason = Text("The JSON ends in the middle, after {size:,} bytes: the file was cut off.")
    remedy = Text("Copy or download the file again, or save it again in ComfyUI.")


class NotAGraph(Diagnostic):
    """JSON of another kind."""

    code = "not-a-graph"
    found: str

    reason = Text("Expected a saved graph, an object with a list of `nodes`; found {found}.")
    remedy = Text(_SAVE_AGAIN)


class ApiPromptGiven(Diagnostic):
    """An API prompt, which has no titles, subgraphs, models or annotation."""

    code = "api-prompt"
    nodes: int

    reason = Text(
        "This is an API prompt ({nodes} nodes), as `Export (API)` writes it. It has no annotation, no subgraphs and no "
        "model list, so no interface can be made of it."
    )
    remedy = Text(
        "Save the workflow itself: in ComfyUI, Workflow > Save or Export, not Export (API). If this file is all you "
        "have, open it in ComfyUI and save it from there. `comfy2runpod check` and `prompt` accept it as it is."
    )


class MalformedGraph(Diagnostic):
    """A part of a graph that does not follow the file format."""

    code = "malformed-graph"
    expected: str
    found: str

    reason = Text("Expected {expected}, found {found:short}.")

    @Text
    def remedy(self) -> str:
        return f"ComfyUI did not write the file like this; it may have been edited by hand. {_SAVE_AGAIN}"
