"""bind -> check, interface: every node with its class and every input with its value or link."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field

from comfy2runpod.catalog.node_class import InputSpec, NodeClass
from comfy2runpod.diagnostics import Locus
from comfy2runpod.diagnostics.cut import Cut
from comfy2runpod.ir.document import ModelRef
from comfy2runpod.ir.prompt import Prompt, PromptLink, PromptNode, as_link
from comfy2runpod_contract.json_types import Json


@dataclass(frozen=True, slots=True)
class BoundNode:
    """A node that runs. `inputs` is in the order in which the editor writes them: widgets first, then links.

    `cuts` says of linked inputs that no node feeds where their way ends. `controls` are the control words that are
    saved for inputs: fixed, randomize, increment, decrement.
    """

    id: str
    title: str
    node_class: NodeClass
    inputs: Mapping[str, Json]
    specs: Mapping[str, InputSpec]
    models: tuple[ModelRef, ...]
    json_path: str
    cuts: Mapping[str, Cut] = field(default_factory=dict)
    controls: Mapping[str, str] = field(default_factory=dict)

    def origins(self, without: Container[tuple[str, str]] = ()) -> Iterator[str]:
        """The nodes that its inputs are linked to, but for inputs in `without`, by node and name."""
        for name, value in self.inputs.items():
            link = as_link(value)
            if link is not None and (self.id, name) not in without:
                yield link.node_id


@dataclass(frozen=True, slots=True)
class BoundGraph:
    """The whole graph, ready to become a prompt."""

    file: str
    nodes: Mapping[str, BoundNode]

    def locus(self, node_id: str, name: str | None = None) -> Locus:
        """The place of a node, or of one of its inputs, for diagnostics."""
        node = self.nodes[node_id]
        return Locus(self.file, node.id, node.title, node.node_class.name, name, node.json_path)

    def needed(self, without: Container[tuple[str, str]] = ()) -> frozenset[str]:
        """The nodes that an output node needs, itself among them: ComfyUI looks at no others.

        `without` are inputs, by node and name, whose links do not count.
        """
        return self._with_origins([node.id for node in self.nodes.values() if node.node_class.output_node], without)

    def behind(self, link: PromptLink | None) -> frozenset[str]:
        """The nodes that a link's value comes from, its own among them; none of no link."""
        return self._with_origins([] if link is None else [link.node_id], ())

    def _with_origins(self, waiting: list[str], without: Container[tuple[str, str]]) -> frozenset[str]:
        found: set[str] = set()
        while waiting:
            node_id = waiting.pop()
            if node_id in self.nodes and node_id not in found:
                found.add(node_id)
                waiting.extend(self.nodes[node_id].origins(without))
        return frozenset(found)

    def prompt(self) -> Prompt:
        """The API prompt of the graph."""
        return {
            node.id: PromptNode(class_type=node.node_class.name, inputs=node.inputs, title=node.title)
            for node in self.nodes.values()
        }
