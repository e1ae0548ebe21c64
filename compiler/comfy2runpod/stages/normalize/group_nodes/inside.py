"""The canvas inside one group node: its nodes, and links that lead in, through and out as the editor follows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.facts.kinds import ABSENT_TYPE, Virtual
from comfy2runpod.catalog.slots import Slot
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.editor import EditorProfile, types_fit
from comfy2runpod.errors import group_nodes as errors
from comfy2runpod.ir.document import (
    INPUT_PANEL,
    OFF,
    OUTPUT_PANEL,
    Canvas,
    Document,
    GraphLink,
    GraphNode,
    GroupDefinition,
    GroupLink,
    InputSlot,
    LinkId,
    Mode,
    NodeId,
)
from comfy2runpod.stages.normalize.group_nodes.classes import GroupClass
from comfy2runpod.stages.normalize.group_nodes.values import Written
from comfy2runpod.stages.normalize.node_inputs import Inputs

# The node that stands inside for everything outside that a link is not followed to.
_OUTSIDE: NodeId = "outside"


@dataclass(frozen=True, slots=True)
class Instance:
    """A group node with its inputs laid out as the editor does, its definition, and the class made of that."""

    node: GraphNode
    definition: GroupDefinition
    made: GroupClass


@dataclass(frozen=True, slots=True)
class Inside:
    """What is inside one instance, its nodes named by their places.

    `entering` and `leaving` are the links at its input and output panels, by the group's slots; `cut` are links of the
    root canvas that the editor does not make.
    """

    canvas: Canvas
    entering: Mapping[int, tuple[LinkId, ...]]
    leaving: Mapping[int, LinkId]
    cut: frozenset[LinkId] = frozenset()


class Surroundings:
    """The root canvas that groups stand on, looked up once for all of them."""

    def __init__(
        self, document: Document, laid: Mapping[NodeId, Instance], catalog: Catalog, profile: EditorProfile
    ) -> None:
        self.document = document
        self.laid = laid
        self.catalog = catalog
        self.profile = profile
        self.inputs = Inputs(document, catalog)
        self.nodes = {node.id: node for node in document.root.nodes}
        self.leaving: dict[NodeId, list[GraphLink]] = {}
        for link in document.root.links.values():
            self.leaving.setdefault(link.origin_id, []).append(link)


def kept(around: Surroundings, instance: Instance, written: Written, found: Collector) -> Inside:
    """The inside of a group that stays one until a prompt is made.

    A link is followed one step: what comes from a reroute, a bypassed node, a subgraph or another group is dropped.
    """
    return _Kept(around, instance, written, found).build()


def unpacked(around: Surroundings, instance: Instance, written: Written, found: Collector) -> Inside:
    """The inside of a group that is unpacked when it is loaded: links are drawn anew, where their types fit."""
    return _Unpacked(around, instance, written, found).build()


class _Builder:
    def __init__(self, around: Surroundings, instance: Instance, written: Written, found: Collector) -> None:
        self.document = around.document
        self.laid = around.laid
        self.catalog = around.catalog
        self.profile = around.profile
        self.inputs = around.inputs
        self.outer = around.nodes
        self.used = around.leaving.get(instance.node.id, [])
        self.instance = instance
        self.written = written
        self.found = found
        self.nodes = instance.definition.nodes
        self.links: dict[LinkId, GraphLink] = {}
        self.entering: dict[int, tuple[LinkId, ...]] = {}
        self.leaving: dict[int, LinkId] = {}
        self.cut: set[LinkId] = set()
        self.to: dict[tuple[int, int], GroupLink] = {
            (link.target, link.target_slot): link for link in self.instance.definition.links if link.origin is not None
        }

    def link(self, origin: NodeId, slot: int, target: NodeId, end: int, kind: str) -> LinkId:
        link_id = len(self.links) + 1
        self.links[link_id] = GraphLink(link_id, origin, slot, target, end, kind)
        return link_id

    def enter(self, slot: int, target: NodeId, end: int, kind: str) -> LinkId:
        link_id = self.link(INPUT_PANEL, slot, target, end, kind)
        self.entering[slot] = (*self.entering.get(slot, ()), link_id)
        return link_id

    def leave(self, slot: int, origin: NodeId, end: int) -> None:
        kind = self.instance.made.node_class.outputs[slot].type
        self.leaving[slot] = self.link(origin, end, OUTPUT_PANEL, slot, kind)

    def outer_link(self, slot: int) -> GraphLink | None:
        """The link of the root canvas into one of the group's inputs."""
        inputs = self.instance.node.inputs
        link_id = inputs[slot].link if slot < len(inputs) else None
        return self.document.root.links.get(link_id) if link_id is not None else None

    def inside(self, nodes: list[GraphNode]) -> Inside:
        canvas = Canvas(tuple(nodes), self.links)
        return Inside(canvas, self.entering, self.leaving, frozenset(self.cut))

    def is_primitive(self, node: GraphNode) -> bool:
        return self.catalog.facts.of(node.type).virtual is Virtual.PRIMITIVE

    def at(self, node: GraphNode | None = None, name: str | None = None) -> Locus:
        group = self.instance.node
        return Locus(
            file=self.document.file,
            node=group.id if node is None else f"{group.id}:{node.id}",
            title=(node or group).title,
            class_type=(node or group).type,
            input=name,
            json_path=(node or group).json_path,
        )


