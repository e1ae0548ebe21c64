"""What an input that is a file says of its kind: the marker of its field, its limits, and what decodes it.

The decoder process imports this and each kind's marker, so that these import the standard library alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """The limits for decoding one file.

    Attributes:
        cpu_seconds: CPU time.
        seconds: wall-clock time.
        memory_bytes: address space.
    """

    cpu_seconds: float
    seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputKind:
    """What loading, decoding and naming need to know of a kind of file.

    Attributes:
        name: its name: in messages, in the names of settings, and for the decoder program.
        plural: the same of several.
        library: the package that decodes it, the only one beside ours that its decoder process can import.
        accept: the header by which a server is asked for it.
        data_url: how a data URL of it begins, for messages.
        ending: the extension of the re-encoded file for ComfyUI.
        signature: what is in this file after `signature_at` bytes.
        signature_at: in bytes.
        remedy: what a caller can do about a file that exceeds the decoder's limits.
        decode_limits: what decoding one file may take if the operator sets nothing.
        cpu_use: a sentence on the CPU time that files take, for the operator.
        memory_use: the same of memory.
    """

    name: str
    plural: str
    library: str
    accept: bytes
    data_url: str
    ending: str
    signature: bytes
    signature_at: int
    remedy: str
    decode_limits: DecodeLimits
    cpu_use: str
    memory_use: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInput(ABC):
    """Marks a text that is a file: base64, a data URL, or an https URL, within limits.

    It is checked when the job begins (`media_inputs.py`), since a URL has to be fetched for it. A kind of file is a
    subclass in `kinds/`, whose attributes are the limits of a field.

    Attributes:
        max_bytes: the size of the file.
        formats: names of the formats that are accepted.
    """

    kind: ClassVar[InputKind]

    max_bytes: int
    formats: tuple[str, ...]

    @property
    @abstractmethod
    def max_written_bytes(self) -> int:
        """The largest file that the decoder writes anew."""

    @classmethod
    @abstractmethod
    def decoder(cls) -> Callable[[bytes, Self], bytes]:
        """Imports what decodes files of this kind. Only the decoder process calls this.

        Returns:
            A function that checks a file and re-encodes it for ComfyUI, within the limits that it is given with it. It
            raises `MediaRefused` for one that exceeds a limit, is not of an accepted format or is corrupt, and
            MemoryError for one that needs more memory than the process may have.
        """

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """JSON Schema has no word for a text that may be base64 or a URL: each limit is a word of our own."""
        limits = {one.name: getattr(self, one.name) for one in fields(self)}
        words = {
            f"x-{name.replace('_', '-')}": [*limit] if isinstance(limit, tuple) else limit
            for name, limit in limits.items()
        }
        return {**handler(schema), "x-media": self.kind.name, **words}
