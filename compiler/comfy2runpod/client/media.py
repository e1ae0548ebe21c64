"""The media of an answer: parsed, named, checked and written."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .contract import FILE_ENDINGS, OTHER_ENDING
from .errors import CannotSave, MediaBroken

# The largest integer that JavaScript represents exactly.
_MAX_INTEGER = 2**53 - 1


@dataclass(frozen=True)
class OutputSpec:
    """An output of a package: its name, its default media type, and whether its fields are those of the answer."""

    name: str
    media_type: str
    flat: bool


@dataclass(frozen=True)
class Medium:
    """One file of an answer, as exactly one of text, base64 and URL."""

    output: str
    # The index in a list of files; None if the output is one file.
    index: int | None
    media_type: str
    text: str | None
    data: str | None
    url: str | None
    size: int | None
    sha256: str | None

    def name(self) -> str:
        """Returns the file name: the output, the number in a list, and the extension of the media type."""
        place = "" if self.index is None else f"_{self.index + 1:02d}"
        return f"{self.output}{place}{_extension(self.media_type)}"


def media_in(answer: Mapping[str, object], outputs: tuple[OutputSpec, ...], max_files: int) -> tuple[Medium, ...]:
    """Parses the files of an answer, in the order of the outputs. Outputs that were not requested are absent.

    Raises:
        MediaBroken: a file is malformed, there are more than `max_files`, or two would have the same name.
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
        if len(found) > max_files:
            raise MediaBroken(f"{output.name}: with it, the answer has more than {max_files:,} files")
    check_names((medium, medium.name()) for medium in found)
    return tuple(found)


def check_names(files: Iterable[tuple[Medium, str]]) -> None:
    """Checks that no file of an answer replaces another, also where names that differ only in case are the same.

    Raises:
        MediaBroken: two have the same name.
    """
    first: dict[str, Medium] = {}
    for medium, name in files:
        other = first.setdefault(name.casefold(), medium)
        if other is not medium:
            raise MediaBroken(f"{medium.output}: a file of it would replace one of {other.output}, as {name}")


class TotalBytes:
    """The bytes of the files of an answer together: as the answer tells them, else as they were written.

    Args:
        media: the files.
        max_bytes: the largest sum to accept.

    Raises:
        MediaBroken: there are more.
    """

    def __init__(self, media: Iterable[Medium], max_bytes: int) -> None:
        self._most = max_bytes
        self._sum = 0
        for medium in media:
            self._add(medium, medium.size or 0)

    def count(self, medium: Medium, path: Path) -> None:
        """Counts a file that was written, if the answer did not tell its size.

        Raises:
            MediaBroken: with it, there are more.
            CannotSave: the file is no longer there.
        """
        if medium.size is None:
            try:
                self._add(medium, path.stat().st_size)
            except OSError as error:
                raise CannotSave(error) from error

    def _add(self, medium: Medium, size: int) -> None:
        self._sum += size
        if self._sum > self._most:
            raise MediaBroken(f"{medium.output}: with it, the answer's files have more than {self._most:,} bytes")


def _medium(output: OutputSpec, index: int | None, file: object) -> Medium:
    if not isinstance(file, dict):
        raise MediaBroken(f"{output.name}: the answer has no file for it")
    size, sha256 = file.get("bytes"), file.get("sha256")
    # In JSON, 5.0 is an integer.
    if isinstance(size, float) and size.is_integer():
        size = int(size)
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_INTEGER):
        raise MediaBroken(f"{output.name}: the answer's `bytes` is not a valid size")
    if sha256 is not None and not isinstance(sha256, str):
        raise MediaBroken(f"{output.name}: the answer's `sha256` is not a string")
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
    """Decodes a medium that the answer contains, and checks its size and sha256.

    Raises:
        MediaBroken: it is not base64, or its size or sha256 differs.
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
        raise MediaBroken(f"{medium.output}: the answer contains neither the file nor its URL")
    Receiver(medium, len(content)).feed(content).done()
    return content


class Receiver:
    """Checks the size and sha256 of a file while it is received.

    Args:
        medium: the expected size and sha256.
        max_bytes: the largest size to accept.

    Attributes:
        most: the largest size that this file may have, in bytes.
    """

    def __init__(self, medium: Medium, max_bytes: int) -> None:
        self._medium = medium
        self.most = max_bytes if medium.size is None else min(medium.size, max_bytes)
        self._size = 0
        self._hash = hashlib.sha256()

    def feed(self, chunk: bytes) -> Receiver:
        """Adds the next bytes.

        Raises:
            MediaBroken: the file is too long.
        """
        self._size += len(chunk)
        if self._size > self.most:
            raise MediaBroken(f"{self._medium.output}: the file is longer than {self.most:,} bytes")
        self._hash.update(chunk)
        return self

    def done(self) -> None:
        """Checks the complete file.

        Raises:
            MediaBroken: the size or sha256 differs.
        """
        medium = self._medium
        if medium.size is not None and self._size != medium.size:
            raise MediaBroken(f"{medium.output}: the file has {self._size:,} bytes, the worker made {medium.size:,}")
        if medium.sha256 is not None and self._hash.hexdigest() != medium.sha256:
            raise MediaBroken(f"{medium.output}: the file's sha256 differs from the one in the answer")


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file atomically. Leaves no partial file.

    Raises:
        CannotSave: the file cannot be written.
    """
    part = part_of(path)
    try:
        try:
            # "x" fails if the path exists, also as a symbolic link.
            with part.open("xb") as file:
                file.write(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CannotSave(error) from error


def part_of(path: Path) -> Path:
    """Returns the temporary path of a file that is being written."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")


def is_part(name: str) -> bool:
    """Returns whether a file name is one of `part_of`."""
    return re.fullmatch(r"\..+\.[0-9a-f]{16}\.part", name, re.DOTALL) is not None


def _extension(media_type: str) -> str:
    """Looks the extension up in a table: an answer must not choose file names."""
    return FILE_ENDINGS.get(media_type.partition(";")[0].strip().lower(), OTHER_ENDING)