class _Kept(_Builder):
    def build(self) -> Inside:
        nodes = [self._node(index, node) for index, node in enumerate(self.nodes)]
        nodes.append(self._absent(self.instance.node, _OUTSIDE))
        for slot in range(len(self.instance.made.outputs)):
            self._output(slot)
        if self.instance.node.mode is Mode.BYPASS:
            self._cut_unlike()
        return self.inside(nodes)

    def _node(self, index: int, node: GraphNode) -> GraphNode:
        if not self._runs(node):
            return self._absent(node, node.id)
        slots = tuple(
            InputSlot(slot.name, slot.type, self._link_into(index, node, place, slot))
            for place, slot in enumerate(self.inputs.of(node))
        )
        return replace(node, inputs=slots, written=self.written.get(index, {}))

    def _runs(self, node: GraphNode) -> bool:
        return node.type in self.catalog and node.mode not in OFF

    def _absent(self, node: GraphNode, node_id: NodeId) -> GraphNode:
        return replace(node, id=node_id, type=ABSENT_TYPE, mode=Mode.ALWAYS, inputs=(), widgets_values=None, written={})

    def _link_into(self, index: int, node: GraphNode, place: int, slot: Slot) -> LinkId | None:
        outer = self.instance.made.inputs.get((index, place))
        if outer is not None:
            link = self.outer_link(outer)
            origin = self.outer.get(link.origin_id) if link is not None else None
            if origin is None:
                return None
            if origin.id not in self.laid and self._runs(origin):
                return self.enter(outer, node.id, place, slot.type)
            self._lost(node, slot.name, origin, origin.id)
            return self.link(_OUTSIDE, 0, node.id, place, slot.type)
        inner = self.to.get((index, place))
        if inner is None or inner.origin is None:
            return None
        if inner.origin >= len(self.nodes):
            detail = f"a link inside the group starts at node {inner.origin}, which is not there"
            self.found.add(errors.GroupNodeUnmade(at=self.at(), editor=self.profile.name, detail=detail))
            return None
        origin = self.nodes[inner.origin]
        if self.is_primitive(origin):
            return None
        if not self._runs(origin):
            self._lost(node, slot.name, origin, f"{self.instance.node.id}:{origin.id}")
        return self.link(origin.id, inner.origin_slot, node.id, place, slot.type)

    def _lost(self, node: GraphNode, name: str, origin: GraphNode, path: str) -> None:
        if origin.mode is Mode.NEVER:
            return
        state = "bypassed " if origin.mode is Mode.BYPASS else ""
        kind = "subgraph" if origin.type in self.document.subgraphs else origin.type
        self.found.add(
            errors.GroupLinkLost(
                at=self.at(node, name),
                origin=Locus(self.document.file, path, origin.title, kind, json_path=origin.json_path),
                state=state,
                editor=self.profile.name,
            )
        )

    def _output(self, slot: int) -> None:
        """An output is followed by its first link, through the reroutes inside."""
        group = self.instance.node
        if not any(link.origin_slot == slot and self._asked(link) for link in self.used):
            return
        outputs = group.outputs
        first = outputs[slot].links[0] if slot < len(outputs) and outputs[slot].links else None
        link = self.document.root.links.get(first) if first is not None else None
        if link is None:
            what = f"link {first}, which is not in the graph's list of links" if first is not None else "no link"
            self._broken(f"the file gives output {self._output_name(slot)} {what}")
            return
        if not 0 <= link.origin_slot < len(self.instance.made.outputs):
            self._broken(f"link {first} starts at an output that the group node does not have")
            return
        index, output = self.instance.made.outputs[link.origin_slot]
        seen: set[int] = set()
        while self.catalog.facts.of(self.nodes[index].type).followed_in_groups:
            inner = self.to.get((index, 0))
            origin = inner.origin if inner is not None and (index, 0) not in self.instance.made.inputs else None
            if inner is None or origin is None or origin in seen or origin >= len(self.nodes):
                self._broken(f"output {self._output_name(slot)} leads to a Reroute inside that has no origin there")
                return
            if self.is_primitive(self.nodes[origin]):
                self._broken(f"output {self._output_name(slot)} leads to a PrimitiveNode behind a Reroute")
                return
            seen.add(origin)
            index, output = origin, inner.origin_slot
        self.leave(slot, self.nodes[index].id, output)

    def _cut_unlike(self) -> None:
        """A bypassed group passes on only what is of the very type that is wanted, be that a wildcard."""
        types = {slot.type for slot in self.instance.node.inputs}
        for link in self.used:
            target = self.outer.get(link.target_id)
            if target is None or not self._runs(target):
                continue
            if any(slot.link == link.id and slot.type not in types for slot in self.inputs.of(target)):
                self.cut.add(link.id)

    def _asked(self, link: GraphLink) -> bool:
        target = self.outer.get(link.target_id)
        return target is not None and target.mode is not Mode.NEVER and any(s.link == link.id for s in target.inputs)

    def _output_name(self, slot: int) -> str:
        return self.instance.made.node_class.outputs[slot].name

    def _broken(self, detail: str) -> None:
        self.found.add(errors.GroupOutputBroken(at=self.at(), editor=self.profile.name, detail=detail))


