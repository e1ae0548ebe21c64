"""BoundGraph -> diagnostics: what the server would refuse, told before anything is written.

The verdict on inputs is the server's own (`comfy2runpod.verdict`); cycles are looked for in the whole graph, also
where no output would reach them.
"""

from __future__ import annotations

import networkx

from comfy2runpod.catalog import Catalog
from comfy2runpod.diagnostics import Collector, Diagnostic, Locus, nearest
from comfy2runpod.errors import check as errors
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.prompt import as_link
from comfy2runpod.verdict import NodeFault, validate_prompt


def check(graph: BoundGraph, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Checks a bound graph as the server checks a prompt.

    Raises:
        CompileError: the server would refuse it, wholly or in part.
    """
    found = Collector()
    for circle in _circles(graph):
        node = graph.nodes[circle[0]]
        found.add(errors.GraphCycle(at=_locus(graph, node), nodes=circle))
    if found.has_errors:
        return found.finish()
    verdict = validate_prompt(graph.prompt(), catalog)
    for fault in verdict.node_faults:
        found.add(_diagnostic(graph, fault))
    error = verdict.error
    if error is not None and not verdict.node_faults:
        at = Locus(graph.file)
        if error.kind == "prompt_no_outputs":
            found.add(errors.NoOutputNode(at=at))
        else:
            found.add(errors.RefusedByServer(at=at, kind=error.kind, message=error.message, details=error.details))
    return found.finish()


def _circles(graph: BoundGraph) -> list[tuple[str, ...]]:
    links: networkx.DiGraph[str] = networkx.DiGraph()
    for node in graph.nodes.values():
        for value in node.inputs.values():
            link = as_link(value)
            if link is not None:
                links.add_edge(link.node_id, node.id)
    groups = [sorted(group) for group in networkx.strongly_connected_components(links) if len(group) > 1]
    groups += [[node_id] for node_id in links if links.has_edge(node_id, node_id)]
    circles = []
    for group in sorted(groups):
        edges = networkx.find_cycle(links.subgraph(group), source=group[0])
        circles.append(tuple(edge[0] for edge in edges))
    return circles


def _locus(graph: BoundGraph, node: BoundNode, name: str | None = None) -> Locus:
    return Locus(graph.file, node.id, node.title, node.node_class.name, name, node.json_path)


def _diagnostic(graph: BoundGraph, fault: NodeFault) -> Diagnostic:
    node = graph.nodes[fault.node_id]
    name = fault.input_name
    at = _locus(graph, node, name)
    value = node.inputs.get(name) if name is not None else None
    spec = node.specs.get(name) if name is not None else None
    link = as_link(value)
    match fault.kind:
        case "required_input_missing" if spec is not None:
            return errors.RequiredInputMissing(at=at, type=spec.type)
        case "value_smaller_than_min" | "value_bigger_than_max" if spec is not None:
            return errors.ValueOutOfBounds(at=at, value=value, minimum=spec.minimum, maximum=spec.maximum)
        case "value_not_in_list" if spec is not None:
            choices = spec.choices or tuple(key for key, _ in spec.options)
            near = nearest(str(value), [str(choice) for choice in choices])
            return errors.ValueNotInList(at=at, value=value, choices=choices, folders=spec.folders, near=near)
        case "invalid_input_type" if spec is not None:
            return errors.WrongType(at=at, value=value, expected=spec.type)
        case "return_type_mismatch" if spec is not None and link is not None:
            origin = graph.nodes[link.node_id]
            outputs = origin.node_class.outputs
            given = outputs[link.slot].type if link.slot < len(outputs) else "nothing"
            return errors.LinkOfWrongType(
                at=at, origin=f"node {origin.id} ({origin.node_class.name})", given=given, expected=spec.type
            )
    return errors.RefusedByServer(at=at, kind=fault.kind, message=fault.message, details=fault.details)
