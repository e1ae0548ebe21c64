"""The files that the note adds to the image: what was read of them beside the graph, checked."""

from __future__ import annotations

from collections.abc import Mapping

from comfy2runpod.diagnostics import Collector
from comfy2runpod.errors import image_parts as errors
from comfy2runpod.ir.annotation import Annotation
from comfy2runpod.ir.interface import ImageFile
from comfy2runpod_contract.secret_texts import holds_secret

_MEGABYTE = 10**6
# Of all together. A package is a repository, and its files are in the worker's image.
MOST_BYTES = 16 * _MEGABYTE


def image_files(
    note: Annotation, given: Mapping[str, bytes | str], file: str, found: Collector
) -> tuple[ImageFile, ...]:
    """The files with their bytes; notes those that were not read or hold a secret.

    Args:
        note: what the author wrote.
        given: the bytes of files by their path beside the graph, or why one was not read.
        file: the graph's name, for messages.
        found: what is wrong with them.
    """
    taken: list[ImageFile] = []
    for path, name in note.files:
        at = note.at(file, f"image.files.{path}")
        data = given.get(name, "it was not given to the compiler")
        if isinstance(data, str):
            found.add(errors.ImageFileNotRead(at=at, file=name, problem=data))
        elif _holds_secret(data):
            found.add(errors.SecretInImageFile(at=at, file=name))
        else:
            taken.append(ImageFile(path, data, name))
    size = sum(len(one.data) for one in taken)
    if size > MOST_BYTES:
        at = note.at(file, "image.files")
        found.add(errors.ImageFilesTooLarge(at=at, megabytes=-(-size // _MEGABYTE), most=MOST_BYTES // _MEGABYTE))
    return tuple(taken)


def _holds_secret(data: bytes) -> bool:
    """Whether a file's texts hold one: those of one byte a letter, and of two or four (UTF-16, UTF-32)."""
    if len(data) > MOST_BYTES:
        return False
    plain = data.decode("latin-1")
    return holds_secret(plain) or ("\0" in plain and holds_secret(plain.replace("\0", "")))