class _Unpacked(_Builder):
    def build(self) -> Inside:
        wired: dict[tuple[int, int], LinkId] = {}
        for link in self.instance.definition.links:
            if link.origin is not None and link.origin < len(self.nodes):
                self._connect(link.origin, link.origin_slot, link.target, link.target_slot, wired)
        for (index, name), slot in sorted(self.instance.made.inputs.items(), key=lambda item: item[0][0]):
            self._connect_outer(slot, index, str(name), wired)
        nodes = [
            replace(
                node,
                inputs=tuple(
                    InputSlot(slot.name, slot.type, wired.get((index, place)))
                    for place, slot in enumerate(self.inputs.of(node))
                ),
                written=self.written.get(index, {}),
            )
            for index, node in enumerate(self.nodes)
        ]
        for slot, (index, output) in enumerate(self.instance.made.outputs):
            self.leave(slot, self.nodes[index].id, output)
        self._cut_outputs()
        return self.inside(nodes)

    def _connect(self, origin: int, slot: int, target: int, place: int, wired: dict[tuple[int, int], LinkId]) -> None:
        inputs = self.inputs.of(self.nodes[target])
        given = self._type_of(self.nodes[origin], slot)
        if place < len(inputs) and given is not None and types_fit(given, inputs[place].type):
            node = self.nodes[target]
            wired[target, place] = self.link(self.nodes[origin].id, slot, node.id, place, inputs[place].type)

    def _connect_outer(self, slot: int, index: int, name: str, wired: dict[tuple[int, int], LinkId]) -> None:
        link = self.outer_link(slot)
        origin = self.outer.get(link.origin_id) if link is not None else None
        if link is None or origin is None:
            return
        node = self.nodes[index]
        place = next((place for place, input_slot in enumerate(self.inputs.of(node)) if input_slot.name == name), None)
        given = self._outer_type(origin, link.origin_slot)
        if place is None or given is None or not types_fit(given, self.inputs.of(node)[place].type):
            self.found.add(
                errors.GroupLinkLost(
                    at=self.at(None, self.instance.node.inputs[slot].name),
                    origin=Locus(self.document.file, origin.id, origin.title, origin.type, json_path=origin.json_path),
                    editor=self.profile.name,
                )
            )
            return
        wired[index, place] = self.enter(slot, node.id, place, self.inputs.of(node)[place].type)

    def _cut_outputs(self) -> None:
        """Links out of the group that cannot be drawn anew."""
        outputs = self.instance.made.node_class.outputs
        for link in self.used:
            target = self.outer.get(link.target_id)
            slots = self.inputs.of(target) if target is not None else ()
            wanted = next((slot.type for slot in slots if slot.link == link.id), "*")
            if not 0 <= link.origin_slot < len(outputs) or not types_fit(outputs[link.origin_slot].type, wanted):
                self.cut.add(link.id)

    def _outer_type(self, node: GraphNode, slot: int) -> str | None:
        if node.id in self.laid:
            outputs = self.laid[node.id].made.node_class.outputs
            return outputs[slot].type if 0 <= slot < len(outputs) else None
        return self._type_of(node, slot)

    def _type_of(self, node: GraphNode, slot: int) -> str | None:
        """The type of an output, None if the node has none there."""
        node_class = self.catalog.get(node.type)
        if node_class is not None and 0 <= slot < len(node_class.outputs):
            kind = node_class.outputs[slot].type
            return "*" if kind.startswith("COMFY_") else kind
        return node.outputs[slot].type if 0 <= slot < len(node.outputs) else None
