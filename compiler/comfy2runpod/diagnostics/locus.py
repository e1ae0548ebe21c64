"""A place in a graph file."""

from __future__ import annotations

from dataclasses import dataclass

from comfy2runpod.diagnostics.wording import shorten
from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.secret_texts import masked
from comfy2runpod_contract.texts import unbroken, visible


@dataclass(frozen=True, slots=True)
class Locus:
    """A place in a graph file, as precisely as it is known.

    `node` is the prompt-style path (`92:11`), `title` and `class_type` are what the canvas shows, `input` the node's
    input, `json_path` the place in the file (`$.nodes[3]`).
    """

    file: str
    node: str | None = None
    title: str | None = None
    class_type: str | None = None
    input: str | None = None
    json_path: str | None = None

    @property
    def node_name(self) -> str:
        """The node as people find it: `node 92:11 "Blur" (ImageBlur)`."""
        name = f"node {shorten(self.node or '')}"
        if self.title and self.title != self.class_type:
            name += f' "{shorten(self.title, 60)}"'
        if self.class_type:
            name += f" ({shorten(self.class_type)})"
        return name

    def __str__(self) -> str:
        return unbroken(": ".join([self.file, *self._parts()]))

    def seen_from(self, other: Locus) -> str:
        """The place as text, without the file where `other` is in the same one."""
        return unbroken(": ".join(self._parts()) or self.file) if self.file == other.file else str(self)

    def to_json(self) -> JsonObject:
        """What is known of the place, as data."""
        parts = {
            "file": self.file,
            "node": self.node,
            "title": self.title,
            "class_type": self.class_type,
            "input": self.input,
            "json_path": self.json_path,
        }
        return {key: visible(masked(value)) for key, value in parts.items() if value is not None}

    def _parts(self) -> list[str]:
        parts = []
        if self.node is not None:
            parts.append(self.node_name)
        # A slot may be saved without a name.
        if self.input:
            parts.append(f"input {shorten(self.input)}")
        if self.node is None and self.json_path is not None:
            parts.append(self.json_path)
        return parts
