"""A group node's saved widget values -> the values of the nodes inside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.facts.kinds import Virtual
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.editor import EditorProfile
from comfy2runpod.errors import group_nodes as errors
from comfy2runpod.ir.document import OFF, GraphNode, GroupDefinition
from comfy2runpod.stages.normalize.group_nodes.classes import GroupClass, ShownWidget
from comfy2runpod.stages.widgets.assign import Assigned, PlaceKind, assign
from comfy2runpod.stages.widgets.fit import misfits, of_type
from comfy2runpod.stages.widgets.numbers import NUMBERS, as_number, stepped
from comfy2runpod_contract.json_types import Json

Written = Mapping[int, Mapping[str, Json]]


def hand_in(
    instance: GraphNode,
    definition: GroupDefinition,
    group: GroupClass,
    catalog: Catalog,
    profile: EditorProfile,
    at: Callable[[str | None], Locus],
    found: Collector,
) -> Written:
    """The values that a group node gives the nodes inside, by their places and input names.

    Reports values that do not fit the group's widgets, and those that it shows but does not pass to its nodes.
    """
    handing = _Handing(instance, definition, group, catalog, profile)
    handing.judge(at, found)
    handing.widgets()
    if profile.unpacks_groups:
        handing.unpacked_primitives()
    handing.warn(at, found)
    return handing.written


class _Handing:
    def __init__(
        self,
        instance: GraphNode,
        definition: GroupDefinition,
        group: GroupClass,
        catalog: Catalog,
        profile: EditorProfile,
    ) -> None:
        self._instance = instance
        self._nodes = definition.nodes
        self._definition = definition
        self._group = group
        self._catalog = catalog
        self._profile = profile
        self._assigned: Assigned = assign(group.node_class, instance.widgets_values, profile)
        fed = {name: self._stepped(name, value) for name, value in instance.written.items()}
        self._values: Mapping[str, Json] = {**self._assigned.values, **fed}
        self.written: dict[int, dict[str, Json]] = {}

    def _stepped(self, name: str, value: Json) -> Json:
        """What a widget of the group makes of a value that a PrimitiveNode writes into it."""
        spec = self._group.node_class.by_name.get(name)
        number = as_number(value) if spec is not None and spec.type in NUMBERS else None
        return value if spec is None or number is None else stepped(spec, number)

    def judge(self, at: Callable[[str | None], Locus], found: Collector) -> None:
        """A list that was saved for other widgets is noticed by a control word or a type in the wrong place."""
        handed = {shown.name for shown in self._group.widgets if self._runs(shown)}
        for place, value in misfits(self._assigned):
            wrong = place.kind is PlaceKind.CONTROL or (place.spec is not None and not of_type(place.spec, value))
            # A control word is of no input: one in the wrong place matters if any value is handed in.
            matters = bool(handed) if place.kind is PlaceKind.CONTROL else place.name in handed
            if wrong and matters and place.name not in self._instance.written:
                found.add(
                    errors.GroupValuesShifted(
                        at=at(place.name if place.kind is PlaceKind.INPUT else None),
                        widget=place.name,
                        value=value,
                        expected=place.spec.type if place.spec is not None else "a control word",
                        found=len(self._assigned.saved),
                        widgets=tuple(place.name for place in self._assigned.places),
                    )
                )
                return

    def widgets(self) -> None:
        for shown in self._group.widgets:
            if shown.name not in self._values:
                continue
            node = self._nodes[shown.node]
            if not self._is_primitive(node):
                self._write(shown.node, shown.input, self._values[shown.name])
            elif not self._profile.unpacks_groups:
                for target, name in self._group.primitives.get(shown.node, ()):
                    self._write(target, name, self._values[shown.name])

    def unpacked_primitives(self) -> None:
        """A PrimitiveNode that is unpacked takes its value from the first input that it feeds, but for long texts."""
        for index, node in enumerate(self._nodes):
            links = [link for link in self._definition.links if link.origin == index]
            if not self._is_primitive(node) or not links:
                continue
            fed = [(link.target, name) for link in links if (name := self._widget_at(link.target, link.target_slot))]
            if not fed:
                continue
            value = self._long_text(index, *fed[0]) or self._held(*fed[0])
            for target, name in fed if value else ():
                self._write(target, name, value[0])

    def _long_text(self, index: int, target: int, name: str) -> tuple[Json, ...]:
        node_class = self._catalog.get(self._nodes[target].type)
        spec = node_class.by_name.get(name) if node_class is not None else None
        shown = next((shown.name for shown in self._group.widgets if shown.node == index), None)
        if shown is None or shown not in self._values or spec is None or spec.type != "STRING" or not spec.multiline:
            return ()
        return (self._values[shown],)

    def _widget_at(self, index: int, place: int) -> str | None:
        """The widget input of a node inside in a place of today's order."""
        node_class = self._catalog.get(self._nodes[index].type) if index < len(self._nodes) else None
        if node_class is None:
            return None
        declared = node_class.slots.slots
        spec = node_class.by_name.get(declared[place].name) if place < len(declared) else None
        return spec.name if spec is not None and spec.is_widget else None

    def warn(self, at: Callable[[str | None], Locus], found: Collector) -> None:
        """Notes values that the group shows and that are not what the nodes inside get."""
        primitives = tuple(
            shown
            for shown in self._group.widgets
            if self._profile.unpacks_groups and self._is_primitive(self._nodes[shown.node])
        )
        for shown in (*self._group.deaf, *primitives):
            for held in self._behind(shown) if self._runs(shown) else ():
                if shown.name in self._assigned.values and held != self._values[shown.name]:
                    found.add(
                        errors.GroupValueIgnored(
                            at=at(shown.name),
                            shown=self._values[shown.name],
                            queued=held,
                            editor=self._profile.name,
                        )
                    )

    def _is_primitive(self, node: GraphNode) -> bool:
        return self._catalog.facts.of(node.type).virtual is Virtual.PRIMITIVE

    def _runs(self, shown: ShownWidget) -> bool:
        """Whether a widget that the group shows belongs to a node inside that runs, or feeds one."""
        fed = self._group.primitives.get(shown.node, ())
        return any(self._nodes[index].mode not in OFF for index in ([index for index, _ in fed] or [shown.node]))

    def _behind(self, shown: ShownWidget) -> tuple[Json, ...]:
        """The value that is queued for a widget that the group shows, in a tuple."""
        fed = self._group.primitives.get(shown.node, ())
        return self._held(*fed[0]) if fed else self._held(shown.node, shown.input)

    def _held(self, index: int, name: str) -> tuple[Json, ...]:
        if name in self.written.get(index, {}):
            return (self.written[index][name],)
        node = self._nodes[index]
        node_class = self._catalog.get(node.type)
        if node_class is None:
            return ()
        values = assign(node_class, node.widgets_values, self._profile).values
        return (values[name],) if name in values else ()

    def _write(self, index: int, name: str, value: Json) -> None:
        node_class = self._catalog.get(self._nodes[index].type) if index < len(self._nodes) else None
        spec = node_class.by_name.get(name) if node_class is not None else None
        if spec is not None and spec.is_widget:
            self.written.setdefault(index, {})[name] = value
