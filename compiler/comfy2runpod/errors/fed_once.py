"""What can be wrong if two things set one input of the prompt."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Text, all_of, also, show
from comfy2runpod_contract.json_types import Json


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
            return f"{self.field} feeds {self.path} twice with different values: only the last one would count."
        return (
            f"{self.field} feeds {self.path}, which {self.other} already feeds: one of the two values would be dropped "
            "silently."
        )

    @Text
    def remedy(self) -> str:
        if self.field == self.other:
            return f"Name {self.path} once under `from`."
        return (
            f"Remove {self.path} from one of the two; one field may feed several inputs (`from: [92.width, 5.width]`)."
        )


class FeedsAFileName(Diagnostic):
    """A field that would only feed the name of an output file, which the worker chooses."""

    code = "feeds-a-file-name"
    field: str
    path: str
    output: str

    reason = Text(
        "{field} feeds {path}, which only names the file of {output}. The worker chooses the file names of each job, "
        "so the value would be ignored silently."
    )
    remedy = Text("Remove this field (or this path from it): callers name files when they save them.")


class FieldLostWithout(Diagnostic):
    """A field whose value is replaced by a saved one if an image is omitted."""

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
            f"{self.field} feeds {self.path}, which is bypassed if {all_of(self.fields)} is omitted: {reader} then "
            f"takes {kept}, and the field's value would be dropped silently."
        )

    remedy = Text("Remove the node that holds the value from `bypass`, or bypass the node that reads it as well.")
