"""FlatGraph + Catalog -> BoundGraph: every input gets its name, and its value or link."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from comfy2runpod.catalog import Catalog, InputSpec, NodeClass
from comfy2runpod.diagnostics import Collector, Diagnostic, Locus, nearest
from comfy2runpod.editor import EditorProfile
from comfy2runpod.errors import bind as errors
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.document import GraphNode
from comfy2runpod.ir.flat import FlatGraph, FlatNode, FromInstance, FromNode, FromPrimitive
from comfy2runpod.ir.json import Json
from comfy2runpod.widgets import (
    Assigned,
    TooMany,
    as_prompt_value,
    assign,
    current_name,
    rounded_to_step,
    without_dynamic_syntax,
)


@dataclass(frozen=True, slots=True)
class EditorChoice:
    """The editor profile to follow, and whether anything decided on it: an option, or the version in the file."""

    profile: EditorProfile
    decided: bool
    file_version: str | None


def bind(
    flat: FlatGraph, catalog: Catalog, editor: EditorChoice, *, allow_api_nodes: Container[str]
) -> tuple[BoundGraph, tuple[Diagnostic, ...]]:
    """Binds saved values to the inputs of the catalog's classes.

    Returns:
        The bound graph and warnings.

    Raises:
        CompileError: unknown or paid classes, values that do not fit their class, ambiguous promoted values.
    """
    binder = _Binder(flat, catalog, editor, allow_api_nodes=allow_api_nodes)
    nodes = {node.id: bound for node in flat.nodes.values() if (bound := binder.node(node)) is not None}
    warnings = binder.found.finish()
    return BoundGraph(file=flat.file, nodes=nodes, exposed=flat.exposed), warnings


class _Binder:
    def __init__(
        self, flat: FlatGraph, catalog: Catalog, editor: EditorChoice, *, allow_api_nodes: Container[str]
    ) -> None:
        self._flat = flat
        self._catalog = catalog
        self._editor = editor
        self._allow_api_nodes = allow_api_nodes
        self._assigned: dict[int, Assigned] = {}
        self.found = Collector()

    def node(self, flat: FlatNode) -> BoundNode | None:
        node = flat.node
        node_class = self._catalog.get(node.type)
        if node_class is None:
            self.found.add(
                errors.UnknownNodeClass(
                    at=self._locus(flat),
                    class_type=node.type,
                    comfyui=self._catalog.comfyui,
                    pack=node.pack,
                    pack_version=node.pack_version,
                    near=nearest(node.type, self._catalog),
                )
            )
            return None
        if node_class.api_node and node_class.name not in self._allow_api_nodes:
            self.found.add(errors.PaidApiNode(at=self._locus(flat)))
        assigned = self._assign(node, node_class)
        self._report(flat, assigned)
        inputs = {
            name: as_prompt_value(self._text(flat, assigned.specs[name], name, value))
            for name, value in assigned.values.items()
        }
        for slot, origin in flat.origins.items():
            name = current_name(node.type, slot)
            spec = assigned.specs.get(name)
            if spec is None and name.split(".")[0] not in node_class.by_name:
                declared = tuple(node_class.by_name)
                self.found.add(errors.UndeclaredInput(at=self._locus(flat, name), declared=declared))
                continue
            match origin:
                case FromNode(node_id, output):
                    # The editor drops an input whose origin is not in the prompt; the check then says what is missing.
                    if node_id in self._flat.nodes:
                        inputs[name] = [node_id, output]
                    else:
                        inputs.pop(name, None)
                case FromPrimitive(value):
                    inputs[name] = as_prompt_value(value if spec is None else rounded_to_step(spec, value))
                case FromInstance():
                    self._from_instance(flat, name, spec, origin, inputs)
        return BoundNode(
            id=flat.id,
            title=node.title or node_class.title,
            node_class=node_class,
            inputs=inputs,
            specs=assigned.specs,
            models=node.models,
            json_path=node.json_path,
        )

    def _assign(self, node: GraphNode, node_class: NodeClass) -> Assigned:
        known = self._assigned.get(id(node))
        if known is None:
            known = self._assigned[id(node)] = assign(node_class, node.widgets_values)
        return known

    def _report(self, flat: FlatNode, assigned: Assigned) -> None:
        fault = assigned.fault
        if fault is None:
            return
        if isinstance(fault, TooMany):
            # Where every widget is linked, no saved value reaches the prompt: nothing can be wrong.
            if assigned.values.keys() <= flat.origins.keys():
                return
            self.found.add(
                errors.WidgetCountMismatch(
                    at=self._locus(flat),
                    expected=fault.expected,
                    found=fault.found,
                    saved_with=flat.node.pack_version,
                )
            )
        else:
            self.found.add(
                errors.NotASeedControl(at=self._locus(flat, fault.widget), widget=fault.widget, value=fault.value)
            )

    def _text(self, flat: FlatNode, spec: InputSpec, name: str, value: Json) -> Json:
        if not spec.dynamic_prompts or not isinstance(value, str) or name in flat.origins:
            return value
        plain = without_dynamic_syntax(value)
        if plain is None:
            self.found.add(errors.DynamicPromptChoice(at=self._locus(flat, name), text=value))
        return value if plain is None else plain

    def _from_instance(
        self, flat: FlatNode, name: str, spec: InputSpec | None, origin: FromInstance, inputs: dict[str, Json]
    ) -> None:
        """Writes a promoted widget's value, by the rule of the editor that is followed."""
        inner = self._inner_value(origin)
        saved = origin.saved
        if not inner and not saved:
            return
        if inner and saved and inner != saved and not self._editor.decided:
            self.found.add(
                errors.AmbiguousPromotedValue(
                    at=self._locus(flat, name),
                    name=f"{origin.giver}.{origin.name}",
                    inner_path=flat.id,
                    inner=inner[0],
                    saved=saved[0],
                    version=self._editor.file_version,
                )
            )
            return
        chosen = (saved or inner) if self._editor.profile.instance_keeps_values else (inner or saved)
        value = chosen[0]
        if spec is not None and spec.dynamic_prompts and isinstance(value, str):
            value = without_dynamic_syntax(value) or value
        inputs[name] = as_prompt_value(value)

    def _inner_value(self, origin: FromInstance) -> tuple[Json, ...]:
        if origin.inner is None:
            return ()
        node, name = origin.inner
        node_class = self._catalog.get(node.type)
        if node_class is None:
            return ()
        values = self._assign(node, node_class).values
        name = current_name(node.type, name)
        return (values[name],) if name in values else ()

    def _locus(self, flat: FlatNode, slot: str | None = None) -> Locus:
        return Locus(
            file=self._flat.file,
            node=flat.id,
            title=flat.node.title,
            class_type=flat.node.type,
            input=slot,
            json_path=flat.node.json_path,
        )
