"""Promoted widgets: a subgraph's inner widget shown on its instance, and whose value counts.

Two forms are found in files, sometimes for one widget: an input of the subgraph that is linked inside, and an entry
`[inner node, widget]` of the instance's `proxyWidgets` (`["-1", input]` for a linked one). In some editors an instance
only shows the inner node's value; in others each has a value of its own, in its `widgets_values`: one for each of the
subgraph's inputs that shows a widget, and for each entry of `proxyWidgets` the one in its place, which wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.editor import EditorProfile
from comfy2runpod.ir.document import INPUT_PANEL, GraphNode, NodeId
from comfy2runpod.ir.flat import FromInstance, FromWidget
from comfy2runpod.stages.flatten.scope import Scope
from comfy2runpod.stages.normalize.node_inputs import Inputs
from comfy2runpod.stages.widgets.assign import is_widget
from comfy2runpod_contract.json_types import Json


@dataclass(frozen=True, slots=True)
class _Own:
    """The values that one instance holds of its own: by the subgraph's input, and by an inner node's widget."""

    by_slot: Mapping[int, Json]
    by_widget: Mapping[tuple[NodeId, str], Json]


_NOTHING = _Own({}, {})


class PromotedWidgets:
    """Tells the value of widgets that subgraphs' instances show."""

    def __init__(self, catalog: Catalog, profile: EditorProfile, inputs: Inputs) -> None:
        self._catalog = catalog
        self._profile = profile
        self._inputs = inputs
        self._known: dict[Scope, _Own] = {}
        self._shown: dict[Scope, frozenset[tuple[NodeId, str]]] = {}

    def value_of(self, child: Scope, slot: int) -> FromInstance | FromWidget | None:
        """What an input of a subgraph holds that nothing is linked to; None if it shows no widget."""
        while True:
            # An instance may be shown in its turn, by the subgraph that it stands in.
            outer = child.parent
            instance, definition = child.instance, child.definition
            if outer is not None and instance is not None and definition is not None and slot < len(definition.inputs):
                shown = self.shown_by(outer, instance.id, definition.inputs[slot].name)
                if shown is not None:
                    return shown
            own = self._own(child).by_slot
            if slot in own:
                return FromInstance(child.path, own[slot])
            found = self._linked_inside(child, slot)
            if found is None:
                return None
            node, index = found
            inner = child.children.get(node.id)
            if inner is None:
                return FromWidget(node, self._inputs.of(node)[index].name)
            child, slot = inner, index

    def shown_by(self, scope: Scope, node_id: NodeId, name: str) -> FromInstance | None:
        """The value that an instance holds for a widget of a node on its canvas, shown there by name alone."""
        if not self._profile.instance_keeps_values:
            return None
        found: FromInstance | None = None
        at: Scope | None = scope
        # What an instance shows by name may be shown by that name again where the instance stands.
        while at is not None and at.instance is not None:
            own = self._own(at).by_widget
            if (node_id, name) in own:
                found = FromInstance(at.path, own[node_id, name])
            if (node_id, name) not in self._names(at, at.instance):
                break
            node_id, at = at.instance.id, at.parent
        return found

    def _names(self, scope: Scope, instance: GraphNode) -> frozenset[tuple[NodeId, str]]:
        """What an instance shows by name."""
        known = self._shown.get(scope)
        if known is None:
            known = self._shown[scope] = frozenset(instance.proxy_widgets)
        return known

    def objects_shown(self, child: Scope) -> tuple[str, ...]:
        """The widgets that an instance shows and whose values are objects, by the name of their type."""
        found = []
        slots = range(len(child.definition.inputs)) if child.definition is not None else ()
        linked = [self._linked_inside(child, slot) for slot in slots]
        shown = [(node, self._inputs.of(node)[index].name) for node, index in filter(None, linked)]
        proxied = child.instance.proxy_widgets if child.instance is not None else ()
        shown += [(child.nodes[node_id], name) for node_id, name in proxied if node_id in child.nodes]
        for node, name in shown:
            declared = self._catalog.get(node.type)
            spec = declared.by_name.get(name) if declared is not None else None
            if spec is not None and spec.is_widget and spec.widget is not None and spec.widget.objects:
                found.append(name)
        return tuple(dict.fromkeys(found))

    def _own(self, scope: Scope) -> _Own:
        if not self._profile.instance_keeps_values or scope.instance is None:
            return _NOTHING
        known = self._known.get(scope)
        if known is None:
            known = self._known[scope] = self._read(scope, scope.instance)
        return known

    def _read(self, scope: Scope, instance: GraphNode) -> _Own:
        values = instance.widgets_values
        if not isinstance(values, tuple) or not values or scope.definition is None:
            return _NOTHING
        shown = [index for index in range(len(scope.definition.inputs)) if self._shows_widget(scope, index)]
        by_slot = dict(zip(shown, values, strict=False))
        by_widget: dict[tuple[NodeId, str], Json] = {}
        for (node_id, name), value in zip(instance.proxy_widgets, values, strict=False):
            slot = self._slot_of(scope, node_id, name)
            if slot is None:
                by_widget[node_id, name] = value
            else:
                by_slot[slot] = value
        return _Own(by_slot, by_widget)

    def _slot_of(self, scope: Scope, node_id: NodeId, name: str) -> int | None:
        """The subgraph's input that an entry of `proxyWidgets` means: by its name, or by the widget it is linked to."""
        if scope.definition is None or scope.instance is None:
            return None
        if node_id == "-1":
            # What the subgraph shows stands first among its instance's inputs.
            place = self._inputs.named(scope.instance, name)
            return place if place is not None and place < len(scope.definition.inputs) else None
        node = scope.nodes.get(node_id)
        place = self._inputs.named(node, name) if node is not None else None
        slot = self._inputs.of(node)[place] if node is not None and place is not None else None
        link = scope.canvas.links.get(slot.link) if slot is not None and slot.link is not None else None
        return link.origin_slot if link is not None and link.origin_id == INPUT_PANEL else None

    def _linked_inside(self, scope: Scope, slot: int) -> tuple[GraphNode, int] | None:
        """The inner node and input that a subgraph's input stands for: the first one it is linked to."""
        if scope.definition is None or slot >= len(scope.definition.inputs):
            return None
        for link_id in scope.definition.inputs[slot].link_ids:
            link = scope.canvas.links.get(link_id)
            if link is not None and link.target_id in scope.nodes:
                node = scope.nodes[link.target_id]
                index = self._inputs.linked_by(node, link.id)
                return None if index is None else (node, index)
        return None

    def _shows_widget(self, scope: Scope, slot: int) -> bool:
        found = self._linked_inside(scope, slot)
        while found is not None:
            node, index = found
            inner = scope.children.get(node.id)
            if inner is None:
                return self._is_widget(node, self._inputs.of(node)[index].name)
            scope = inner
            found = self._linked_inside(inner, index)
        return False

    def _is_widget(self, node: GraphNode, name: str) -> bool:
        declared = self._catalog.get(node.type)
        if declared is not None and "." not in name:
            # What the class no longer has takes no place among the values.
            return is_widget(declared, name)
        return any(slot.name == name and slot.widget is not None for slot in node.inputs)
