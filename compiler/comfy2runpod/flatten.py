"""Document -> FlatGraph: which nodes run, under which ids, and where each input's value really comes from.

Follows the editor: subgraphs are unfolded (`92:11`), virtual nodes are followed through, bypassed nodes are bridged by
type, muted ones are cut, primitives give their value away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from comfy2runpod.catalog import DYNAMIC_COMBO, MATCHES_INPUT, Catalog
from comfy2runpod.diagnostics import Collector, Diagnostic, Locus
from comfy2runpod.editor import VIRTUAL_NODES, EditorProfile, Virtual, types_fit
from comfy2runpod.errors import flatten as errors
from comfy2runpod.ir.document import INPUT_PANEL, OUTPUT_PANEL, Document, GraphLink, GraphNode, LinkId, Mode
from comfy2runpod.ir.flat import Exposed, FlatGraph, FlatNode, FromNode, Origin
from comfy2runpod.promoted import PromotedWidgets
from comfy2runpod.scope import Inputs, Scope, child_scope, root_scope

MAX_NODES = 200_000
_OFF = {Mode.NEVER: "muted", Mode.BYPASS: "bypassed"}
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


def flatten(document: Document, catalog: Catalog, profile: EditorProfile) -> tuple[FlatGraph, tuple[Diagnostic, ...]]:
    """Unfolds a document whose ids are unique and whose PrimitiveNodes have written their values.

    Returns:
        The flat graph, its nodes in the natural order of their ids, and warnings.

    Raises:
        CompileError: definitions are missing, links are broken or go round, or nothing would run.
    """
    return _Flattener(document, catalog, profile).run()


def natural_order(node_id: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts `3` before `75` before `92:4` before `92:11`."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in node_id.split(":"))


class _Flattener:
    def __init__(self, document: Document, catalog: Catalog, profile: EditorProfile) -> None:
        self._document = document
        self._catalog = catalog
        self._profile = profile
        self._found = Collector()
        self._inputs = Inputs(document, catalog)
        self._promoted = PromotedWidgets(catalog, profile, self._inputs)
        self._exposed: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self._off = 0

    def run(self) -> tuple[FlatGraph, tuple[Diagnostic, ...]]:
        document = self._document
        root = root_scope(document)
        active = list(self._unfold(root))
        if not active and not self._found.has_errors:
            self._found.add(errors.NothingToRun(at=Locus(document.file), muted=self._off))
        self._found.finish()
        flat = [
            FlatNode(
                id=scope.node_path(node.id),
                node=node,
                origins=dict(self._origins(scope, node)),
                reset=self._reset(scope, node),
            )
            for scope, node in active
        ]
        warnings = self._found.finish()
        flat.sort(key=lambda node: natural_order(node.id))
        nodes = {node.id: node for node in flat}
        exposed = tuple(self._all_exposed(root, nodes))
        graph = FlatGraph(file=document.file, document=document, nodes=nodes, exposed=exposed)
        return graph, warnings

    def _unfold(self, root: Scope) -> Iterator[tuple[Scope, GraphNode]]:
        """All nodes that run, with the scope each stands in."""
        count = 0
        waiting = [root]
        while waiting:
            scope = waiting.pop()
            for node in scope.nodes.values():
                count += 1
                if count > MAX_NODES:
                    self._found.add(errors.TooManyNodes(at=Locus(self._document.file), limit=MAX_NODES))
                    return
                if self._is_instance(node):
                    waiting.extend(self._enter(scope, node))
                elif node.mode in _OFF:
                    self._off += 1
                elif node.type not in VIRTUAL_NODES:
                    yield scope, node

    def _is_instance(self, node: GraphNode) -> bool:
        """Whether a node is an instance of a subgraph, be its definition there or not."""
        return node.type in self._document.subgraphs or _UUID.fullmatch(node.type) is not None

    def _enter(self, scope: Scope, node: GraphNode) -> Iterator[Scope]:
        definition = self._document.subgraphs.get(node.type)
        at = self._locus(scope, node)
        if definition is None:
            names = tuple(subgraph.name or subgraph.id for subgraph in self._document.subgraphs.values())
            self._found.add(errors.MissingSubgraphDefinition(at=at, definition=node.type, defined=names))
            return
        chain = [definition.name]
        outer: Scope | None = scope
        while outer is not None and outer.definition is not None:
            chain.append(outer.definition.name)
            if outer.definition is definition:
                self._found.add(errors.SubgraphInsideItself(at=at, names=tuple(reversed(chain))))
                return
            outer = outer.parent
        child = child_scope(scope, node, definition)
        if not self._profile.opens_promoted_objects:
            for name in self._promoted.objects_shown(child):
                shown = self._locus(scope, node, name)
                self._found.add(errors.EditorCannotOpen(at=shown, editor=self._profile.name, widget=name))
        if node.mode in _OFF:
            if scope.parent is None:
                self._off += len(child.nodes)
                return
            self._found.add(errors.InnerNodesStillRun(at=at, state=_OFF[node.mode]))
        yield child

    def _origins(self, scope: Scope, node: GraphNode) -> Iterator[tuple[str, Origin]]:
        for index, slot in enumerate(self._inputs.of(node)):
            origin: Origin | None
            if slot.link is not None:
                origin = self._resolve(scope, node, index)
            else:
                origin = self._promoted.shown_by(scope, node.id, slot.name)
            if origin is not None:
                yield slot.name, origin

    def _reset(self, scope: Scope, node: GraphNode) -> frozenset[str]:
        """The dynamic combos of a node whose choice the editor loses: those that a subgraph's input is linked to."""
        if self._profile.keeps_promoted_choice or scope.parent is None:
            return frozenset()
        found = set()
        for slot in self._inputs.of(node):
            link = scope.canvas.links.get(slot.link) if slot.type == DYNAMIC_COMBO and slot.link is not None else None
            if link is not None and link.origin_id == INPUT_PANEL:
                found.add(slot.name)
        return frozenset(found)

    def _resolve(self, scope: Scope, node: GraphNode, index: int) -> Origin | None:
        """Follows an input to its origin, as the editor does: one step a turn, never twice through one slot."""
        leaf = (scope.node_path(node.id), self._inputs.of(node)[index].name)
        at = partial(self._locus, scope, node, leaf[1])
        seen: set[tuple[str, bool, int]] = set()
        wanted: str | None = None
        while True:
            if (key := (scope.node_path(node.id), True, index)) in seen:
                self._found.add(errors.LinkCycle(at=at()))
                return None
            seen.add(key)
            inputs = self._inputs.of(node)
            if not 0 <= index < len(inputs) or (link_id := inputs[index].link) is None:
                return None
            link = scope.canvas.links.get(link_id)
            if link is None:
                self._found.add(errors.BrokenLink(at=at(), link=link_id, missing="is not in the graph's list of links"))
                return None
            slot = link.origin_slot
            if link.origin_id == INPUT_PANEL and scope.parent is not None and scope.instance is not None:
                inner, node, index = scope, scope.instance, slot
                scope = scope.parent
                outer = self._inputs.of(node)
                if 0 <= index < len(outer) and outer[index].link is None:
                    return self._from_instance(inner, index, outer[index].name, leaf)
                wanted = None
                continue
            wanted = wanted or inputs[index].type
            origin_node = scope.nodes.get(link.origin_id)
            if origin_node is None:
                missing = f"starts at node {scope.node_path(link.origin_id)}, which is not in the graph"
                self._found.add(errors.BrokenLink(at=at(), link=link_id, missing=missing))
                return None
            step = self._through_output(scope, origin_node, slot, wanted, seen, at)
            if step is None or isinstance(step, FromNode):
                return step
            scope, node, index, keeps = step
            wanted = wanted if keeps else None

    def _through_output(
        self,
        scope: Scope,
        node: GraphNode,
        slot: int,
        wanted: str,
        seen: set[tuple[str, bool, int]],
        at: Callable[[], Locus],
    ) -> FromNode | tuple[Scope, GraphNode, int, bool] | None:
        """What an output stands for: an origin, or the input to go on with (and whether the wanted type stays)."""
        while True:
            path = scope.node_path(node.id)
            if (path, False, slot) in seen:
                self._found.add(errors.LinkCycle(at=at()))
                return None
            seen.add((path, False, slot))
            virtual = VIRTUAL_NODES.get(node.type)
            if virtual is Virtual.PRIMITIVE:
                return None  # its value has been written into what it feeds
            if virtual is Virtual.ABSENT:
                return FromNode(path, slot)
            if node.mode is Mode.NEVER:
                return None
            if node.mode is Mode.BYPASS:
                chosen = self._bypass(node, slot, wanted)
                return None if chosen is None else (scope, node, chosen, False)
            if virtual is Virtual.PASS_THROUGH:
                return scope, node, slot, True
            if virtual is not None:
                return None
            child = scope.children.get(node.id)
            if child is None or child.definition is None:
                return FromNode(path, slot)
            inner = self._panel_link(child, slot, at)
            if inner is None:
                return None
            scope, (node, slot) = child, inner

    def _panel_link(self, child: Scope, slot: int, at: Callable[[], Locus]) -> tuple[GraphNode, int] | None:
        """The inner node and output that a subgraph's output panel shows in a slot."""
        definition = child.definition
        if definition is None or not 0 <= slot < len(definition.outputs):
            return None
        link = self._shown_link(child, slot, definition.outputs[slot].link_ids)
        if link is None:
            return None
        if link.origin_id == INPUT_PANEL:
            name = definition.outputs[slot].name
            self._found.add(errors.SubgraphPassesThrough(at=at(), subgraph=definition.name, output=name))
            return None
        node = child.nodes.get(link.origin_id)
        if node is None:
            missing = f"starts at node {child.node_path(link.origin_id)}, which is not in the graph"
            self._found.add(errors.BrokenLink(at=at(), link=link.id, missing=missing))
            return None
        return node, link.origin_slot

    def _shown_link(self, child: Scope, slot: int, link_ids: tuple[LinkId, ...]) -> GraphLink | None:
        """The link that an output panel's slot means: the one that it names first.

        Of links that join the same two slots the editor keeps the first alone. A slot that names another of them, or
        one that there is not, is given the first link that ends in it.
        """
        links = child.canvas.links
        to_slot = (OUTPUT_PANEL, slot)
        ending = [other for other in links.values() if (other.target_id, other.target_slot) == to_slot]
        for link_id in link_ids:
            link = links.get(link_id)
            if link is not None:
                ends = (link.origin_id, link.origin_slot)
                kept = next((other for other in ending if (other.origin_id, other.origin_slot) == ends), link)
                return link if kept is link else ending[0]
            if ending and not self._profile.table_decides:
                return ending[0]
        return None

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

    def _from_instance(self, inner: Scope, slot: int, name: str, leaf: tuple[str, str]) -> Origin | None:
        self._exposed.setdefault((":".join(inner.path), name), []).append(leaf)
        return self._promoted.value_of(inner, slot)

    def _all_exposed(self, root: Scope, nodes: Mapping[str, FlatNode]) -> Iterator[Exposed]:
        """What instances show: panel inputs that nothing is linked to, and widgets promoted by name."""
        waiting = [root]
        while waiting:
            scope = waiting.pop()
            waiting.extend(reversed(scope.children.values()))
            if scope.instance is None or scope.definition is None:
                continue
            path = ":".join(scope.path)
            for slot in scope.definition.inputs:
                targets = tuple(self._exposed.get((path, slot.name), ()))
                if targets:
                    yield Exposed(path, slot.name, slot.label, slot.type, targets)
            for node_id, widget in scope.instance.proxy_widgets:
                target = scope.node_path(node_id)
                if target in nodes and (path, widget) not in self._exposed:
                    yield Exposed(path, widget, None, "*", ((target, widget),))

    def _locus(self, scope: Scope, node: GraphNode, slot: str | None = None) -> Locus:
        definition = self._document.subgraphs.get(node.type)
        return Locus(
            file=self._document.file,
            node=scope.node_path(node.id),
            title=node.title or (definition.name if definition else None),
            class_type="subgraph" if self._is_instance(node) else node.type,
            input=slot,
            json_path=node.json_path,
        )
