"""Links as the editor has them once a file is loaded: the table and what inputs say of it, brought together.

In most files they agree. Where they do not, older editors go by what each input says; newer ones by the table, in which
a link ends at one input: the one that names it, on the node that it ends at, else the one in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from comfy2runpod.ir.document import INPUT_PANEL, Canvas, Document, GraphLink, GraphNode, InputSlot, LinkId, NodeId
from comfy2runpod.stages.normalize.proxy_names import plainly_named


def settle_links(document: Document) -> Document:
    """The document with every input linked as the table of links has it; the very same one if they agree."""
    root = _settled(document.root, document)
    subgraphs = {
        key: subgraph
        if (canvas := _settled(subgraph.canvas, document)) is subgraph.canvas
        else replace(subgraph, canvas=canvas)
        for key, subgraph in document.subgraphs.items()
    }
    if root is document.root and all(subgraphs[key] is document.subgraphs[key] for key in subgraphs):
        return document
    return replace(document, root=root, subgraphs=subgraphs)


def unlink_promoted(document: Document) -> Document:
    """The document with the inputs unlinked whose widgets an instance shows by name; the very same one if none is.

    An editor in which instances keep values turns a promotion by name (`proxyWidgets`) into a link from the subgraph's
    own input. That link takes the place of the one that the input had, in the definition and so for all instances.
    """
    document = plainly_named(document)
    shown: dict[str, set[tuple[NodeId, str]]] = {}
    for canvas in document.canvases():
        for node in canvas.nodes:
            if node.type in document.subgraphs and node.proxy_widgets:
                shown.setdefault(node.type, set()).update(node.proxy_widgets)
    subgraphs = dict(document.subgraphs)
    for key, promoted in shown.items():
        canvas = subgraphs[key].canvas
        nodes = tuple(_unlinked(node, canvas, promoted) for node in canvas.nodes)
        if any(new is not old for new, old in zip(nodes, canvas.nodes, strict=True)):
            subgraphs[key] = replace(subgraphs[key], canvas=replace(canvas, nodes=nodes))
    if all(subgraphs[key] is document.subgraphs[key] for key in subgraphs):
        return document
    return replace(document, subgraphs=subgraphs)


def _unlinked(node: GraphNode, canvas: Canvas, promoted: set[tuple[NodeId, str]]) -> GraphNode:
    def linked_inside(slot: InputSlot) -> bool:
        link = canvas.links.get(slot.link) if slot.link is not None else None
        return (node.id, slot.name) in promoted and link is not None and link.origin_id != INPUT_PANEL

    if not any(linked_inside(slot) for slot in node.inputs):
        return node
    inputs = tuple(slot._replace(link=None) if linked_inside(slot) else slot for slot in node.inputs)
    return replace(node, inputs=inputs)


def _settled(canvas: Canvas, document: Document) -> Canvas:
    ending: dict[NodeId, list[GraphLink]] = {}
    for link in canvas.links.values():
        ending.setdefault(link.target_id, []).append(link)
    nodes = tuple(_relinked(_named_as_defined(node, document), ending.get(node.id, ())) for node in canvas.nodes)
    if all(new is old for new, old in zip(nodes, canvas.nodes, strict=True)):
        return canvas
    return replace(canvas, nodes=nodes)


def _named_as_defined(node: GraphNode, document: Document) -> GraphNode:
    """An instance whose inputs have the names that its subgraph has in their place, where it has not theirs."""
    definition = document.subgraphs.get(node.type)
    if definition is None:
        return node
    names = [slot.name for slot in definition.inputs]
    known = set(names)
    if all(slot.name in known for slot in node.inputs):
        return node
    inputs = tuple(
        slot if slot.name in known or index >= len(names) else slot._replace(name=names[index])
        for index, slot in enumerate(node.inputs)
    )
    return replace(node, inputs=inputs)


def _relinked(node: GraphNode, ending: list[GraphLink] | tuple[()]) -> GraphNode:
    naming_it: dict[LinkId, list[int]] = {}
    for index, slot in enumerate(node.inputs):
        if slot.link is not None:
            naming_it.setdefault(slot.link, []).append(index)
    if not ending and not naming_it:
        return node
    chosen: dict[int, LinkId] = {}
    named: dict[int, LinkId] = {}
    for link in ending:
        naming = naming_it.get(link.id)
        if naming:
            named.setdefault(link.target_slot if link.target_slot in naming else naming[0], link.id)
        else:
            chosen.setdefault(link.target_slot, link.id)
    found: Mapping[int, LinkId] = {**chosen, **named}
    if all(slot.link == found.get(index) for index, slot in enumerate(node.inputs)):
        return node
    return replace(node, inputs=tuple(slot._replace(link=found.get(index)) for index, slot in enumerate(node.inputs)))
