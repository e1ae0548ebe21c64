"""Builds the media part of an answer from the results."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.messages import DATA, TEXT, is_flat
from comfy2runpod_runtime.errors import JobFailed
from comfy2runpod_runtime.outputs.base import Output
from comfy2runpod_runtime.outputs.measures import Measures

_CHUNK = 3 << 18  # a multiple of three, so that the base64 of chunks can be concatenated


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A result in the form of the answer. In a flat answer, `data` or `text` is renamed to the output's name."""

    output: Output
    fields: JsonObject


@dataclass(frozen=True, slots=True)
class FileResult:
    """A downloaded and measured file of an output.

    Attributes:
        file_name: its name in a bucket.
        size: in bytes.
        sha256: in hexadecimal.
    """

    output: Output
    path: Path
    file_name: str
    size: int
    sha256: str
    measures: Measures

    def inline(self) -> AnswerPart:
        """Returns the file as base64, with its measures."""
        return AnswerPart(self.output, {DATA: _encoded(self.path), **self._facts()})

    def by_url(self, location: JsonObject) -> AnswerPart:
        """Returns the URL of the file, with its measures.

        Args:
            location: `url` and `expires_at`.
        """
        return AnswerPart(self.output, {**location, **self._facts()})

    def _facts(self) -> JsonObject:
        return {
            "media_type": self.measures.media_type,
            "bytes": self.size,
            "sha256": self.sha256,
            **self.measures.to_json(),
        }


@dataclass(frozen=True, slots=True)
class TextResult:
    """A text of an output."""

    output: Output
    text: str

    @property
    def size(self) -> int:
        """The size of the text in bytes."""
        return len(self.text.encode())

    def inline(self) -> AnswerPart:
        """Returns the text."""
        return AnswerPart(self.output, {TEXT: self.text})


Result: TypeAlias = FileResult | TextResult


def build_answer(
    declared: Sequence[Output], parts: Sequence[AnswerPart], failed: Mapping[str, JobFailed]
) -> JsonObject:
    """Returns the media part of an answer: flat for a single file, else an object or a list for each output.

    Args:
        declared: all outputs of the endpoint, in order.
        parts: the results of the requested outputs.
        failed: the errors of failed outputs, with `allow_partial`.
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
    """Returns the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _encoded(path: Path) -> str:
    """Encodes a file as base64, in chunks, so that its bytes are never completely in memory beside the text."""
    parts = []
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            parts.append(base64.b64encode(chunk).decode("ascii"))
    return "".join(parts)
