"""Small graphs whose nodes save things, for the tests of what an endpoint gives back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.pipeline import Options, compile_graph
from comfy2runpod.write import write_package


@dataclass
class Graph:
    """A saved graph, put together node by node; a link is `(node, slot)`."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    links: list[list[Any]] = field(default_factory=list)

    def add(self, kind: str, *values: Any, **inputs: tuple[int, int]) -> int:
        """A node of a class, with its widgets' values and what is linked to its inputs; its id."""
        declared = load_catalog().get(kind)
        assert declared is not None, kind
        node_id = len(self.nodes) + 1
        slots = []
        for name, (origin, slot) in inputs.items():
            kind_of = declared.by_name[name].type
            link = len(self.links) + 1
            self.links.append([link, origin, slot, node_id, len(slots), kind_of])
            slots.append({"name": name, "type": kind_of, "link": link})
        outputs = [{"name": output.name, "type": output.type, "links": []} for output in declared.outputs]
        self.nodes.append(
            {"id": node_id, "type": kind, "mode": 0, "inputs": slots, "outputs": outputs, "widgets_values": [*values]}
        )
        return node_id

    def package(self, note: str, folder: Path) -> Path:
        """Compiles the graph, annotated with a note, into a package."""
        noted = {"id": 99, "type": "Note", "title": "comfy2runpod", "widgets_values": [note]}
        graph = {"nodes": [*self.nodes, noted], "links": self.links, "version": 0.4, "extra": {}}
        result = compile_graph(json.dumps(graph).encode(), "saving.json", load_catalog(), Options())
        target = folder / result.interface.name
        write_package(result.files, target)
        return target
