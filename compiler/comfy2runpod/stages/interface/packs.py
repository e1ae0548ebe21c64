"""Which node packs a graph's nodes come from, as the file tells (`properties.cnr_id`, `aux_id`, `ver`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.diagnostics import Collector, Diagnostic, Locus
from comfy2runpod.errors.catalog import PackNotInImage
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.document import Document, GraphNode, group_name

CORE = "comfy-core"


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack by its id in the registry or `owner/name` on GitHub; CORE is ComfyUI itself, None is not told."""

    id: str | None
    versions: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def is_core(self) -> bool:
        """Whether it is ComfyUI itself."""
        return self.id == CORE


def find_packs(document: Document, catalog: Catalog) -> tuple[Pack, ...]:
    """The packs of all nodes of a file, ComfyUI itself first and what is not told last."""
    versions: dict[str | None, set[str]] = defaultdict(set)
    classes: dict[str | None, set[str]] = defaultdict(set)
    for node in prompt_nodes(document, catalog):
        pack = pack_of(node, catalog)
        classes[pack].add(node.type)
        if node.pack_version is not None:
            versions[pack].add(node.pack_version)
    ids = sorted(classes, key=lambda pack: (pack is None, pack != CORE, (pack or "").casefold()))
    return tuple(Pack(pack, tuple(sorted(versions[pack])), tuple(sorted(classes[pack]))) for pack in ids)


def pack_of(node: GraphNode, catalog: Catalog) -> str | None:
    """The pack that the node says it comes from; else the folder of its class's module."""
    if node.pack is not None:
        return node.pack
    known = catalog.get(node.type)
    if known is None:
        return None
    if known.name not in catalog.added:
        return CORE
    return known.module.partition(".")[2] or None


def warn_of_packs(document: Document, graph: BoundGraph, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Warnings of the packs that nodes which run come from: an image does not hold them."""
    found = Collector()
    running: dict[str, str] = {}
    for bound in graph.nodes.values():
        running.setdefault(bound.node_class.name, bound.id)
    for pack in find_packs(document, catalog):
        classes = tuple(name for name in pack.classes if name in catalog.added and name in running)
        if classes:
            node = graph.nodes[running[classes[0]]]
            at = Locus(graph.file, node.id, node.title, node.node_class.name, json_path=node.json_path)
            version = ", ".join(pack.versions) or None
            found.add(PackNotInImage(at=at, pack=pack.id or "that is not named", version=version, classes=classes))
    return found.finish()


def prompt_nodes(document: Document, catalog: Catalog) -> Iterator[GraphNode]:
    """The nodes of every canvas that can become nodes of a prompt: no subgraph instances, no group nodes, no notes."""
    canvases = (document.root, *(subgraph.canvas for subgraph in document.subgraphs.values()))
    inside = (group.nodes for group in document.groups.values())
    for nodes in (*(canvas.nodes for canvas in canvases), *inside):
        for node in nodes:
            if catalog.facts.of(node.type).virtual is not None or node.type in document.subgraphs:
                continue
            if group_name(node.type) not in document.groups:
                yield node
