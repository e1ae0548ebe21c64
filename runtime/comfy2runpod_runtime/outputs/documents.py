"""Files that hold neither images nor sound: 3D models (GLB) and drawings (SVG), never rendered."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.outputs.media import NoMeasures

# glTF 2.0, "Binary glTF Layout": magic, version, length; then chunks of length, type and bytes.
_HEADER, _CHUNK_HEADER = struct.Struct("<4sII"), struct.Struct("<I4s")
_VERSION = 2
_SVG = "http://www.w3.org/2000/svg"


def measure_model3d(path: Path) -> NoMeasures:
    """Checks a GLB: its header, that its chunks fill it, and that it says which glTF it is.

    Raises:
        OutputInvalid: it is no GLB, or not whole.
    """
    data = path.read_bytes()
    try:
        magic, version, length = _HEADER.unpack_from(data)
        at, chunks = _HEADER.size, []
        while at < len(data):
            size, kind = _CHUNK_HEADER.unpack_from(data, at)
            at += _CHUNK_HEADER.size
            chunks.append((kind, data[at : at + size]))
            at += size
        whole = magic == b"glTF" and version == _VERSION and length == len(data) == at and chunks[0][0] == b"JSON"
        whole = whole and "version" in json.loads(chunks[0][1])["asset"]
    except (struct.error, ValueError, KeyError, TypeError, IndexError):
        whole = False
    if not whole:
        raise OutputInvalid(f"{path.name} is not a whole 3D model (GLB).")
    return NoMeasures("model/gltf-binary")


def measure_drawing(path: Path) -> NoMeasures:
    """Checks that a file is well-formed XML with an SVG at its root, and without a document type.

    Raises:
        OutputInvalid: it is not.
    """
    roots: list[str] = []

    def refuse(*_: object) -> NoReturn:
        raise OutputInvalid(f"{path.name} holds a document type, which a drawing needs none of.")

    def started(name: str, _attributes: dict[str, str]) -> None:
        if not roots:
            roots.append(name)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = started
    try:
        parser.Parse(path.read_bytes(), True)  # noqa: FBT003 - expat takes it by place
    except expat.ExpatError as error:
        raise OutputInvalid(f"{path.name} is not a whole drawing ({error}).") from error
    if roots not in ([f"{_SVG} svg"], ["svg"]):
        raise OutputInvalid(f"{path.name} is not a drawing (SVG).")
    return NoMeasures("image/svg+xml")
