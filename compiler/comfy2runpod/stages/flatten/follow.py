"""Where the value of an input really comes from: links followed as the editor follows them, one step a turn.

Subgraphs' borders are crossed, reroutes followed, bypassed nodes bridged by type, muted ones cut. Where many inputs
lead into one chain of such nodes, the chain is followed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.facts.kinds import Virtual
from comfy2runpod.catalog.node_class import MATCHES_INPUT
from comfy2runpod.diagnostics import Diagnostic, Locus
from comfy2runpod.diagnostics.cut import CutBy
from comfy2runpod.editor import EditorProfile, types_fit
from comfy2runpod.errors import flatten as errors
from comfy2runpod.ir.document import INPUT_PANEL, OUTPUT_PANEL, GraphLink, GraphNode, LinkId, Mode, NodeId, Subgraph
from comfy2runpod.ir.flat import FromNode
from comfy2runpod.stages.flatten.scope import Scope
from comfy2runpod.stages.normalize.node_inputs import Inputs

# What an output is bridged to that has no input of a fitting type.
_NO_INPUT = -1


class _MakesDiagnostic(Protocol):
    def __call__(self, *, at: Locus) -> Diagnostic: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """The way leads nowhere; `diagnostic` tells why, of the input that it began at."""

    diagnostic: _MakesDiagnostic


@dataclass(frozen=True, slots=True)
class FromPanel:
    """The way ends at an input of a subgraph's instance that nothing is linked to; `inner` is what is inside it."""

    inner: Scope
    slot: int
    name: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """The way ends at a node that gives nothing; `slot` is the input or output that is to blame, if it is one."""

    by: CutBy
    scope: Scope
    node: GraphNode
    slot: str | None = None


# None: nothing is linked, or a node that only the editor knows.
End: TypeAlias = FromNode | FromPanel | Fault | Nothing | None


class _Input(NamedTuple):
    """An input on the way.

    `wanted` is the type that is asked for, None for the input's own; `bridged` the bypassed output that led here.
    """

    scope: Scope
    node: GraphNode
    slot: int
    wanted: str | None
    bridged: tuple[Scope, NodeId, int] | None = None

    @property
    def place(self) -> tuple[Scope, NodeId, int]:
        return self.scope, self.node.id, self.slot


