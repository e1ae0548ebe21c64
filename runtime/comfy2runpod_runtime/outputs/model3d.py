"""A 3D model (GLB): looked at, never rendered."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod_contract.media import MediaKind, media_facts
from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.outputs.base import FileOutput
from comfy2runpod_runtime.outputs.measures import NoMeasures

# glTF 2.0, "Binary glTF Layout": magic, version, length; then chunks of length, type and bytes.
_HEADER, _CHUNK_HEADER = struct.Struct("<4sII"), struct.Struct("<I4s")
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Model3D(FileOutput):
    """A 3D model."""

    media_type: str = media_facts(MediaKind.MODEL3D).media_type

    def decode(self, path: Path) -> NoMeasures:
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
