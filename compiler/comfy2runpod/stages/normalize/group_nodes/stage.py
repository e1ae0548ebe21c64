"""Group nodes of old files -> subgraphs, one definition for each instance, so that nothing after this knows of them.

Editors differ. Older ones keep the group on the canvas and unfold it when a prompt is made: its nodes run as
`<group>:<place>`, and links are followed no further than the next node. Newer ones unpack it when the file is loaded,
as if the author had pasted the nodes and wrapped them in a subgraph, under new ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.diagnostics import Collector, Diagnostic, Locus, nearest
from comfy2runpod.editor import EditorProfile
from comfy2runpod.errors import group_nodes as errors
from comfy2runpod.errors.bind import UnknownNodeClass
from comfy2runpod.ir.document import (
    OFF,
    Document,
    GraphLink,
    GraphNode,
    GroupDefinition,
    InputSlot,
    Mode,
    NodeId,
    PanelSlot,
    Subgraph,
    group_name,
    numeric_id,
)
from comfy2runpod.stages.normalize.group_nodes.classes import GroupClass, class_of_group
from comfy2runpod.stages.normalize.group_nodes.inside import Inside, Instance, Surroundings, kept, unpacked
from comfy2runpod.stages.normalize.group_nodes.values import Written, hand_in
from comfy2runpod.stages.normalize.node_inputs import laid_over


def unfold_groups(
    document: Document, catalog: Catalog, profile: EditorProfile, *, new_ids: bool = True
) -> tuple[Document, tuple[Diagnostic, ...]]:
    """The document with a subgraph in the place of every group node; the very same one if it has none.

    Args:
        document: the graph, with unique ids and the values of PrimitiveNodes written.
        catalog: the classes.
        profile: the editor whose rules count.
        new_ids: whether an editor that unpacks groups gives ids as it does; without, they are `<group>:<place>`, so
            that the prompts of two editors can be compared.

    Raises:
        CompileError: definitions are missing, or the editor makes no prompt of a group node.
    """
    if not document.groups and not any(map(group_name, {node.type for node in document.root.nodes})):
        return document, ()
    return _Unfolder(document, catalog, profile, new_ids=new_ids).run()


@dataclass(frozen=True, slots=True)
class _Group:
    """A definition and the class that the editor makes of it."""

    definition: GroupDefinition
    made: GroupClass


class _Unfolder:
    def __init__(self, document: Document, catalog: Catalog, profile: EditorProfile, *, new_ids: bool) -> None:
        self._document = document
        self._catalog = catalog
        self._profile = profile
        self._new_ids = new_ids and profile.unpacks_groups
        self._found = Collector()
        self._groups = {
            name: _Group(definition, class_of_group(definition, catalog, profile))
            for name, definition in document.groups.items()
        }

    def run(self) -> tuple[Document, tuple[Diagnostic, ...]]:
        self._look_inside_subgraphs()
        instances = [node for node in self._document.root.nodes if self._is_made(node)]
        if not self._profile.unpacks_groups:
            self._refuse_second(instances)
        self._found.finish()
        laid = {node.id: self._laid_out(node) for node in instances}
        document = replace(
            self._document,
            root=replace(
                self._document.root,
                nodes=tuple(laid[n.id].node if n.id in laid else n for n in self._document.root.nodes),
            ),
        )
        around = Surroundings(document, laid, self._catalog, self._profile)
        insides = {node.id: self._inside(around, node) for node in instances}
        self._found.finish()
        return self._with(document, laid, insides), self._found.finish()

    def _look_inside_subgraphs(self) -> None:
        """Notes the group nodes in subgraphs that are used, once each, under their first instance."""
        waiting = [(node.id, node.type) for node in self._document.root.nodes]
        seen: set[str] = set()
        while waiting:
            path, key = waiting.pop()
            subgraph = self._document.subgraphs.get(key)
            if subgraph is None or key in seen:
                continue
            seen.add(key)
            for node in subgraph.canvas.nodes:
                inner = f"{path}:{node.id}"
                waiting.append((inner, node.type))
                if self._name_of(node) is not None and node.mode not in OFF:
                    at = replace(self._locus(node), node=inner)
                    self._found.add(errors.GroupNodeInside(at=at, inside="subgraph"))

    def _name_of(self, node: GraphNode) -> str | None:
        return None if node.type in self._catalog else group_name(node.type)

    def _is_made(self, node: GraphNode) -> bool:
        """Whether a root node is a group node that the editor makes; notes why not, if it would run."""
        name = self._name_of(node)
        if name is None:
            return False
        group = self._groups.get(name)
        faults = tuple(self._faults(node, name, group))
        for fault in faults if node.mode not in OFF else ():
            self._found.add(fault)
        return not faults

    def _faults(self, node: GraphNode, name: str, group: _Group | None) -> Iterator[Diagnostic]:
        if group is None:
            yield errors.MissingGroupDefinition(at=self._locus(node), name=name, defined=tuple(self._groups))
            return
        for inner in group.definition.nodes:
            if inner.type in self._catalog or self._catalog.facts.of(inner.type).virtual is not None:
                continue
            at = replace(self._locus(inner), node=f"{node.id}:{inner.id}", title=inner.title)
            if group_name(inner.type) is not None:
                yield errors.GroupNodeInside(at=at, inside="group node")
                continue
            yield UnknownNodeClass(
                at=at,
                class_type=inner.type,
                comfyui=self._catalog.comfyui,
                pack=inner.pack,
                pack_version=inner.pack_version,
                near=self._near,
            )
        detail = None
        if group.made.misplaced is not None:
            detail = f"the upload button of the {group.made.misplaced} inside would stand before its list of files"
        elif self._profile.unpacks_groups:
            beyond = next((x for x in group.definition.links if x.target >= len(group.definition.nodes)), None)
            detail = None if beyond is None else f"a link inside leads to node {beyond.target}, which is not there"
        if detail is not None:
            yield errors.GroupNodeUnmade(at=self._locus(node), editor=self._profile.name, detail=detail)

    def _refuse_second(self, instances: list[GraphNode]) -> None:
        """Older editors change the definition as they make the first, and choke on what they put there."""
        first: dict[str, GraphNode] = {}
        for node in instances:
            name = self._name_of(node) or ""
            known = first.setdefault(name, node)
            lacking = self._lacking(self._groups[name].definition) if known is not node else None
            if lacking is not None:
                inner, what = lacking
                self._found.add(
                    errors.SecondGroupInstance(
                        at=self._locus(node),
                        editor=self._profile.name,
                        first=self._locus(known),
                        inner=inner.type,
                        missing=what,
                    )
                )

    def _near(self, name: str) -> tuple[str, ...]:
        return nearest(name, self._catalog)

    def _lacking(self, definition: GroupDefinition) -> tuple[GraphNode, str] | None:
        for node in definition.nodes:
            node_class = self._catalog.get(node.type)
            if node_class is None:
                continue
            names = {slot.name for slot in node.inputs}
            if any(slot.name not in names for slot in node_class.slots.slots):
                return node, "inputs"
            if len(node.outputs) < len(node_class.outputs):
                return node, "outputs"
        return None

    def _laid_out(self, node: GraphNode) -> Instance:
        group = self._groups[self._name_of(node) or ""]
        slots = laid_over(group.made.node_class.slots, node)
        # What is linked decides alone: the values are handed in here.
        inputs = tuple(InputSlot(slot.name, slot.type, slot.link) for slot in slots)
        return Instance(replace(node, inputs=inputs), group.definition, group.made)

    def _inside(self, around: Surroundings, node: GraphNode) -> Inside:
        instance = around.laid[node.id]
        written: Written = {}
        runs = self._profile.unpacks_groups or node.mode not in OFF
        if runs:

            def at(name: str | None) -> Locus:
                return replace(self._locus(node), input=name)

            written = hand_in(node, instance.definition, instance.made, self._catalog, self._profile, at, self._found)
        if runs and node.mode in OFF:
            state = OFF[node.mode]
            self._found.add(errors.GroupNodeStillRuns(at=self._locus(node), state=state, editor=self._profile.name))
        build = unpacked if self._profile.unpacks_groups else kept
        return build(around, instance, written, self._found if runs else Collector())

    def _with(self, document: Document, laid: Mapping[NodeId, Instance], insides: Mapping[NodeId, Inside]) -> Document:
        new_ids = dict(self._ids(laid))
        subgraphs = dict(document.subgraphs)
        made: dict[NodeId, GraphNode] = {}
        cut = {link for inside in insides.values() for link in inside.cut}
        for key, inside in insides.items():
            instance = laid[key]
            own_id, inner_ids = new_ids[key]
            definition_id = f"{instance.node.type} {key}"
            subgraphs[definition_id] = _subgraph(definition_id, instance, inside, inner_ids)
            mode = Mode.ALWAYS if self._profile.unpacks_groups else instance.node.mode
            made[key] = replace(
                instance.node, id=own_id, type=definition_id, mode=mode, widgets_values=None, written={}
            )
        nodes = tuple(_without(made.get(node.id, node), cut) for node in document.root.nodes)
        links = {
            link.id: link._replace(
                origin_id=made[link.origin_id].id if link.origin_id in made else link.origin_id,
                target_id=made[link.target_id].id if link.target_id in made else link.target_id,
            )
            for link in document.root.links.values()
            if link.id not in cut
        }
        return replace(document, root=replace(document.root, nodes=nodes, links=links), subgraphs=subgraphs)

    def _ids(self, laid: Mapping[NodeId, Instance]) -> Iterator[tuple[NodeId, tuple[NodeId, tuple[NodeId, ...]]]]:
        """The id of each instance, and those of the nodes inside it."""
        last = self._last_id()
        for key, instance in laid.items():
            count = len(instance.definition.nodes)
            if not self._new_ids:
                yield key, (key, tuple(str(index) for index in range(count)))
                continue
            yield key, (str(last + count + 1), tuple(str(last + 1 + index) for index in range(count)))
            last += count + 1

    def _last_id(self) -> int:
        document = self._document
        canvases = (document.root, *(subgraph.canvas for subgraph in document.subgraphs.values()))
        ids = (numeric_id(node.id) or 0 for canvas in canvases for node in canvas.nodes)
        said = (subgraph.last_node_id for subgraph in document.subgraphs.values())
        return max((document.last_node_id, *ids, *said))

    def _locus(self, node: GraphNode) -> Locus:
        return Locus(
            file=self._document.file,
            node=node.id,
            title=node.title,
            class_type=node.type,
            json_path=node.json_path,
        )


def _subgraph(key: str, instance: Instance, inside: Inside, ids: tuple[NodeId, ...]) -> Subgraph:
    """A definition of one instance's own."""
    named = dict(zip((str(index) for index in range(len(ids))), ids, strict=True))
    canvas = inside.canvas
    links: dict[int, GraphLink] = {
        link.id: link._replace(
            origin_id=named.get(link.origin_id, link.origin_id),
            target_id=named.get(link.target_id, link.target_id),
        )
        for link in canvas.links.values()
    }
    nodes = tuple(replace(node, id=named.get(node.id, node.id)) for node in canvas.nodes)
    inputs = tuple(
        PanelSlot(slot.name, slot.type, None, inside.entering.get(index, ()))
        for index, slot in enumerate(instance.node.inputs)
    )
    outputs = tuple(
        PanelSlot(output.name, output.type, None, (inside.leaving[slot],) if slot in inside.leaving else ())
        for slot, output in enumerate(instance.made.node_class.outputs)
    )
    return Subgraph(
        id=key,
        name=instance.definition.name,
        canvas=replace(canvas, nodes=nodes, links=links),
        inputs=inputs,
        outputs=outputs,
        json_path=instance.definition.json_path,
    )


def _without(node: GraphNode, cut: set[int]) -> GraphNode:
    if not any(slot.link in cut for slot in node.inputs):
        return node
    inputs = tuple(slot._replace(link=None) if slot.link in cut else slot for slot in node.inputs)
    return replace(node, inputs=inputs)
