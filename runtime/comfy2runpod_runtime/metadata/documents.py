"""3D models and drawings without what they tell beside what is shown.

Each function returns None for a file that tells nothing else, and raises ValueError or struct.error for one whose parts
do not fit together.
"""

from __future__ import annotations

import codecs
import json
import struct
from xml.parsers import expat

from comfy2runpod_contract.json_types import Json

_GLB_JSON, _GLB_BINARY = b"JSON", b"BIN\0"
# The names of a mesh's shapes stand in its extras, and viewers show them.
_SHAPES = "targetNames"
# XMP in glTF.
_XMP = "KHR_xmp_json_ld"
_SVG = "http://www.w3.org/2000/svg"


def glb(content: bytes) -> bytes | None:
    """A header of 12 bytes; then the JSON chunk, which is padded with spaces, and the binary one."""
    length, name = struct.unpack_from("<I4s", content, 12)
    document: Json = json.loads(content[20 : 20 + length])
    if name != _GLB_JSON or not isinstance(document, dict) or "asset" not in document:
        raise ValueError("the first chunk is no glTF")
    rest, at, dropped = b"", 20 + length, False
    while at < len(content):
        size, name = struct.unpack_from("<I4s", content, at)
        if name == _GLB_BINARY and not rest:
            rest = content[at : at + 8 + size]
        else:
            dropped = True
        at += 8 + size
    before = json.dumps(document)
    _without_extras(document)
    if not dropped and json.dumps(document) == before:
        return None
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    header = content[:8] + struct.pack("<I", 20 + len(text) + len(rest))
    return header + struct.pack("<I4s", len(text), _GLB_JSON) + text + rest


def _without_extras(document: Json) -> None:
    waiting: list[Json] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            extras = value.pop("extras", None)
            shapes = extras.get(_SHAPES) if isinstance(extras, dict) else None
            if isinstance(shapes, list) and all(isinstance(shape, str) for shape in shapes):
                value["extras"] = {_SHAPES: shapes}
            value.pop(_XMP, None)
            for name in ("extensionsUsed", "extensionsRequired"):
                if isinstance(used := value.get(name), list) and _XMP in used:
                    used.remove(_XMP)
            waiting += [item for name, item in value.items() if name != "extras"]
        elif isinstance(value, list):
            waiting += value


def svg(content: bytes) -> bytes | None:
    """Takes out `metadata` elements, comments and processing instructions; all other bytes stay as they are."""
    text = content
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if content.startswith(mark):
            # Places are counted in bytes: in UTF-8, each sign of markup is one. The declaration says another encoding.
            text = content.decode(encoding).encode()
            text = text[text.index(b"?>") + 2 :] if text.lstrip().startswith(b"<?xml") else text
    cuts = _Cuts()
    parser = expat.ParserCreate("utf-8" if text is not content else None, namespace_separator=" ")
    parser.StartElementHandler = lambda name, _: cuts.start(name, parser.CurrentByteIndex)
    parser.EndElementHandler = lambda _: cuts.end(parser.CurrentByteIndex, text)
    parser.CommentHandler = lambda _: cuts.take(parser.CurrentByteIndex, text, b"-->")
    parser.ProcessingInstructionHandler = lambda *_: cuts.take(parser.CurrentByteIndex, text, b"?>")
    try:
        parser.Parse(text, True)  # noqa: FBT003 - expat takes it by place
    except expat.ExpatError as error:
        raise ValueError(str(error)) from None
    if not cuts.found:
        return None
    kept, at = [], 0
    for start, end in sorted(cuts.found):
        if start >= at:
            kept.append(text[at:start])
        at = max(at, end)
    return b"".join([*kept, text[at:]])


class _Cuts:
    """What of a drawing's bytes is taken out."""

    def __init__(self) -> None:
        self.found: list[tuple[int, int]] = []
        self._depth = 0
        # The start and depth of the outermost `metadata` element that is open.
        self._open: tuple[int, int] | None = None

    def start(self, name: str, at: int) -> None:
        self._depth += 1
        if self._open is None and name in (f"{_SVG} metadata", "metadata"):
            self._open = (at, self._depth)

    def end(self, at: int, text: bytes) -> None:
        if self._open is not None and self._open[1] == self._depth:
            # Of an element without content, `at` is where it begins.
            self.found.append((self._open[0], text.index(b">", _end_of_tag(text, at)) + 1))
            self._open = None
        self._depth -= 1

    def take(self, at: int, text: bytes, end: bytes) -> None:
        self.found.append((at, text.index(end, at) + len(end)))


def _end_of_tag(text: bytes, at: int) -> int:
    """Where the `>` of a tag is looked for: behind its quoted values, which may hold one."""
    while True:
        end = text.index(b">", at)
        quotes = [text.find(quote, at, end) for quote in (b'"', b"'")]
        first = min((place for place in quotes if place >= 0), default=-1)
        if first < 0:
            return at
        at = text.index(text[first : first + 1], first + 1) + 1
