"""Media in an answer: which files it holds, and how they are named, checked and written."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .contract import FILE_ENDINGS, OTHER_ENDING
from .errors import CannotSave, MediaBroken

# What a double holds exactly, which is what the other clients count with.
_LARGEST = 2**53 - 1


@dataclass(frozen=True)
class OutputSpec:
    """An output of a package: its name, its files' type unless they say another, and whether it stands alone."""

    name: str
    media_type: str
    flat: bool


@dataclass(frozen=True)
class Medium:
    """One file of an answer: its text, its base64, or its address, exactly one of them."""

    output: str
    # Its place among the files of an output that is a list.
    index: int | None
    media_type: str
    text: str | None
    data: str | None
    url: str | None
    size: int | None
    sha256: str | None

    def name(self) -> str:
        """What its file is called: the output, its place in a list, and an extension by its type."""
        place = "" if self.index is None else f"_{self.index + 1:02d}"
        return f"{self.output}{place}{_extension(self.media_type)}"


def media_in(answer: Mapping[str, object], outputs: tuple[OutputSpec, ...]) -> tuple[Medium, ...]:
    """The files of an answer, in the order of the outputs; outputs that were not asked for are omitted.

    Raises:
        MediaBroken: what stands in a file's place is none.
    """
    found: list[Medium] = []
    for output in outputs:
        value = answer.get(output.name)
        if output.flat and (isinstance(value, str) or "url" in answer):
            key = "text" if output.media_type.startswith("text/") else "data"
            found.append(_medium(output, None, {**answer, key: value}))
        elif isinstance(value, str):
            found.append(_medium(output, None, {"text": value}))
        elif isinstance(value, list):
            found += [_medium(output, index, one) for index, one in enumerate(value)]
        elif output.name in answer:
            found.append(_medium(output, None, value))
    return tuple(found)


def _medium(output: OutputSpec, index: int | None, file: object) -> Medium:
    if not isinstance(file, dict):
        raise MediaBroken(f"{output.name}: the answer holds no file in its place")
    size, sha256 = file.get("bytes"), file.get("sha256")
    # To JSON, 5.0 is a whole number.
    if isinstance(size, float) and size.is_integer():
        size = int(size)
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _LARGEST):
        raise MediaBroken(f"{output.name}: the answer's `bytes` is no size of a file")
    if sha256 is not None and not isinstance(sha256, str):
        raise MediaBroken(f"{output.name}: the answer's `sha256` is none")
    text, data = _text(file, "text"), _text(file, "data")
    return Medium(
        output.name,
        index,
        _text(file, "media_type") or ("text/plain" if text is not None else output.media_type),
        text,
        data,
        _text(file, "url"),
        size,
        sha256,
    )


def _text(file: Mapping[str, object], key: str) -> str | None:
    value = file.get(key)
    return value if isinstance(value, str) else None


def decoded(medium: Medium) -> bytes:
    """The bytes of a medium that is in the answer itself.

    Raises:
        MediaBroken: it is not base64, or not as long as, or other than, the answer says.
    """
    if medium.text is not None:
        try:
            return medium.text.encode()
        except UnicodeEncodeError:
            raise MediaBroken(f"{medium.output}: the answer's text holds half of a surrogate pair") from None
    try:
        content = base64.b64decode(medium.data or "", validate=True)
    except ValueError:
        raise MediaBroken(f"{medium.output}: the answer's text is not base64") from None
    if not content:
        raise MediaBroken(f"{medium.output}: the answer holds neither the file nor its address")
    Receiver(medium, len(content)).feed(content).done()
    return content


class Receiver:
    """Measures a file as it comes, and refuses one that is not the worker's."""

    def __init__(self, medium: Medium, max_bytes: int) -> None:
        self._medium = medium
        self._most = max_bytes if medium.size is None else min(medium.size, max_bytes)
        self._size = 0
        self._hash = hashlib.sha256()

    def feed(self, chunk: bytes) -> Receiver:
        """Takes the next bytes in.

        Raises:
            MediaBroken: there are more than there may be.
        """
        self._size += len(chunk)
        if self._size > self._most:
            raise MediaBroken(f"{self._medium.output}: the file is longer than {self._most:,} bytes")
        self._hash.update(chunk)
        return self

    def done(self) -> None:
        """Says that the file is at its end.

        Raises:
            MediaBroken: it is too short, or another file.
        """
        medium = self._medium
        if medium.size is not None and self._size != medium.size:
            raise MediaBroken(f"{medium.output}: the file has {self._size:,} bytes, the worker made {medium.size:,}")
        if medium.sha256 is not None and self._hash.hexdigest() != medium.sha256:
            raise MediaBroken(f"{medium.output}: the file's sha256 is not the one that the answer says")


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that nobody ever sees half of it, nor what is left of one that found no room.

    Raises:
        CannotSave: it cannot be written.
    """
    part = part_of(path)
    try:
        try:
            # Never through a link that somebody put in its place.
            with part.open("xb") as file:
                file.write(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CannotSave(error) from error


def part_of(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")


def is_part(name: str) -> bool:
    """Whether a file's name is one that `part_of` gives."""
    return re.fullmatch(r"\..+\.[0-9a-f]{16}\.part", name, re.DOTALL) is not None


def _extension(media_type: str) -> str:
    """By a table alone: what a file is called is not for an answer to choose."""
    return FILE_ENDINGS.get(media_type.partition(";")[0].strip().lower(), OTHER_ENDING)
