"""FlatGraph + Catalog -> BoundGraph: every input gets its name, and its value or link."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.node_class import InputSpec, NodeClass
from comfy2runpod.diagnostics import Collector, Diagnostic, Locus, Suggestions
from comfy2runpod.editor import EditorProfile
from comfy2runpod.errors import bind as errors
from comfy2runpod.errors import packs as pack_errors
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.document import GraphNode
from comfy2runpod.ir.flat import FlatGraph, FlatNode, FromInstance, FromNode, FromWidget, Origin
from comfy2runpod.ir.prompt import as_link
from comfy2runpod.stages.widgets.assign import (
    Assigned,
    Place,
    PlaceKind,
    as_prompt_value,
    assign,
    index_of_choice,
)
from comfy2runpod.stages.widgets.fit import Added, Removed, explain, misfits, of_type
from comfy2runpod.stages.widgets.replacements import FindWidget, with_widget_values, without_choices
from comfy2runpod_contract.json_types import Json


def bind(
    flat: FlatGraph,
    catalog: Catalog,
    profile: EditorProfile,
    widget: FindWidget,
    *,
    allow_api_nodes: Container[str],
    nodes: Iterable[FlatNode] | None = None,
) -> tuple[BoundGraph, tuple[Diagnostic, ...]]:
    """Binds saved values to the inputs of the catalog's classes.

    Args:
        flat: the nodes that run.
        catalog: the classes.
        profile: the editor whose rules count.
        widget: the widgets of all nodes of the graph, for texts that name them (`%Node.widget%`).
        allow_api_nodes: the classes that may call paid services.
        nodes: those of them to bind, if not all.

    Returns:
        The bound graph and warnings.

    Raises:
        CompileError: unknown or paid classes, values that do not fit their class, texts that are drawn at random.
    """
    binder = _Binder(flat, catalog, profile, widget, allow_api_nodes=allow_api_nodes)
    wanted = flat.nodes.values() if nodes is None else nodes
    found = {node.id: bound for node in wanted if (bound := binder.node(node)) is not None}
    warnings = binder.found.finish()
    return BoundGraph(file=flat.file, nodes=found), warnings


def bound_otherwise(first: FlatGraph, second: FlatGraph, catalog: Catalog) -> tuple[FlatNode, ...]:
    """The nodes of a second editor's flat graph whose inputs may differ from those that a first editor gives them.

    Args:
        first: the graph as the first editor has it, which can be bound.
        second: the same graph as the second editor has it.
        catalog: the classes.
    """
    if first.nodes.keys() != second.nodes.keys():
        # A link to a node that one of them has not is dropped.
        return tuple(second.nodes.values())
    return tuple(node for node in second.nodes.values() if not _binds_alike(first.nodes[node.id], node, catalog))


def _binds_alike(first: FlatNode, second: FlatNode, catalog: Catalog) -> bool:
    """Whether two editors give a node the same inputs: it is the same node, and its class leaves them no choice."""
    node = first.node
    if node is not second.node or first.origins != second.origins or first.reset != second.reset:
        return False
    # A text may name any other widget of the graph.
    if _decided_by_editor(node, catalog) or catalog.facts.of(node.type).widget_texts:
        return False
    return not any(
        isinstance(origin, FromWidget) and _decided_by_editor(origin.node, catalog) for origin in first.origins.values()
    )


def _decided_by_editor(node: GraphNode, catalog: Catalog) -> bool:
    node_class = catalog.get(node.type)
    return node_class is not None and node_class.decided_by_editor


class _Binder:
    def __init__(
        self,
        flat: FlatGraph,
        catalog: Catalog,
        profile: EditorProfile,
        widget: FindWidget,
        *,
        allow_api_nodes: Container[str],
    ) -> None:
        self._flat = flat
        self._catalog = catalog
        self._profile = profile
        self._allow_api_nodes = allow_api_nodes
        self._assigned: dict[tuple[int, frozenset[str]], Assigned] = {}
        self._find = widget
        self._near = Suggestions(catalog)
        self.found = Collector()

    def node(self, flat: FlatNode) -> BoundNode | None:
        node = flat.node
        node_class = self._catalog.get(node.type)
        facts = self._catalog.facts.of(node.type)
        extension = facts.extension
        # Of a class that only the editor is to have, a server that has it after all says what it is.
        if extension is not None and extension.editor_only == (node_class is None):
            self.found.add(
                pack_errors.ExtensionDecides(
                    at=self._locus(flat), pack=extension.pack, does=extension.does, instead=extension.instead
                )
            )
            return None
        if node_class is None:
            self.found.add(
                errors.UnknownNodeClass(
                    at=self._locus(flat),
                    class_type=node.type,
                    comfyui=self._catalog.comfyui,
                    pack=node.pack,
                    pack_version=node.pack_version,
                    near=self._near,
                )
            )
            return None
        if node_class.api_node and node_class.name not in self._allow_api_nodes:
            self.found.add(errors.PaidApiNode(at=self._locus(flat)))
        assigned = self._assign(node, node_class, flat.reset)
        for name in flat.reset:
            self.found.add(errors.PromotedChoiceLost(at=self._locus(flat, name), editor=self._profile.name))
        inputs = {**assigned.values}
        for slot, value in node.written.items():
            inputs[facts.current_name(slot)] = value
        specs, profile, texts = assigned.specs, self._profile, facts.widget_texts
        inputs = {
            name: self._text_as_queued(flat, specs.get(name), name, value, texts)
            if isinstance(value, str) and name not in flat.origins
            else as_prompt_value(value, specs.get(name), profile)
            for name, value in inputs.items()
        }
        for slot, origin in flat.origins.items():
            name = facts.current_name(slot)
            if name in flat.reset or name.rpartition(".")[0] in flat.reset:
                continue
            if name not in assigned.specs and name.split(".")[0] not in node_class.by_name:
                # A widget's saved input is dropped with the widget; a socket's link has no effect on the server, but
                # for packs' classes, which may take inputs that they do not declare.
                if isinstance(origin, FromNode) and node_class.name in self._catalog.added:
                    self._from_origin(flat, None, name, origin, inputs)
                elif isinstance(origin, FromNode):
                    declared = tuple(node_class.by_name)
                    self.found.add(errors.UndeclaredInput(at=self._locus(flat, name), declared=declared))
                continue
            self._from_origin(flat, assigned.specs.get(name), name, origin, inputs)
        own = facts.own_choices
        if own is not None and own.index in inputs:
            choice = inputs.get(own.choice)
            # Over a link comes what only the run tells; the editor takes the widget's own then.
            choice = assigned.values.get(own.choice) if as_link(choice) is not None else choice
            inputs[own.index] = index_of_choice(own, inputs, choice)
        self._judge(flat, node_class, assigned, inputs)
        return BoundNode(
            id=flat.id,
            title=node.title or node_class.title,
            node_class=node_class,
            inputs=inputs,
            specs=assigned.specs,
            models=node.models,
            json_path=node.json_path,
            cuts=flat.cuts,
            controls={**dict(assigned.controls()), **node.written_controls},
        )

    def _assign(self, node: GraphNode, node_class: NodeClass, reset: frozenset[str] = frozenset()) -> Assigned:
        known = self._assigned.get((id(node), reset))
        if known is None:
            known = self._assigned[id(node), reset] = assign(node_class, node.widgets_values, self._profile, reset)
        return known

    def _from_origin(
        self, flat: FlatNode, spec: InputSpec | None, name: str, origin: Origin, inputs: dict[str, Json]
    ) -> None:
        match origin:
            case FromNode(node_id, output):
                # The editor drops an input whose origin is not in the prompt; the check then says what is missing.
                if node_id in self._flat.nodes:
                    inputs[name] = [node_id, output]
                else:
                    inputs.pop(name, None)
            case FromInstance(instance, value):
                if spec is not None and spec.is_widget and not of_type(spec, value):
                    at = self._locus(flat, name)
                    self.found.add(
                        errors.InstanceValueMisfits(at=at, instance=instance, value=value, expected=spec.type)
                    )
                inputs[name] = as_prompt_value(value, spec, self._profile)
            case FromWidget(node, widget):
                held = self._widget(node, widget)
                if held:
                    inputs[name] = as_prompt_value(held[0], spec, self._profile)

    def _widget(self, node: GraphNode, name: str) -> tuple[Json, ...]:
        """The value that a node's widget holds, in a tuple; empty if it has none."""
        node_class = self._catalog.get(node.type)
        if node_class is None:
            return ()
        if name in node.written:
            return (node.written[name],)
        values = self._assign(node, node_class).values
        name = node_class.facts.current_name(name)
        return (values[name],) if name in values else ()

    def _text_as_queued(
        self, flat: FlatNode, spec: InputSpec | None, name: str, value: str, texts: Container[str]
    ) -> Json:
        """A widget's text as the editor writes it into a prompt; in `texts` are the inputs that may name widgets."""
        if name in texts:
            return with_widget_values(value, self._find)
        if spec is not None and spec.dynamic_prompts:
            plain = without_choices(value)
            if plain is None:
                self.found.add(errors.DynamicPromptChoice(at=self._locus(flat, name), text=value))
            return value if plain is None else plain
        return as_prompt_value(value, spec, self._profile)

    def _judge(self, flat: FlatNode, node_class: NodeClass, assigned: Assigned, inputs: Mapping[str, Json]) -> None:
        """Notes values that do not fit their widgets and reach the prompt."""
        if isinstance(flat.node.widgets_values, Mapping):
            self._judge_names(flat, node_class, flat.node.widgets_values, inputs)
        elif values := self._of_extension(node_class, assigned):
            error = pack_errors.WidgetsOfExtension(at=self._locus(flat), pack=flat.node.pack, names=(), values=values)
            self.found.add(error)
            return
        wrong = [
            (place, value)
            for place, value in misfits(assigned)
            if place.kind is PlaceKind.CONTROL or self._reaches(flat, place.name, inputs)
        ]
        # A value that is out of bounds or not among the choices may be just that: then the check says so.
        decisive = [
            (place, value)
            for place, value in wrong
            if place.kind is PlaceKind.CONTROL or (place.spec is not None and not of_type(place.spec, value))
        ]
        if wrong and (decisive or assigned.extra):
            explanation = explain(node_class, assigned, self._profile)
            if explanation is not None or assigned.extra or any(p.kind is PlaceKind.CONTROL for p, _ in decisive):
                place, value = (decisive or wrong)[0]
                self._shifted(flat, assigned, place, value, explanation)
                return
            for place, value in decisive:
                if place.spec is not None:
                    at = self._locus(flat, place.name)
                    self.found.add(errors.WrongWidgetType(at=at, value=value, expected=place.spec.type))
        elif assigned.extra and self._may_matter(flat, assigned, inputs):
            self.found.add(
                errors.ExtraWidgetValues(
                    at=self._locus(flat),
                    widgets=tuple(place.name for place in assigned.places),
                    extra=assigned.beyond,
                    saved_with=flat.node.pack_version,
                )
            )

    def _of_extension(self, node_class: NodeClass, assigned: Assigned) -> tuple[Json, ...]:
        """Saved values of a pack's class that only its extension knows what to make of."""
        if node_class.name not in self._catalog.added:
            return ()
        if node_class.facts.values_by_name is not None:
            # In a list they were saved by an old version, in an order of its own.
            return assigned.saved
        told = tuple(filter(_is_told, assigned.beyond))
        if not told and not assigned.places and not node_class.output_node:
            # A class without a widget that shows nothing either: what it holds is for the extension.
            told = tuple(
                value for value in assigned.beyond if value not in (None, "", {}) and not isinstance(value, dict)
            )
        return told

    def _judge_names(
        self, flat: FlatNode, node_class: NodeClass, saved: Mapping[str, Json], inputs: Mapping[str, Json]
    ) -> None:
        """Notes values that are saved by name and do not reach the prompt as the author sees them."""
        row = node_class.facts.values_by_name
        if row is not None:
            unknown = tuple(name for name in saved if name not in node_class.by_name and name not in row.shows)
            if unknown:
                error = pack_errors.WidgetsOfExtension(at=self._locus(flat), pack=row.pack, names=unknown)
                self.found.add(error)
        elif any(spec.is_widget and spec.required and spec.name not in inputs for spec in node_class.inputs):
            self.found.add(pack_errors.ValuesSavedByName(at=self._locus(flat), names=tuple(saved)))

    def _shifted(
        self, flat: FlatNode, assigned: Assigned, place: Place, value: Json, explanation: Removed | Added | None
    ) -> None:
        at = self._locus(flat, place.name if place.kind is PlaceKind.INPUT else None)
        self.found.add(
            errors.WidgetValuesShifted(
                at=at,
                widget=place.name,
                value=value,
                expected=place.spec.type if place.spec is not None else "fixed, increment, decrement or randomize",
                found=len(assigned.saved),
                widgets=tuple(place.name for place in assigned.places),
                removed=explanation.values if isinstance(explanation, Removed) else (),
                removed_after=explanation.after if isinstance(explanation, Removed) else None,
                added=explanation.names if isinstance(explanation, Added) else (),
                saved_with=flat.node.pack_version,
            )
        )

    def _reaches(self, flat: FlatNode, name: str, inputs: Mapping[str, Json]) -> bool:
        """Whether an input's own saved value is what the prompt holds."""
        return name in inputs and name not in flat.origins and name not in flat.node.written

    def _may_matter(self, flat: FlatNode, assigned: Assigned, inputs: Mapping[str, Json]) -> bool:
        """Whether values that nothing takes may tell of a change: of a class that has values, or has none any more."""
        if not assigned.places:
            return any(value not in (None, "") for value in assigned.beyond)
        return any(
            place.kind is PlaceKind.INPUT and self._reaches(flat, place.name, inputs) for place in assigned.places
        )

    def _locus(self, flat: FlatNode, slot: str | None = None) -> Locus:
        node_class = self._catalog.get(flat.node.type)
        return Locus(
            file=self._flat.file,
            node=flat.id,
            title=flat.node.title or (node_class.title if node_class is not None else None),
            class_type=flat.node.type,
            input=slot,
            json_path=flat.node.json_path,
        )


def _is_told(value: Json) -> bool:
    """Whether a value is an object that says something; a header says what it is, and no more."""
    return isinstance(value, dict) and bool(value.keys() - {"type"})
