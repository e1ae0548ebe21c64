"""Results -> the media part of an answer."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.messages import DATA, TEXT, is_flat
from comfy2runpod_runtime.errors import JobError
from comfy2runpod_runtime.outputs.base import Output
from comfy2runpod_runtime.outputs.measures import Measures

_CHUNK = 3 << 18  # a multiple of three: each chunk's base64 stands alone


@dataclass(frozen=True, slots=True)
class Part:
    """A result as it stands in an answer; a flat one calls `data` or `text` by the output's name."""

    output: Output
    fields: JsonObject


@dataclass(frozen=True, slots=True)
class Collected:
    """A downloaded and measured file of an output, as it will be sent; `size` in bytes, `file_name` for storage."""

    output: Output
    path: Path
    file_name: str
    size: int
    sha256: str
    measures: Measures

    def inline(self) -> Part:
        """The file itself, and what is known of it."""
        return Part(self.output, {DATA: _encoded(self.path), **self._facts()})

    def elsewhere(self, where: JsonObject) -> Part:
        """Where the file is, and what is known of it."""
        return Part(self.output, {**where, **self._facts()})

    def _facts(self) -> JsonObject:
        return {
            "media_type": self.measures.media_type,
            "bytes": self.size,
            "sha256": self.sha256,
            **self.measures.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """A text of an output."""

    output: Output
    text: str

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self.text.encode())

    def inline(self) -> Part:
        """The text."""
        return Part(self.output, {TEXT: self.text})


Result: TypeAlias = Collected | Shown


def answer_of(declared: Sequence[Output], parts: Sequence[Part], failed: Mapping[str, JobError]) -> JsonObject:
    """The media part of an answer: flat for a single file, else an object (or a list of them) for each output made.

    Args:
        declared: all outputs of the endpoint, in its order.
        parts: what was made of those that were wanted.
        failed: why others were not, where the caller takes what there is.
    """
    if is_flat([output.many for output in declared]):
        (part,) = parts
        return {part.output.name if key in (DATA, TEXT) else key: value for key, value in part.fields.items()}
    answer: JsonObject = {}
    for output in declared:
        objects: list[Json] = [part.fields for part in parts if part.output is output]
        if objects:
            answer[output.name] = objects if output.many else objects[0]
    if failed:
        answer["failed"] = [
            {"output": name, "code": error.code, "message": error.message} for name, error in failed.items()
        ]
    return answer


def sha256_of(path: Path) -> str:
    """The file's sha256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _encoded(path: Path) -> str:
    """The file as base64 text, read in chunks so that its bytes are never whole beside the text."""
    parts = []
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            parts.append(base64.b64encode(chunk).decode("ascii"))
    return "".join(parts)
