"""Where two editors can make different prompts of a document, told without converting it by both.

Looks for what each rule in which two profiles differ needs to make a difference. It may find more than there is, never
less: what it does not find need not be converted twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from comfy2runpod.catalog.classes import DYNAMIC_COMBO, Catalog
from comfy2runpod.editor import OBJECT_TYPES, VIRTUAL_NODES, EditorProfile, Virtual
from comfy2runpod.ir.document import INPUT_PANEL, Canvas, Document, GraphNode, LinkId
from comfy2runpod.stages.normalize.links import settle_links, unlink_promoted

# Widgets that a rule of one editor is about: of colours the value of a new one, of the others how it is written.
_TYPES_WITH_RULES = OBJECT_TYPES | {"COLOR"}


class MayDiffer(Enum):
    """What of a document two editors may treat differently."""

    NOTHING = auto()
    # Only which value a widget gets that an instance shows: its own, or the inner node's.
    SHOWN_VALUES = auto()
    ANYTHING = auto()


def may_differ(document: Document, catalog: Catalog, first: EditorProfile, second: EditorProfile) -> MayDiffer:
    """What the two editors may treat differently in a document."""
    if document.groups and first.unpacks_groups != second.unpacks_groups:
        return MayDiffer.ANYTHING
    canvases = (document.root, *(subgraph.canvas for subgraph in document.subgraphs.values()))
    classes = (catalog.get(name) for name in {node.type for canvas in canvases for node in canvas.nodes})
    if any(node_class.types & _TYPES_WITH_RULES for node_class in classes if node_class is not None):
        return MayDiffer.ANYTHING
    if first.keeps_promoted_choice != second.keeps_promoted_choice and any(
        _shows_choice(subgraph.canvas, catalog) for subgraph in document.subgraphs.values()
    ):
        return MayDiffer.ANYTHING
    if first.table_decides != second.table_decides and _table_matters(document):
        return MayDiffer.ANYTHING
    if first.instance_keeps_values != second.instance_keeps_values:
        if any(_writes_into_instance(canvas, document) for canvas in canvases):
            return MayDiffer.ANYTHING
        if unlink_promoted(document) is not document:
            return MayDiffer.ANYTHING
        if any(_holds_values(node, document) for canvas in canvases for node in canvas.nodes):
            return MayDiffer.SHOWN_VALUES
    return MayDiffer.NOTHING


def _holds_values(node: GraphNode, document: Document) -> bool:
    """Whether it is a subgraph's instance with values of its own."""
    return node.type in document.subgraphs and isinstance(node.widgets_values, tuple) and bool(node.widgets_values)


def _writes_into_instance(canvas: Canvas, document: Document) -> bool:
    """Whether a PrimitiveNode is linked to a subgraph's instance."""
    primitives = {node.id for node in canvas.nodes if VIRTUAL_NODES.get(node.type) is Virtual.PRIMITIVE}
    return bool(primitives) and any(
        (link := canvas.links.get(slot.link)) is not None and link.origin_id in primitives
        for node in canvas.nodes
        if node.type in document.subgraphs
        for slot in node.inputs
        if slot.link is not None
    )


def _shows_choice(canvas: Canvas, catalog: Catalog) -> bool:
    """Whether a subgraph's input is linked to a dynamic combo."""
    return any(
        (link := canvas.links.get(link_id)) is not None and link.origin_id == INPUT_PANEL
        for node in canvas.nodes
        for link_id in _links_of_choices(node, catalog)
    )


def _links_of_choices(node: GraphNode, catalog: Catalog) -> Iterator[LinkId]:
    node_class = catalog.get(node.type)
    declared = node_class.by_name if node_class is not None and DYNAMIC_COMBO in node_class.types else {}
    for slot in node.inputs:
        spec = declared.get(slot.name)
        if slot.link is not None and DYNAMIC_COMBO in (slot.type, spec.type if spec is not None else None):
            yield slot.link


def _table_matters(document: Document) -> bool:
    """Whether inputs and the table of links disagree, a panel names a link that is not in it, or root ids repeat."""
    roots = document.root.nodes
    if len({node.id for node in roots}) < len(roots):
        return True
    for subgraph in document.subgraphs.values():
        if any(link_id not in subgraph.canvas.links for slot in subgraph.outputs for link_id in slot.link_ids):
            return True
    return settle_links(document) is not document
