"""Document -> FlatGraph: which nodes run, under which ids, and where each input's value really comes from.

Follows the editor: subgraphs are unfolded (`92:11`), virtual nodes are followed through, bypassed nodes are bridged by
type, muted ones are cut, primitives give their value away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from comfy2runpod.catalog import Catalog
from comfy2runpod.diagnostics import Collector, Diagnostic, Locus
from comfy2runpod.editor import VIRTUAL_NODES, EditorProfile, Virtual, types_fit
from comfy2runpod.errors import flatten as errors
from comfy2runpod.ir.document import INPUT_PANEL, OUTPUT_PANEL, Canvas, Document, GraphNode, Mode, NodeId, Subgraph
from comfy2runpod.ir.flat import Exposed, FlatGraph, FlatNode, FromInstance, FromNode, FromPrimitive, Origin
from comfy2runpod.ir.json import Json
from comfy2runpod.renumber import renumber

MAX_NODES = 500_000
_OFF = {Mode.NEVER: "muted", Mode.BYPASS: "bypassed"}
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


def flatten(document: Document, catalog: Catalog, profile: EditorProfile) -> tuple[FlatGraph, tuple[Diagnostic, ...]]:
    """Unfolds a document.

    Returns:
        The flat graph, its nodes in the natural order of their ids, and warnings.

    Raises:
        CompileError: definitions are missing, links are broken or go round, or nothing would run.
    """
    return _Flattener(renumber(document), catalog, profile).run()


def natural_order(node_id: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts `3` before `75` before `92:4` before `92:11`."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in node_id.split(":"))


@dataclass(frozen=True, slots=True)
class _Slot:
    """An input as the editor has it once the class's own declaration has been laid over the file's."""

    name: str
    type: str
    link: int | None


@dataclass(frozen=True, eq=False, slots=True)
class _Scope:
    """One unfolded canvas: the root, or a subgraph under one of its instances."""

    path: tuple[NodeId, ...]
    canvas: Canvas
    nodes: Mapping[NodeId, GraphNode]
    parent: _Scope | None = None
    instance: GraphNode | None = None
    definition: Subgraph | None = None
    children: dict[NodeId, _Scope] = field(default_factory=dict)

    def node_path(self, node_id: NodeId) -> str:
        return ":".join((*self.path, node_id))


class _Flattener:
    def __init__(self, document: Document, catalog: Catalog, profile: EditorProfile) -> None:
        self._document = document
        self._catalog = catalog
        self._profile = profile
        self._found = Collector()
        self._slots: dict[int, tuple[_Slot, ...]] = {}
        self._exposed: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self._panel_widgets: dict[tuple[NodeId, ...], tuple[int, ...]] = {}
        self._off = 0

    def run(self) -> tuple[FlatGraph, tuple[Diagnostic, ...]]:
        document = self._document
        root = _Scope((), document.root, _by_id(document.root))
        active = list(self._unfold(root))
        if not active and not self._found.has_errors:
            self._found.add(errors.NothingToRun(at=Locus(document.file), muted=self._off))
        self._found.finish()
        flat = [
            FlatNode(id=scope.node_path(node.id), node=node, origins=dict(self._origins(scope, node)))
            for scope, node in active
        ]
        warnings = self._found.finish()
        flat.sort(key=lambda node: natural_order(node.id))
        nodes = {node.id: node for node in flat}
        graph = FlatGraph(file=document.file, nodes=nodes, exposed=tuple(self._all_exposed(root, nodes)))
        return graph, warnings

    def _unfold(self, root: _Scope) -> Iterator[tuple[_Scope, GraphNode]]:
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
                if _UUID.fullmatch(node.type):
                    waiting.extend(self._enter(scope, node))
                elif node.mode in _OFF:
                    self._off += 1
                elif node.type not in VIRTUAL_NODES:
                    yield scope, node

    def _enter(self, scope: _Scope, node: GraphNode) -> Iterator[_Scope]:
        definition = self._document.subgraphs.get(node.type)
        at = self._locus(scope, node)
        if definition is None:
            names = tuple(subgraph.name or subgraph.id for subgraph in self._document.subgraphs.values())
            self._found.add(errors.MissingSubgraphDefinition(at=at, definition=node.type, defined=names))
            return
        chain = [definition.name]
        outer: _Scope | None = scope
        while outer is not None and outer.definition is not None:
            chain.append(outer.definition.name)
            if outer.definition is definition:
                self._found.add(errors.SubgraphInsideItself(at=at, names=tuple(reversed(chain))))
                return
            outer = outer.parent
        child = _Scope(
            path=(*scope.path, node.id),
            canvas=definition.canvas,
            nodes=_by_id(definition.canvas),
            parent=scope,
            instance=node,
            definition=definition,
        )
        scope.children[node.id] = child
        if node.mode in _OFF:
            if scope.parent is None:
                self._off += len(child.nodes)
                return
            self._found.add(errors.InnerNodesStillRun(at=at, state=_OFF[node.mode]))
        yield child

    def _origins(self, scope: _Scope, node: GraphNode) -> Iterator[tuple[str, Origin]]:
        for index, slot in enumerate(self._inputs(node)):
            if slot.link is not None:
                origin = self._resolve(scope, node, index)
                if origin is not None:
                    yield slot.name, origin

    def _resolve(self, scope: _Scope, node: GraphNode, index: int) -> Origin | None:
        """Follows an input to its origin, as the editor does: one step a turn, never twice through one slot."""
        leaf = (scope.node_path(node.id), self._inputs(node)[index].name)
        at = partial(self._locus, scope, node, leaf[1])
        seen: set[tuple[str, bool, int]] = set()
        wanted: str | None = None
        while True:
            if (key := (scope.node_path(node.id), True, index)) in seen:
                self._found.add(errors.LinkCycle(at=at()))
                return None
            seen.add(key)
            inputs = self._inputs(node)
            if index >= len(inputs) or (link_id := inputs[index].link) is None:
                return None
            link = scope.canvas.links.get(link_id)
            if link is None:
                self._found.add(errors.BrokenLink(at=at(), link=link_id, missing="is not in the graph's list of links"))
                return None
            slot = link.origin_slot
            if link.origin_id == INPUT_PANEL and scope.parent is not None and scope.instance is not None:
                inner, node, index = scope, scope.instance, slot
                scope = scope.parent
                outer = self._inputs(node)
                if index < len(outer) and outer[index].link is None:
                    return self._from_instance(inner, node, outer[index].name, index, leaf)
                wanted = None
                continue
            wanted = wanted or inputs[index].type
            origin_node = scope.nodes.get(link.origin_id)
            if origin_node is None:
                missing = f"starts at node {scope.node_path(link.origin_id)}, which is not in the graph"
                self._found.add(errors.BrokenLink(at=at(), link=link_id, missing=missing))
                return None
            step = self._through_output(scope, origin_node, slot, wanted, seen, at)
            if step is None or isinstance(step, (FromNode, FromPrimitive)):
                return step
            scope, node, index, keeps = step
            wanted = wanted if keeps else None

    def _through_output(
        self,
        scope: _Scope,
        node: GraphNode,
        slot: int,
        wanted: str,
        seen: set[tuple[str, bool, int]],
        at: Callable[[], Locus],
    ) -> FromNode | FromPrimitive | tuple[_Scope, GraphNode, int, bool] | None:
        """What an output stands for: an origin, or the input to go on with (and whether the wanted type stays)."""
        while True:
            path = scope.node_path(node.id)
            if (path, False, slot) in seen:
                self._found.add(errors.LinkCycle(at=at()))
                return None
            seen.add((path, False, slot))
            virtual = VIRTUAL_NODES.get(node.type)
            if virtual is Virtual.PRIMITIVE:
                values = node.widgets_values
                return FromPrimitive(values[0], path) if isinstance(values, tuple) and values else None
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
            inner = self._panel_link(child, slot)
            if inner is None:
                return None
            scope, (node, slot) = child, inner

    def _panel_link(self, child: _Scope, slot: int) -> tuple[GraphNode, int] | None:
        """The inner node and output that a subgraph's output panel shows in a slot."""
        definition = child.definition
        if definition is None or slot >= len(definition.outputs):
            return None
        for link_id in definition.outputs[slot].link_ids:
            link = child.canvas.links.get(link_id)
            if link is not None and link.target_id == OUTPUT_PANEL and link.origin_id in child.nodes:
                return child.nodes[link.origin_id], link.origin_slot
        return None

    def _bypass(self, node: GraphNode, slot: int, wanted: str) -> int | None:
        """The input that a bypassed node passes to an output that an input of type `wanted` asks for."""
        inputs = self._inputs(node)
        if wanted in ("*", ""):
            return slot if slot < len(inputs) else (0 if inputs else None)
        given = self._output_type(node, slot)
        if slot < len(inputs) and types_fit(inputs[slot].type, given) and types_fit(inputs[slot].type, wanted):
            return slot
        for index, candidate in enumerate(inputs):
            if candidate.type == wanted:
                return index
        if self._profile.bypass_takes_any_fit:
            for index, candidate in enumerate(inputs):
                if types_fit(candidate.type, given) and types_fit(candidate.type, wanted):
                    return index
        return None

    def _output_type(self, node: GraphNode, slot: int) -> str:
        declared = self._catalog.get(node.type)
        if declared is not None and slot < len(declared.outputs):
            return declared.outputs[slot].type
        return node.outputs[slot].type if slot < len(node.outputs) else "*"

    def _inputs(self, node: GraphNode) -> tuple[_Slot, ...]:
        """A node's inputs in the editor's order: what its class declares, then what only the file has."""
        known = self._slots.get(id(node))
        if known is None:
            known = self._slots[id(node)] = tuple(self._laid_over(node))
        return known

    def _laid_over(self, node: GraphNode) -> Iterator[_Slot]:
        declared: list[tuple[str, str]] = []
        definition = self._document.subgraphs.get(node.type)
        spec = self._catalog.get(node.type)
        if definition is not None:
            declared = [(slot.name, slot.type) for slot in definition.inputs]
        elif spec is not None:
            declared = [(i.name, i.type) for i in spec.inputs if not i.is_widget]
            declared += [(i.name, i.type) for i in spec.inputs if i.is_widget and not i.socketless]
        links = {slot.name: slot.link for slot in node.inputs}
        for name, kind in declared:
            yield _Slot(name, kind, links.get(name))
        names = {name for name, _ in declared}
        for slot in node.inputs:
            if slot.name not in names or not declared:
                yield _Slot(slot.name, slot.type, slot.link)

    def _from_instance(
        self, inner: _Scope, instance: GraphNode, name: str, slot: int, leaf: tuple[str, str]
    ) -> FromInstance | None:
        giver = ":".join(inner.path)
        self._exposed.setdefault((giver, name), []).append(leaf)
        stands_for = self._stands_for(inner, slot)
        saved = self._saved_value(inner, instance, slot)
        if stands_for is None and not saved:
            return None
        return FromInstance(giver=giver, name=name, inner=stands_for, saved=saved)

    def _stands_for(self, scope: _Scope, slot: int) -> tuple[GraphNode, str] | None:
        """The inner node and widget that a panel input shows on the instance: the first one it is linked to."""
        while scope.definition is not None and slot < len(scope.definition.inputs):
            for link_id in scope.definition.inputs[slot].link_ids:
                link = scope.canvas.links.get(link_id)
                if link is not None and link.target_id in scope.nodes:
                    node = scope.nodes[link.target_id]
                    break
            else:
                return None
            index = next((i for i, s in enumerate(self._inputs(node)) if s.link == link.id), None)
            if index is None:
                return None
            child = scope.children.get(node.id)
            if child is None:
                return node, self._inputs(node)[index].name
            scope, slot = child, index
        return None

    def _saved_value(self, inner: _Scope, instance: GraphNode, slot: int) -> tuple[Json, ...]:
        """The value that an instance's own `widgets_values` holds for a panel input, if the list fits the panel."""
        values = instance.widgets_values
        if not isinstance(values, tuple) or inner.definition is None or instance.proxy_widgets:
            return ()
        shown = self._shown(inner, inner.definition)
        if len(values) != len(shown) or slot not in shown:
            return ()
        return (values[shown.index(slot)],)

    def _shown(self, inner: _Scope, definition: Subgraph) -> tuple[int, ...]:
        """The panel inputs that show as widgets on an instance, in order."""
        known = self._panel_widgets.get(inner.path)
        if known is None:
            known = self._panel_widgets[inner.path] = tuple(
                index
                for index in range(len(definition.inputs))
                if (stands_for := self._stands_for(inner, index)) is not None and self._is_widget(*stands_for)
            )
        return known

    def _is_widget(self, node: GraphNode, name: str) -> bool:
        declared = self._catalog.get(node.type)
        if declared is not None and name in declared.by_name:
            return declared.by_name[name].is_widget
        return any(slot.name == name and slot.widget is not None for slot in node.inputs)

    def _all_exposed(self, root: _Scope, nodes: Mapping[str, FlatNode]) -> Iterator[Exposed]:
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

    def _locus(self, scope: _Scope, node: GraphNode, slot: str | None = None) -> Locus:
        definition = self._document.subgraphs.get(node.type)
        return Locus(
            file=self._document.file,
            node=scope.node_path(node.id),
            title=node.title or (definition.name if definition else None),
            class_type="subgraph" if _UUID.fullmatch(node.type) else node.type,
            input=slot,
            json_path=node.json_path,
        )


def _by_id(canvas: Canvas) -> Mapping[NodeId, GraphNode]:
    """The canvas's nodes by id; of two with one id the last stays, as in the editor."""
    return {node.id: node for node in canvas.nodes}
