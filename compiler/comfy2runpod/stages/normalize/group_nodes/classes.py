"""What a group node takes and gives: the class that the editor makes of a definition in an old file.

A group node is one box on the canvas that stands for several nodes. The editor puts its inputs, widgets and outputs
together from those of the nodes inside, under names that it tells apart, and remembers which stands for what. It goes
by places as old files had them, while the nodes inside are laid out as today: where the two part, links and values go
to other inputs than the author meant. What is here follows the editor there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.facts.kinds import Virtual
from comfy2runpod.catalog.node_class import InputSpec, NodeClass, OutputSpec, all_specs, slots_of
from comfy2runpod.catalog.slots import declared_slots
from comfy2runpod.editor import EditorProfile
from comfy2runpod.ir.document import GraphNode, GroupDefinition, GroupLink

# Types whose widgets have a control word behind them where the class asks for one.
_CONTROLLED = frozenset({"INT", "FLOAT", "COMBO"})
_SEEDS = ("seed", "noise_seed")
_UPLOAD_TYPE = "IMAGE_UPLOAD"


@dataclass(frozen=True, slots=True)
class ShownWidget:
    """A widget of the group: its name there, the place of the node inside and the input that it stands for."""

    name: str
    node: int
    input: str


@dataclass(frozen=True, slots=True)
class GroupClass:
    """A definition, read by the rules of one editor.

    `inputs` says which of the group's inputs feeds an input inside, by the node's place and, as the editor looks it up,
    the input's place (a number) or name. `widgets` are in the order in which their values are handed in. `outputs` are
    node and slot by the group's own slot. `primitives` are the inputs that a PrimitiveNode inside writes into.
    `deaf` are widgets that the group shows and whose values it does not hand in. `misplaced` is a class whose upload
    button would stand before what it uploads into, so that no node can be made.
    """

    node_class: NodeClass
    inputs: Mapping[tuple[int, int | str], int]
    widgets: tuple[ShownWidget, ...]
    outputs: tuple[tuple[int, int], ...]
    primitives: Mapping[int, tuple[tuple[int, str], ...]]
    deaf: tuple[ShownWidget, ...]
    misplaced: str | None


def class_of_group(definition: GroupDefinition, catalog: Catalog, profile: EditorProfile) -> GroupClass:
    """The class that an editor makes of a definition."""
    return _Builder(definition, catalog, profile).build()


class _Builder:
    def __init__(self, definition: GroupDefinition, catalog: Catalog, profile: EditorProfile) -> None:
        self._definition = definition
        self._catalog = catalog
        self._facts = catalog.facts
        self._by_name = profile.unpacks_groups
        self._from: dict[tuple[int, int], list[GroupLink]] = {}
        self._to: dict[tuple[int, int], GroupLink] = {}
        for link in definition.links:
            if link.origin is not None:
                self._from.setdefault((link.origin, link.origin_slot), []).append(link)
                self._to[link.target, link.target_slot] = link
        self._entries: dict[str, InputSpec] = {}
        self._seen: dict[str, int] = {}
        self._inputs: dict[tuple[int, int | str], int] = {}
        self._count = 0
        self._shown: dict[tuple[int, str], str | None] = {}
        self._last: dict[str, ShownWidget] = {}
        self._outputs: list[tuple[int, int]] = []
        self._given: list[OutputSpec] = []
        self._primitive_entry: dict[int, str] = {}
        self._primitives: dict[int, list[tuple[int, str]]] = {}
        self._converted: list[tuple[int, dict[str, InputSpec], list[str], dict[int, str]]] = []
        self._deaf: list[ShownWidget] = []
        self._buttons: list[tuple[str, str, str]] = []

    def build(self) -> GroupClass:
        for index, node in enumerate(self._definition.nodes):
            declared = self._declared(index, node)
            if declared is not None:
                inputs, outputs = declared
                if inputs:
                    self._node(index, node, inputs)
                self._node_outputs(index, outputs)
        # What was a widget once and has been made an input stands behind everything else.
        for index, inputs, slots, converted in self._converted:
            self._converted_inputs(index, inputs, slots, converted)
        entries = tuple(self._entries.values())
        node_class = NodeClass(
            name=f"workflow>{self._definition.name}",
            title=self._definition.name,
            inputs=entries,
            outputs=tuple(self._given),
            output_node=False,
            api_node=False,
            deprecated=True,
            input_is_list=False,
            module="",
            by_name=self._entries,
            types=frozenset(spec.type for spec in all_specs(entries)),
            slots=declared_slots(slots_of(entries)),
            forces_sockets=any(spec.force_input for spec in entries),
        )
        return GroupClass(
            node_class=node_class,
            inputs=self._inputs,
            widgets=self._widgets(),
            outputs=tuple(self._outputs),
            primitives={index: tuple(targets) for index, targets in self._primitives.items()},
            deaf=tuple(self._deaf),
            misplaced=self._misplaced(),
        )

    def _misplaced(self) -> str | None:
        order = list(self._entries)
        for node_type, button, target in self._buttons:
            if target not in self._entries or order.index(target) > order.index(button):
                return node_type
        return None

    def _widgets(self) -> tuple[ShownWidget, ...]:
        """One name may stand for several widgets: an editor hands its value to the last, or to the first."""
        if not self._by_name:
            return tuple(self._last.values())
        taken: dict[str, ShownWidget] = {}
        for (index, name), shown in sorted(self._shown.items(), key=lambda item: item[0][0]):
            if shown is not None:
                taken.setdefault(shown, ShownWidget(shown, index, name))
        return tuple(taken.values())

    def _declared(self, index: int, node: GraphNode) -> tuple[dict[str, InputSpec], tuple[OutputSpec, ...]] | None:
        """The inputs and outputs of a node inside that the group can show; None for what has none."""
        node_class = self._catalog.get(node.type)
        if node_class is not None:
            return self._with_button(node_class), node_class.outputs
        links = [link for (origin, _), found in self._from.items() if origin == index for link in found]
        if self._is_primitive(node):
            return self._primitive(index) if links else None
        if self._facts.of(node.type).followed_in_groups:
            linked = any(target == index for target, _ in self._to)
            if linked and links and (index, 0) not in self._definition.external:
                return None
            kind = self._reroute_type(index, linked=linked, links=self._from.get((index, 0)) if links else None)
            return {kind: InputSpec(kind, kind, required=True, force_input=True)}, (OutputSpec(kind, kind),)
        return None

    def _primitive(self, index: int) -> tuple[dict[str, InputSpec], tuple[OutputSpec, ...]]:
        first = next(iter(self._from.get((index, 0), ())), None)
        kind = (first.type if first is not None else None) or "*"
        if kind == "COMBO" and first is not None:
            spec = self._spec_at(first.target, first.target_slot)
            # Choices in a type's place are none that the editor knows here: the value becomes an input.
            kind = "*" if spec is None or spec.listed else kind
        spec = InputSpec("value", kind, required=True, widget=self._facts.widget_type(kind))
        return {"value": spec}, (OutputSpec(kind, kind),)

    def _spec_at(self, index: int, place: int) -> InputSpec | None:
        """What the class of a node inside declares for the input in a place of the file's list."""
        nodes = self._definition.nodes
        if index >= len(nodes) or place >= len(nodes[index].inputs):
            return None
        node_class = self._catalog.get(nodes[index].type)
        return node_class.by_name.get(nodes[index].inputs[place].name) if node_class is not None else None

    def _reroute_type(self, index: int, *, linked: bool, links: list[GroupLink] | None) -> str:
        nodes = self._definition.nodes
        if links is not None:
            for link in links:
                inputs = nodes[link.target].inputs if link.target < len(nodes) else ()
                if link.target_slot < len(inputs) and inputs[link.target_slot].type not in ("", "*"):
                    return inputs[link.target_slot].type
            return "*"
        if linked:
            into = self._to.get((index, 0))
            if into is None or into.origin is None or into.origin >= len(nodes):
                return "*"
            outputs = nodes[into.origin].outputs
            return outputs[into.origin_slot].type if into.origin_slot < len(outputs) else "*"
        ending = next((link for link in self._definition.links if link.target == index), None)
        kind = ending.type if ending is not None else None
        return kind if kind not in (None, "*") else self._definition.external.get((index, 0), "*")

    def _node(self, index: int, node: GraphNode, inputs: dict[str, InputSpec]) -> None:
        slots: list[str] = []
        converted: dict[int, str] = {}
        for name, spec in inputs.items():
            if not self._is_widget(spec):
                slots.append(name)
                continue
            place = next((i for i, slot in enumerate(node.inputs) if slot.name == name == slot.widget), None)
            if place is not None:
                converted[place] = name
                self._shown[index, name] = None
            else:
                shown = self._show(index, node, name, spec)
                self._shown[index, name] = shown
                self._last[shown] = ShownWidget(shown, index, name)
        for position, name in enumerate(slots):
            place = position
            if self._by_name:
                place = next((i for i, slot in enumerate(node.inputs) if slot.name == name), position)
            link = self._to.get((index, place))
            if link is not None:
                self._feed(link, name, inputs)
                continue
            config = self._definition.inputs.get((index, name))
            shown = self._name(index, node, name)
            if config is not None and config.visible is False:
                continue
            self._enter(index, node, name, shown, inputs[name])
            if inputs[name].is_widget:
                self._deaf.append(ShownWidget(shown, index, name))
            self._inputs[index, name if self._by_name else position] = self._count
            self._count += 1
        self._converted.append((index, inputs, slots, converted))

    def _is_widget(self, spec: InputSpec) -> bool:
        if self._by_name:
            return spec.widget is not None and not spec.force_input
        return spec.widget is not None and not spec.listed

    def _converted_inputs(
        self, index: int, inputs: dict[str, InputSpec], slots: list[str], converted: dict[int, str]
    ) -> None:
        node = self._definition.nodes[index]
        order = sorted(converted) if self._by_name else sorted(converted, key=str)
        for offset, place in enumerate(order):
            name = converted[place]
            key = place if self._by_name else len(slots) + offset
            link = self._to.get((index, key))
            if link is not None:
                self._feed(link, name, inputs)
                continue
            shown = self._show(index, node, name, inputs[name])
            self._shown[index, name] = shown
            self._last[shown] = ShownWidget(shown, index, name)
            self._inputs[index, name if self._by_name else key] = self._count
            self._count += 1

    def _feed(self, link: GroupLink, name: str, inputs: dict[str, InputSpec]) -> None:
        """Notes what a PrimitiveNode inside writes into, and gives its own widget the bounds of that input."""
        origin = link.origin if link.origin is not None else -1
        entry = self._primitive_entry.get(origin)
        if entry is None:
            return
        known = self._entries[entry]
        self._entries[entry] = replace(
            inputs[name],
            name=entry,
            type=known.type,
            widget=self._facts.widget_type(inputs[name].widget_type or known.type),
            required=True,
            control_after_generate=known.type in _CONTROLLED,
            force_input=False,
            upload=None,
            upload_button=False,
        )
        self._primitives.setdefault(origin, []).append((link.target, name))

    def _show(self, index: int, node: GraphNode, name: str, spec: InputSpec) -> str:
        shown = self._name(index, node, name)
        self._enter(index, node, name, shown, spec)
        return shown

    def _enter(self, index: int, node: GraphNode, name: str, shown: str, spec: InputSpec) -> None:
        if spec.type == _UPLOAD_TYPE and spec.upload is not None:
            self._buttons.append((node.type, shown, spec.upload))
        self._entries[shown] = replace(
            spec,
            name=shown,
            required=True,
            control_after_generate=spec.control_after_generate or (name in _SEEDS and spec.type in _CONTROLLED),
            upload=None,
            upload_button=False,
        )
        if self._is_primitive(node):
            self._primitive_entry[index] = shown

    def _name(self, index: int, node: GraphNode, name: str) -> str:
        """The name that the group gives an input of a node inside: its own, or told apart by the node's title."""
        config = self._definition.inputs.get((index, name))
        label = next((slot.label for slot in node.inputs if slot.name == name), None)
        shown = key = (config.name if config is not None else None) or label or name
        if (self._is_primitive(node) and node.title) or shown in self._seen:
            prefix = f"{node.title or node.type} "
            key = shown = prefix + name
            if shown in self._seen:
                shown = f"{prefix}{self._seen[shown]} {name}"
        self._seen[key] = self._seen.get(key, 1) + 1
        return shown

    def _is_primitive(self, node: GraphNode) -> bool:
        return self._facts.of(node.type).virtual is Virtual.PRIMITIVE

    def _node_outputs(self, index: int, outputs: tuple[OutputSpec, ...]) -> None:
        for slot, output in enumerate(outputs):
            config = self._definition.outputs.get((index, slot))
            hidden = (index, slot) in self._from and (index, slot) not in self._definition.external
            visible = config.visible if config is not None else None
            if not hidden if visible is None else visible:
                self._outputs.append((index, slot))
                self._given.append(output)

    def _with_button(self, node_class: NodeClass) -> dict[str, InputSpec]:
        """A class's inputs; an upload button is one of its own to the editor, behind the required ones.

        The button knows what it uploads into by its name in the class: the group must have a widget of that name.
        """
        target = next((s.name for s in node_class.inputs if s.upload_button and s.type == "COMBO"), None)
        if target is None or "upload" in node_class.by_name:
            return dict(node_class.by_name)
        widget = self._facts.widget_type(_UPLOAD_TYPE)
        button = InputSpec("upload", _UPLOAD_TYPE, required=True, upload=target, widget=widget)
        required = {spec.name: spec for spec in node_class.inputs if spec.required}
        return {**required, "upload": button, **{s.name: s for s in node_class.inputs if not s.required}}
