"""Document -> FlatGraph: which nodes run, under which ids, and where each input's value really comes from.

Follows the editor: subgraphs are unfolded (`92:11`), virtual nodes are followed through, bypassed nodes are bridged by
type, muted ones are cut, primitives give their value away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.node_class import DYNAMIC_COMBO
from comfy2runpod.diagnostics import Collector, Diagnostic, Locus
from comfy2runpod.diagnostics.cut import Cut, CutBy
from comfy2runpod.editor import EditorProfile
from comfy2runpod.errors import flatten as errors
from comfy2runpod.ir.document import INPUT_PANEL, OFF, Document, GraphNode, numeric_id
from comfy2runpod.ir.flat import Exposed, FlatGraph, FlatNode, Origin
from comfy2runpod.stages.flatten.follow import Fault, Follower, FromPanel, Nothing
from comfy2runpod.stages.flatten.promoted import PromotedWidgets
from comfy2runpod.stages.flatten.scope import Scope, Scopes
from comfy2runpod.stages.normalize.node_inputs import Inputs

# Of a whole graph; and of one whose file holds few, some and so many for each: a small file makes no long work.
MAX_NODES = 200_000
_UNFOLDED, _FOR_EACH = 50_000, 4
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_UUID_LENGTH = 36


def flatten(document: Document, catalog: Catalog, profile: EditorProfile) -> tuple[FlatGraph, tuple[Diagnostic, ...]]:
    """Unfolds a document whose ids are unique and whose PrimitiveNodes have written their values.

    Args:
        document: the graph.
        catalog: the classes, for the order of inputs.
        profile: the editor whose rules count.

    Returns:
        The flat graph, its nodes in the natural order of their ids, and warnings.

    Raises:
        CompileError: definitions are missing, links are broken or go round, or nothing would run.
    """
    return _Flattener(document, catalog, profile).run()


def natural_order(node_id: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts `3` before `75` before `92:4` before `92:11`."""
    numbers = [(part, numeric_id(part)) for part in node_id.split(":")]
    return tuple([(1, 0, part) if number is None else (0, number, "") for part, number in numbers])


def _is_uuid(text: str) -> bool:
    return len(text) == _UUID_LENGTH and _UUID.fullmatch(text) is not None


