"""Duplicate node ids, renumbered as the editor does on load.

Ids are unique over the root and all definitions together. The root's are reserved first; then each definition in file
order, each node in file order: an id already used gets the next free one, counting up from the highest seen so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from comfy2runpod.ir.document import Canvas, Document, GraphLink, GraphNode, NodeId, Subgraph, numeric_id


def renumber(document: Document, *, root_too: bool) -> Document:
    """The document with ids unique over all its canvases; the very same one if they are already.

    Args:
        document: the graph.
        root_too: whether the later of two root nodes with one id gets a new one; links stay with the first.
    """
    if root_too:
        document = _unique_root(document)
    used = {node.id for node in document.root.nodes}
    counts = len(used) + sum(len(subgraph.canvas.nodes) for subgraph in document.subgraphs.values())
    together = used.union(*({node.id for node in s.canvas.nodes} for s in document.subgraphs.values()))
    if counts == len(together):
        return document
    last = max((document.last_node_id, 0, *filter(None, map(numeric_id, used))))
    changed: dict[str, Mapping[NodeId, NodeId]] = {}
    for key, subgraph in document.subgraphs.items():
        new_ids: dict[NodeId, NodeId] = {}
        for node in subgraph.canvas.nodes:
            if node.id in used:
                while str(last := last + 1) in used:
                    pass
                new_ids[node.id] = str(last)
                used.add(str(last))
            else:
                used.add(node.id)
                last = max(last, numeric_id(node.id) or 0)
        if new_ids:
            changed[key] = new_ids
    subgraphs = {
        key: _with_ids(subgraph, changed[key]) if key in changed else subgraph
        for key, subgraph in document.subgraphs.items()
    }
    instances = {key: _with_proxies(subgraph, changed) for key, subgraph in subgraphs.items()}
    return replace(document, root=_proxies(document.root, changed), subgraphs=instances)


def _unique_root(document: Document) -> Document:
    seen: set[NodeId] = set()
    if len({node.id for node in document.root.nodes}) == len(document.root.nodes):
        return document
    last = max((document.last_node_id, 0, *filter(None, (numeric_id(node.id) for node in document.root.nodes))))
    nodes = []
    for node in document.root.nodes:
        if node.id in seen:
            last += 1
            inputs = tuple(slot._replace(link=None) for slot in node.inputs)
            nodes.append(replace(node, id=str(last), inputs=inputs))
        else:
            nodes.append(node)
        seen.add(nodes[-1].id)
    root = replace(document.root, nodes=tuple(nodes))
    return replace(document, root=root, last_node_id=last)


def _with_ids(subgraph: Subgraph, new_ids: Mapping[NodeId, NodeId]) -> Subgraph:
    nodes = tuple(replace(node, id=new_ids.get(node.id, node.id)) for node in subgraph.canvas.nodes)
    links = {key: _relinked(link, new_ids) for key, link in subgraph.canvas.links.items()}
    return replace(subgraph, canvas=Canvas(nodes=nodes, links=links))


def _relinked(link: GraphLink, new_ids: Mapping[NodeId, NodeId]) -> GraphLink:
    origin = new_ids.get(link.origin_id, link.origin_id)
    target = new_ids.get(link.target_id, link.target_id)
    return link._replace(origin_id=origin, target_id=target)


def _with_proxies(subgraph: Subgraph, changed: Mapping[str, Mapping[NodeId, NodeId]]) -> Subgraph:
    return replace(subgraph, canvas=_proxies(subgraph.canvas, changed))


def _proxies(canvas: Canvas, changed: Mapping[str, Mapping[NodeId, NodeId]]) -> Canvas:
    """Promoted widgets name inner nodes by id: they follow."""
    nodes = tuple(_proxied(node, changed[node.type]) if node.type in changed else node for node in canvas.nodes)
    return replace(canvas, nodes=nodes)


def _proxied(node: GraphNode, new_ids: Mapping[NodeId, NodeId]) -> GraphNode:
    proxies = tuple((new_ids.get(node_id, node_id), name) for node_id, name in node.proxy_widgets)
    return replace(node, proxy_widgets=proxies)
