"""What can be wrong where two write one input of the prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, show
from comfy2runpod.ir.json import Json


@dataclass(frozen=True, kw_only=True)
class FedTwice(Diagnostic):
    """An input that two fields feed, or one field in two ways."""

    code: ClassVar[str] = "fed-twice"
    field: str
    other: str
    path: str

    @property
    def reason(self) -> str:
        """Both, and what would become of one."""
        if self.field == self.other:
            return f"{self.field} feeds {self.path} twice, each time otherwise: only the last value would count."
        return (
            f"{self.field} feeds {self.path}, which {self.other} feeds already: one of the two values would be dropped "
            "without a word."
        )

    @property
    def remedy(self) -> str:
        """One writer."""
        if self.field == self.other:
            return f"Name {self.path} once under `from`."
        return (
            f"Take {self.path} out of one of the two; one field may feed several inputs (`from: [92.width, 5.width]`)."
        )


@dataclass(frozen=True, kw_only=True)
class FeedsAFileName(Diagnostic):
    """A field of which nothing is left but a file's name, which the worker chooses."""

    code: ClassVar[str] = "feeds-a-file-name"
    field: str
    path: str
    output: str

    @property
    def reason(self) -> str:
        """Whose name it is."""
        return (
            f"{self.field} feeds {self.path}, which only names the file of {self.output}. The worker gives every job's "
            "files names of their own: the value would be dropped without a word."
        )

    @property
    def remedy(self) -> str:
        """Do without."""
        return "Remove this field (or this path of it): a caller names the file where it is kept."


@dataclass(frozen=True, kw_only=True)
class FieldLostWithout(Diagnostic):
    """A field in whose place a saved value stands where an image is omitted."""

    code: ClassVar[str] = "field-lost-without"
    field: str
    path: str
    fields: tuple[str, ...]
    reader: str
    value: Json

    @property
    def reason(self) -> str:
        """What is bypassed, and what then counts."""
        without = " and ".join(self.fields)
        kept = "nothing" if self.value is None else f"the saved {show(self.value)}"
        return (
            f"{self.field} feeds {self.path}, which is bypassed where {without} is omitted: {self.reader} then takes "
            f"{kept}, and the field's value would be dropped without a word."
        )

    @property
    def remedy(self) -> str:
        """Leave the node in."""
        return "Take the node that holds the value out of `bypass`, or bypass the node that reads it too."