class _Flattener:
    def __init__(self, document: Document, catalog: Catalog, profile: EditorProfile) -> None:
        self._document = document
        self._catalog = catalog
        self._profile = profile
        self._found = Collector()
        self._inputs = Inputs(document, catalog)
        self._promoted = PromotedWidgets(catalog, profile, self._inputs)
        self._follower = Follower(catalog, profile, self._inputs)
        self._scopes = Scopes(document)
        self._exposed: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self._off = 0

    def run(self) -> tuple[FlatGraph, tuple[Diagnostic, ...]]:
        document = self._document
        root = self._scopes.root()
        active = list(self._unfold(root))
        if not active and not self._found.has_errors:
            self._found.add(errors.NothingToRun(at=Locus(document.file), muted=self._off))
        self._found.finish()
        flat = [self._flat_node(scope, node) for scope, node in active]
        warnings = self._found.finish()
        flat.sort(key=lambda node: natural_order(node.id))
        nodes = {node.id: node for node in flat}
        exposed = tuple(sorted(self._all_exposed(root, nodes), key=lambda shown: natural_order(shown.path)))
        graph = FlatGraph(file=document.file, nodes=nodes, exposed=exposed)
        return graph, warnings

    def _flat_node(self, scope: Scope, node: GraphNode) -> FlatNode:
        origins: dict[str, Origin] = {}
        cuts: dict[str, Cut] = {}
        for name, origin, cut in self._origins(scope, node):
            if origin is not None:
                origins[name] = origin
            if cut is not None:
                cuts[name] = cut
        return FlatNode(scope.node_path(node.id), node, origins, self._reset(scope, node), cuts)

    def _unfold(self, root: Scope) -> Iterator[tuple[Scope, GraphNode]]:
        """All nodes that run, with the scope each stands in."""
        count = 0
        written = len(self._document.root.nodes) + sum(len(s.canvas.nodes) for s in self._document.subgraphs.values())
        limit = min(MAX_NODES, _UNFOLDED + _FOR_EACH * written)
        waiting = [root]
        while waiting:
            scope = waiting.pop()
            for node in scope.nodes.values():
                count += 1
                if count > limit:
                    at = Locus(self._document.file)
                    self._found.add(errors.TooManyNodes(at=at, limit=limit, written=written))
                    return
                if self._is_instance(node):
                    waiting.extend(self._enter(scope, node))
                elif node.mode in OFF:
                    self._off += 1
                elif self._catalog.facts.of(node.type).virtual is None:
                    yield scope, node

    def _is_instance(self, node: GraphNode) -> bool:
        """Whether a node is an instance of a subgraph, be its definition there or not."""
        return node.type in self._document.subgraphs or _is_uuid(node.type)

    def _enter(self, scope: Scope, node: GraphNode) -> Iterator[Scope]:
        definition = self._document.subgraphs.get(node.type)
        if definition is None:
            at = self._locus(scope, node)
            self._found.add(
                errors.MissingSubgraphDefinition(at=at, definition=node.type, defined=self._definition_names)
            )
            return
        chain = [definition.name]
        outer: Scope | None = scope
        while outer is not None and outer.definition is not None:
            chain.append(outer.definition.name)
            if outer.definition is definition:
                at = self._locus(scope, node)
                where = self._locus(outer.parent, outer.instance) if outer.parent and outer.instance else None
                self._found.add(errors.SubgraphInsideItself(at=at, names=tuple(reversed(chain)), outer=where))
                return
            outer = outer.parent
        child = self._scopes.child(scope, node, definition)
        if not self._profile.opens_promoted_objects:
            for name in self._promoted.objects_shown(child):
                shown = self._locus(scope, node, name)
                self._found.add(errors.EditorCannotOpen(at=shown, editor=self._profile.name, widget=name))
        if node.mode in OFF:
            if scope.parent is None:
                self._off += len(child.nodes)
                return
            self._found.add(errors.InnerNodesStillRun(at=self._locus(scope, node), state=OFF[node.mode]))
        yield child

    @cached_property
    def _definition_names(self) -> tuple[str, ...]:
        return tuple(subgraph.name or subgraph.id for subgraph in self._document.subgraphs.values())

    def _origins(self, scope: Scope, node: GraphNode) -> Iterator[tuple[str, Origin | None, Cut | None]]:
        for index, slot in enumerate(self._inputs.of(node)):
            if slot.link is not None:
                yield slot.name, *self._origin(scope, node, index, slot.name)
            elif scope.parent is not None:
                yield slot.name, self._promoted.shown_by(scope, node.id, slot.name), None

    def _origin(self, scope: Scope, node: GraphNode, index: int, name: str) -> tuple[Origin | None, Cut | None]:
        end = self._follower.end(scope, node, index)
        if isinstance(end, Fault):
            self._found.add(end.diagnostic(at=self._locus(scope, node, name)))
            return None, None
        if isinstance(end, FromPanel):
            path = scope.node_path(node.id)
            self._exposed.setdefault((end.inner.path, end.name), []).append((path, name))
            value = self._promoted.value_of(end.inner, end.slot)
            instance, parent = end.inner.instance, end.inner.parent
            if instance is None or parent is None:
                return value, None
            # It stands only where the widget inside holds nothing either.
            return value, Cut(CutBy.OPEN_INPUT, self._locus(parent, instance, end.name))
        if isinstance(end, Nothing):
            return None, Cut(end.by, self._locus(end.scope, end.node, end.slot))
        return end, None

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

    def _all_exposed(self, root: Scope, nodes: Mapping[str, FlatNode]) -> Iterator[Exposed]:
        """What instances show: panel inputs that nothing is linked to, and widgets promoted by name."""
        waiting = [root]
        while waiting:
            scope = waiting.pop()
            waiting.extend(reversed(scope.children.values()))
            if scope.instance is None or scope.definition is None:
                continue
            path = scope.path
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
        declared = self._catalog.get(node.type)
        return Locus(
            file=self._document.file,
            node=scope.node_path(node.id),
            title=node.title or (definition.name if definition else declared.title if declared else None),
            class_type="subgraph" if self._is_instance(node) else node.type,
            input=slot,
            json_path=node.json_path,
        )
