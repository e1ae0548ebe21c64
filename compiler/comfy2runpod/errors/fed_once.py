"""What can be wrong where two write one input of the prompt."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Text, all_of, also, show
from comfy2runpod.ir.json import Json


class FedTwice(Diagnostic):
    """An input that two fields feed, or one field in two ways."""

    code = "fed-twice"
    field: str
    other: str
    path: str
    other_at: Locus | None = also("{other} feeds it already")

    @Text
    def reason(self) -> str:
        if self.field == self.other:
            return f"{self.field} feeds {self.path} twice, each time otherwise: only the last value would count."
        return (
            f"{self.field} feeds {self.path}, which {self.other} feeds already: one of the two values would be dropped "
            "without a word."
        )

    @Text
    def remedy(self) -> str:
        if self.field == self.other:
            return f"Name {self.path} once under `from`."
        return (
            f"Take {self.path} out of one of the two; one field may feed several inputs (`from: [92.width, 5.width]`)."
        )


class FeedsAFileName(Diagnostic):
    """A field of which nothing is left but a file's name, which the worker chooses."""

    code = "feeds-a-file-name"
    field: str
    path: str
    output: str

    reason = Text(
        "{field} feeds {path}, which only names the file of {output}. The worker gives every job's files names of "
        "their own: the value would be dropped without a word."
    )
    remedy = Text("Remove this field (or this path of it): a caller names the file where it is kept.")


class FieldLostWithout(Diagnostic):
    """A field in whose place a saved value stands where an image is omitted."""

    code = "field-lost-without"
    field: str
    path: str
    fields: tuple[str, ...]
    reader: Locus = also("takes the value that was saved")
    value: Json

    @Text
    def reason(self) -> str:
        reader = f"{self.reader.node}.{self.reader.input}"
        kept = "nothing" if self.value is None else f"the saved {show(self.value)}"
        return (
            f"{self.field} feeds {self.path}, which is bypassed where {all_of(self.fields)} is omitted: {reader} then "
            f"takes {kept}, and the field's value would be dropped without a word."
        )

    remedy = Text("Take the node that holds the value out of `bypass`, or bypass the node that reads it too.")
