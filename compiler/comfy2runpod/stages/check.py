"""BoundGraph -> diagnostics: what the server would refuse, reported before anything is written.

Inputs are checked by the server's own rules (`comfy2runpod.server_check`). Cycles are searched for in the whole graph,
also in parts that no output needs.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Sequence

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.diagnostics import Collector, Diagnostic, Locus, Suggestions
from comfy2runpod.errors import check as errors
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.prompt import as_link
from comfy2runpod.json_parts import texts_of
from comfy2runpod.server_check import NodeFault, Verdict, validate_prompt


def check(graph: BoundGraph, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Checks a bound graph as the server checks a prompt.

    Raises:
        CompileError: the server would refuse it, wholly or in part.
    """
    verdict = validate_prompt(graph.prompt(), catalog)
    # If the server looked at every node and found no fault, there is no cycle.
    if verdict.node_faults or verdict.looked_at < len(graph.nodes):
        found = Collector()
        for cycle in _cycles(graph):
            found.add(_cycle(graph, cycle))
        found.finish()
    return _told(graph, verdict)


def check_as_server(graph: BoundGraph, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Checks exactly what the server checks: nodes that no output needs are not looked at.

    Raises:
        CompileError: the server would refuse it, wholly or in part.
    """
    return _told(graph, validate_prompt(graph.prompt(), catalog))


def _told(graph: BoundGraph, verdict: Verdict) -> tuple[Diagnostic, ...]:
    found = Collector()
    near = Suggestions(graph.nodes)
    for fault in verdict.node_faults:
        for diagnostic in _diagnostics(graph, fault, near):
            found.add(diagnostic)
    error = verdict.error
    if error is not None and not verdict.node_faults:
        at = Locus(graph.file)
        if error.kind == "prompt_no_outputs":
            found.add(errors.NoOutputNode(at=at))
        else:
            found.add(errors.RefusedByServer(at=at, kind=error.kind, message=error.message, details=error.details))
    return found.finish()


def _cycles(graph: BoundGraph) -> list[tuple[str, ...]]:
    origins = {
        node.id: [link.node_id for value in node.inputs.values() if (link := as_link(value)) is not None]
        for node in graph.nodes.values()
    }
    try:
        graphlib.TopologicalSorter(origins).prepare()
    except graphlib.CycleError:
        pass
    else:
        return []
    # Rarely needed and slow to import.
    import networkx  # noqa: PLC0415

    links: networkx.DiGraph[str] = networkx.DiGraph()
    links.add_edges_from((origin, node_id) for node_id, given in origins.items() for origin in given)
    groups = [sorted(group) for group in networkx.strongly_connected_components(links) if len(group) > 1]
    groups += [[node_id] for node_id in links if links.has_edge(node_id, node_id)]
    cycles = []
    for group in sorted(groups):
        edges = networkx.find_cycle(links.subgraph(group), source=group[0])
        cycles.append(tuple(edge[0] for edge in edges))
    return cycles


def _cycle(graph: BoundGraph, nodes: Sequence[str]) -> Diagnostic:
    first, *others = (graph.locus(node_id) for node_id in nodes)
    return errors.GraphCycle(at=first, nodes=tuple(nodes), others=tuple(others))


def _diagnostics(graph: BoundGraph, fault: NodeFault, near: Suggestions) -> Iterator[Diagnostic]:
    """The diagnostics of a fault, one for each input that causes it."""
    if fault.raised_by:
        for name in fault.raised_by:
            yield _raised(graph, fault, name, near)
    else:
        yield _diagnostic(graph, fault)


def _diagnostic(graph: BoundGraph, fault: NodeFault) -> Diagnostic:
    node = graph.nodes[fault.node_id]
    name = fault.input_name
    at = graph.locus(node.id, name)
    value = node.inputs.get(name) if name is not None else None
    spec = node.specs.get(name) if name is not None else None
    link = as_link(value)
    match fault.kind:
        case "required_input_missing" if spec is not None:
            return _missing(node, at, spec.type)
        case "value_smaller_than_min" | "value_bigger_than_max" if spec is not None:
            return errors.ValueOutOfBounds(at=at, value=value, minimum=spec.minimum, maximum=spec.maximum)
        case "value_not_in_list" if spec is not None:
            choices = spec.choices or tuple(key for key, _ in spec.options)
            return errors.ValueNotInList(at=at, value=value, choices=choices, folders=spec.folders)
        case "invalid_input_type" if spec is not None:
            return errors.WrongType(at=at, value=value, expected=spec.type)
        case "bad_linked_input":
            return errors.MalformedLink(at=at, value=value)
        case "return_type_mismatch" if spec is not None and link is not None:
            origin = graph.nodes[link.node_id]
            given = origin.node_class.outputs[link.slot].type
            return errors.LinkOfWrongType(at=at, origin=graph.locus(origin.id), given=given, expected=spec.type)
        case "dependency_cycle":
            return _cycle(graph, texts_of("cycle_nodes", fault.extra["cycle_nodes"]))
        case _:
            return errors.RefusedByServer(at=at, kind=fault.kind, message=fault.message, details=fault.details)


def _raised(graph: BoundGraph, fault: NodeFault, name: str, near: Suggestions) -> Diagnostic:
    """Why the server's check of an input raises: the link leads nowhere, or the value is one that it cannot read."""
    node = graph.nodes[fault.node_id]
    at = graph.locus(node.id, name)
    spec = node.specs.get(name)
    # The checks of classes themselves fail on texts: a file name, a ratio.
    kind = spec.type if spec is not None and spec.type != "COMBO" else "STRING"
    if name not in node.inputs:
        return _missing(node, at, kind)
    value = node.inputs[name]
    match value:
        case [str() as origin_id, _] if origin_id not in graph.nodes:
            return errors.LinkFromAbsentNode(at=at, origin=origin_id, near=near)
        case [str() as origin_id, int() as slot]:
            origin = graph.nodes[origin_id]
            outputs = tuple(f"{index} {output.name}" for index, output in enumerate(origin.node_class.outputs))
            return errors.LinkFromNoOutput(at=at, origin=graph.locus(origin.id), slot=slot, outputs=outputs)
        case list():
            return errors.MalformedLink(at=at, value=value)
        case str() if kind == "STRING":
            # Of the type, but of another form than the class expects: only the server's words tell.
            return errors.RefusedValue(at=at, value=value, problem=fault.details)
    return errors.WrongType(at=at, value=value, expected=kind)


def _missing(node: BoundNode, at: Locus, kind: str) -> Diagnostic:
    cut = node.cuts.get(at.input) if at.input is not None else None
    return errors.RequiredInputMissing(at=at, type=kind, cut=cut)