class Follower:
    """Follows the links of one unfolded document."""

    def __init__(self, catalog: Catalog, profile: EditorProfile, inputs: Inputs) -> None:
        self._catalog = catalog
        self._profile = profile
        self._inputs = inputs
        self._panel_links: dict[tuple[str, int], GraphLink | None] = {}
        self._panel_ends: dict[str, dict[int, list[GraphLink]]] = {}
        # What is known of the inputs that lie behind others, by place and wanted type.
        self._ends: dict[tuple[tuple[Scope, NodeId, int], str | None], End] = {}
        # Which input a bypassed output is bridged to; and the outputs for which it depends on the wanted type.
        self._bridges: dict[tuple[Scope, NodeId, int], int | None] = {}
        self._several: set[tuple[Scope, NodeId, int]] = set()

    def end(self, scope: Scope, node: GraphNode, index: int) -> End:
        """Where an input of a node that runs gets its value."""
        found = self._next(scope, node, index, None)
        return self._far_end(found) if isinstance(found, _Input) else found

    def _far_end(self, at: _Input) -> End:
        """Where the way ends that goes on at an input; to pass one input or bridged output twice is a cycle."""
        trail: list[_Input] = []
        passed: dict[tuple[bool, tuple[Scope, NodeId, int]], int] = {}
        end: End
        # Whether the rest of a known way may pass what this one has passed without being the same cycle.
        entangled = False
        while True:
            again = passed.get((True, at.place))
            if again is not None:
                end = Fault(errors.LinkCycle)
                if trail[again].wanted != at.wanted:
                    # From behind it, the way may end well.
                    trail = trail[: again + 1]
                break
            if at.bridged is not None and (again := passed.get((False, at.bridged))) is not None:
                end = Fault(errors.LinkCycle)
                trail = trail[:again]
                break
            if at.bridged is not None:
                entangled = entangled or at.bridged in self._several
                passed[False, at.bridged] = len(trail)
            key = (at.place, at.wanted)
            if not entangled and key in self._ends:
                end = self._ends[key]
                break
            passed[True, at.place] = len(trail)
            trail.append(at)
            found = self._next(at.scope, at.node, at.slot, at.wanted)
            if not isinstance(found, _Input):
                end = found
                break
            at = found
        for known in trail:
            self._ends[known.place, known.wanted] = end
        return end

    def _next(self, scope: Scope, node: GraphNode, index: int, wanted: str | None) -> _Input | End:
        """The next input on the way, or its end."""
        inputs = self._inputs.of(node)
        if not 0 <= index < len(inputs):
            return Nothing(CutBy.BYPASSED, scope, node) if node.mode is Mode.BYPASS else None
        link_id = inputs[index].link
        if link_id is None:
            return Nothing(CutBy.OPEN_INPUT, scope, node, inputs[index].name)
        link = scope.canvas.links.get(link_id)
        if link is None:
            return _broken(link_id, "is not in the graph's list of links")
        slot = link.origin_slot
        if link.origin_id == INPUT_PANEL and scope.parent is not None and scope.instance is not None:
            outer = self._inputs.of(scope.instance)
            if 0 <= slot < len(outer) and outer[slot].link is None:
                return FromPanel(scope, slot, outer[slot].name)
            return _Input(scope.parent, scope.instance, slot, None)
        origin = scope.nodes.get(link.origin_id)
        if origin is None:
            return _absent(scope, link)
        return self._through(scope, origin, slot, wanted or inputs[index].type)

    def _through(self, scope: Scope, node: GraphNode, slot: int, wanted: str) -> _Input | End:
        """What an output stands for: an origin, or the input to go on with."""
        while True:
            virtual = self._catalog.facts.of(node.type).virtual
            if virtual is Virtual.ABSENT:
                return FromNode(scope.node_path(node.id), slot)
            # A PrimitiveNode's value has been written into what it feeds.
            if virtual is Virtual.PRIMITIVE:
                return None
            if node.mode is Mode.NEVER:
                return Nothing(CutBy.MUTED, scope, node)
            if node.mode is Mode.BYPASS:
                output = (scope, node.id, slot)
                chosen = self._bypass(node, slot, wanted)
                if self._bridges.setdefault(output, chosen) != chosen:
                    self._several.add(output)
                return _Input(scope, node, _NO_INPUT if chosen is None else chosen, None, output)
            if virtual is not None:
                return _Input(scope, node, slot, wanted) if virtual.passes_on else None
            child = scope.children.get(node.id)
            if child is None or child.definition is None:
                return FromNode(scope.node_path(node.id), slot)
            link = self._panel_link(child.definition, slot)
            if link is None or link.origin_id == INPUT_PANEL or (inner := child.nodes.get(link.origin_id)) is None:
                return _no_inner(scope, node, child, child.definition, slot, link)
            scope, node, slot = child, inner, link.origin_slot

    def _panel_link(self, definition: Subgraph, slot: int) -> GraphLink | None:
        """The link that a subgraph's output panel shows in a slot."""
        key = (definition.id, slot)
        if key not in self._panel_links:
            known = 0 <= slot < len(definition.outputs)
            link_ids = definition.outputs[slot].link_ids if known else ()
            self._panel_links[key] = self._shown_link(definition, slot, link_ids) if known else None
        return self._panel_links[key]

    def _shown_link(self, definition: Subgraph, slot: int, link_ids: tuple[LinkId, ...]) -> GraphLink | None:
        """The one that it names first.

        Of links that join the same two slots the editor keeps the first alone. A slot that names another of them, or
        one that there is not, is given the first link that ends in it.
        """
        links = definition.canvas.links
        ending = self._ending(definition).get(slot, [])
        for link_id in link_ids:
            link = links.get(link_id)
            if link is not None:
                ends = (link.origin_id, link.origin_slot)
                kept = next((other for other in ending if (other.origin_id, other.origin_slot) == ends), link)
                return link if kept is link else ending[0]
            if ending and not self._profile.table_decides:
                return ending[0]
        return None

    def _ending(self, definition: Subgraph) -> dict[int, list[GraphLink]]:
        """The links to a subgraph's output panel, by its slots."""
        known = self._panel_ends.get(definition.id)
        if known is None:
            known = self._panel_ends[definition.id] = {}
            for link in definition.canvas.links.values():
                if link.target_id == OUTPUT_PANEL:
                    known.setdefault(link.target_slot, []).append(link)
        return known

    def _bypass(self, node: GraphNode, slot: int, wanted: str) -> int | None:
        """The input that a bypassed node passes to an output that an input of type `wanted` asks for."""
        inputs = self._inputs.of(node)
        if wanted in ("*", ""):
            return slot if 0 <= slot < len(inputs) else (0 if inputs else None)
        given = self._output_type(node, slot)
        if 0 <= slot < len(inputs) and types_fit(inputs[slot].type, given) and types_fit(inputs[slot].type, wanted):
            return slot
        for index, candidate in enumerate(inputs):
            if candidate.type == wanted:
                return index
        for index, candidate in enumerate(inputs):
            if types_fit(candidate.type, given) and types_fit(candidate.type, wanted):
                return index
        return None

    def _output_type(self, node: GraphNode, slot: int) -> str:
        declared = self._catalog.get(node.type)
        if declared is not None and 0 <= slot < len(declared.outputs):
            kind = declared.outputs[slot].type
            return "*" if kind == MATCHES_INPUT else kind
        return node.outputs[slot].type if 0 <= slot < len(node.outputs) else "*"


def _no_inner(
    scope: Scope, instance: GraphNode, child: Scope, definition: Subgraph, slot: int, link: GraphLink | None
) -> Fault | Nothing:
    """Why an output of a subgraph's instance leads to no node inside; `link` is what its panel shows."""
    name = definition.outputs[slot].name if 0 <= slot < len(definition.outputs) else str(slot)
    if link is None:
        return Nothing(CutBy.EMPTY_SUBGRAPH, scope, instance, name)
    if link.origin_id == INPUT_PANEL:
        return Fault(partial(errors.SubgraphPassesThrough, subgraph=definition.name, output=name))
    return _absent(child, link)


def _broken(link_id: LinkId, missing: str) -> Fault:
    return Fault(partial(errors.BrokenLink, link=link_id, missing=missing))


def _absent(scope: Scope, link: GraphLink) -> Fault:
    return _broken(link.id, f"starts at node {scope.node_path(link.origin_id)}, which is not in the graph")
