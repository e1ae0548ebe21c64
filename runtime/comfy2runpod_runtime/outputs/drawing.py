"""A drawing (SVG): looked at, never rendered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from comfy2runpod_contract.media import MediaKind, media_facts
from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.outputs.base import FileOutput
from comfy2runpod_runtime.outputs.measures import NoMeasures

_SVG = "http://www.w3.org/2000/svg"


@dataclass(frozen=True, slots=True)
class Drawing(FileOutput):
    """A drawing made of lines."""

    media_type: str = media_facts(MediaKind.DRAWING).media_type

    def decode(self, path: Path) -> NoMeasures:
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
