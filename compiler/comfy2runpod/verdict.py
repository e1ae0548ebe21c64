"""What ComfyUI's own prompt check says of a prompt: the same faults, on the same nodes and inputs, from the catalog.

Bounds and choices are checked on constants only, never on what comes over a link. The absence of a file is not a fault
unless the caller tells which files there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from comfy2runpod.catalog import Catalog, InputSpec, NodeClass
from comfy2runpod.ir.json import Json, JsonObject
from comfy2runpod.ir.prompt import Prompt, PromptNode
from comfy2runpod.node_facts import CHECKS_ITSELF, INPUT_FOLDERS

Files = Callable[[str], Iterable[str]]

_LONG_LIST = 20


@dataclass(frozen=True, slots=True)
class PromptFault:
    """Why a whole prompt is refused; `kind` is the server's own word for it."""

    kind: str
    message: str
    details: str
    extra: Mapping[str, Json]

    def to_json(self) -> JsonObject:
        """As the server's answer holds it."""
        return {"type": self.kind, "message": self.message, "details": self.details, "extra_info": dict(self.extra)}


@dataclass(frozen=True, slots=True)
class NodeFault:
    """What is wrong with one node's input (`input_name` None: with the node as a whole)."""

    node_id: str
    class_type: str
    kind: str
    message: str
    details: str
    input_name: str | None
    extra: Mapping[str, Json]
    dependent_outputs: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """As the server's answer holds it, in a node's list of errors."""
        name: JsonObject = {} if self.input_name is None else {"input_name": self.input_name}
        return {
            "type": self.kind,
            "message": self.message,
            "details": self.details,
            "extra_info": name | dict(self.extra),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """`error` refuses the prompt; with `node_faults` alone the server runs `outputs` and drops the others."""

    error: PromptFault | None
    node_faults: tuple[NodeFault, ...]
    outputs: tuple[str, ...]

    def node_errors(self) -> JsonObject:
        """The answer's `node_errors`: by node id, its errors and the outputs that depend on it."""
        found: dict[str, JsonObject] = {}
        for fault in self.node_faults:
            entry = found.setdefault(
                fault.node_id,
                {"errors": [], "dependent_outputs": list(fault.dependent_outputs), "class_type": fault.class_type},
            )
            cast("list[Json]", entry["errors"]).append(fault.to_json())
        return cast(JsonObject, found)


class PromptError(ValueError):
    """JSON that is not a prompt; `fault` is what the server answers."""

    def __init__(self, fault: PromptFault) -> None:
        super().__init__(f"{fault.message} {fault.details}".strip())
        self.fault = fault


def parse_prompt(raw: Json) -> Prompt:
    """An API prompt from its JSON.

    Raises:
        PromptError: a node has no class or no inputs, or it is no prompt at all.
    """
    if not isinstance(raw, dict):
        raise PromptError(PromptFault("invalid_prompt", "The prompt must be an object of nodes.", "", {}))
    return {node_id: _parse_node(node_id, node) for node_id, node in raw.items()}


def _parse_node(node_id: str, raw: Json) -> PromptNode:
    node = raw if isinstance(raw, dict) else {}
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    class_type = node.get("class_type")
    if not isinstance(class_type, str):
        name = title if isinstance(title, str) else f"ID #{node_id}"
        message = f"Node '{name}' has no class_type. The workflow may be corrupted or a custom node is missing."
        extra: JsonObject = {"node_id": node_id, "class_type": None, "node_title": title}
        raise PromptError(PromptFault("missing_node_type", message, f"Node ID '#{node_id}'", extra))
    inputs = node.get("inputs")
    if not isinstance(inputs, dict):
        message = f"Node '{title or class_type}' has no inputs."
        raise PromptError(PromptFault("invalid_prompt", message, f"Node ID '#{node_id}'", {"node_id": node_id}))
    return PromptNode(class_type, inputs, title if isinstance(title, str) else class_type)


def validate_prompt(prompt: Prompt, catalog: Catalog, files: Files | None = None) -> Verdict:
    """Checks a prompt as ComfyUI does before it queues it.

    Args:
        prompt: the prompt.
        catalog: the classes of that ComfyUI.
        files: the names of the files in a folder; None accepts any plausible name.
    """
    outputs = []
    for node_id, node in prompt.items():
        node_class = catalog.get(node.class_type)
        if node_class is None:
            return Verdict(_missing_class(node_id, node), (), ())
        if node_class.output_node:
            outputs.append(node_id)
    if not outputs:
        return Verdict(PromptFault("prompt_no_outputs", "Prompt has no outputs", "", {}), (), ())
    walk = _Walk(prompt, catalog, files)
    for output in outputs:
        walk.visit(output)
    faults, bad = walk.faults(outputs)
    good = tuple(output for output in outputs if output not in bad)
    error = None
    if not good:
        details = "\n".join(f"{f.message}: {f.details}" for f in faults if f.node_id in bad)
        error = PromptFault("prompt_outputs_failed_validation", "Prompt outputs failed validation", details, {})
    return Verdict(error, faults, good)


def _missing_class(node_id: str, node: PromptNode) -> PromptFault:
    return PromptFault(
        "missing_node_type",
        f"Node '{node.title}' not found. The custom node may not be installed.",
        f"Node ID '#{node_id}'",
        {"node_id": node_id, "class_type": node.class_type, "node_title": node.title},
    )


@dataclass(slots=True)
class _Walk:
    """Visits what the outputs need, each node once, without recursion."""

    prompt: Prompt
    catalog: Catalog
    files: Files | None
    found: dict[str, list[NodeFault]] = field(default_factory=dict)
    upstream: dict[str, list[str]] = field(default_factory=dict)

    def visit(self, output: str) -> None:
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, Iterator[str]]] = []

        def enter(node_id: str) -> None:
            self.found[node_id] = []
            self.upstream[node_id] = list(self._check(node_id))
            path.append(node_id)
            on_path.add(node_id)
            stack.append((node_id, iter(self.upstream[node_id])))

        if output not in self.found:
            enter(output)
        while stack:
            node_id, rest = stack[-1]
            origin = next(rest, None)
            if origin is None:
                stack.pop()
                path.pop()
                on_path.discard(node_id)
            elif origin in on_path:
                self._circle([*path[path.index(origin) :], origin])
            elif origin not in self.found:
                enter(origin)

    def faults(self, outputs: Sequence[str]) -> tuple[tuple[NodeFault, ...], set[str]]:
        """All faults with the outputs that depend on them, and the outputs that have one."""
        downstream: dict[str, list[str]] = {}
        for node_id, origins in self.upstream.items():
            for origin in origins:
                downstream.setdefault(origin, []).append(node_id)
        wanted = set(outputs)
        bad: set[str] = set()
        faults: list[NodeFault] = []
        for node_id, found in self.found.items():
            if found:
                reached = _reach(node_id, downstream)
                dependent = tuple(output for output in outputs if output in reached)
                bad |= reached & wanted
                faults += [_with_outputs(fault, dependent) for fault in found]
        return tuple(faults), bad

    def _circle(self, circle: list[str]) -> None:
        details = " -> ".join(f"{node_id} ({self.prompt[node_id].class_type})" for node_id in circle)
        nodes = cast("list[Json]", list(dict.fromkeys(circle)))
        for node_id in dict.fromkeys(circle):
            extra: JsonObject = {"node_id": node_id, "cycle_nodes": nodes}
            self._add(node_id, "dependency_cycle", "Dependency cycle detected", details, None, extra)

    def _check(self, node_id: str) -> Iterator[str]:
        """Notes a node's own faults; the nodes that it is validly linked to."""
        node = self.prompt[node_id]
        node_class = self._class(node)
        for name, spec, required in live_inputs(node_class.inputs, node.inputs):
            if name not in node.inputs:
                if required:
                    self._add(node_id, "required_input_missing", "Required input is missing", name, name, {})
            elif isinstance(value := node.inputs[name], list):
                yield from self._link(node_id, name, spec, value)
            else:
                self._constant(node_id, node, name, spec, value)

    def _link(self, node_id: str, name: str, spec: InputSpec, value: list[Json]) -> Iterator[str]:
        if len(value) != 2:  # noqa: PLR2004 - a link is a pair
            message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            self._add(node_id, "bad_linked_input", message, name, name, {"received_value": value})
            return
        origin, slot = value
        if not isinstance(origin, str) or origin not in self.prompt:
            self._broken(node_id, repr(origin))
            return
        outputs = self._class(self.prompt[origin]).outputs
        if not isinstance(slot, int) or isinstance(slot, bool) or not -len(outputs) <= slot < len(outputs):
            self._broken(node_id, "tuple index out of range")
            return
        given = outputs[slot].type
        if not link_fits(given, spec.type):
            details = f"{name}, received_type({given}) mismatch input_type({spec.type})"
            message = "Return type mismatch between linked nodes"
            extra: JsonObject = {"received_type": given, "linked_node": value}
            self._add(node_id, "return_type_mismatch", message, details, name, extra)
            return
        yield origin

    def _broken(self, node_id: str, details: str) -> None:
        """A link that names nothing: the server fails while it validates the node."""
        kind, message = "exception_during_inner_validation", "Exception when validating inner node"
        if self._class(self.prompt[node_id]).output_node:
            kind, message = "exception_during_validation", "Exception when validating node"
        self._add(node_id, kind, message, details, None, {})

    def _constant(self, node_id: str, node: PromptNode, name: str, spec: InputSpec, value: Json) -> None:
        if isinstance(value, dict) and "__value__" in value:
            value = value["__value__"]
        try:
            value = converted(spec.type, value)
        except (TypeError, ValueError, OverflowError) as error:
            message = f"Failed to convert an input value to a {spec.type} value"
            extra: JsonObject = {"received_value": value, "exception_message": str(error)}
            self._add(node_id, "invalid_input_type", message, f"{name}, {value}, {error}", name, extra)
            return
        if name in CHECKS_ITSELF.get(node.class_type, ()):
            return
        if isinstance(value, (int, float)):
            if spec.minimum is not None and value < spec.minimum:
                message = f"Value {value} smaller than min of {spec.minimum}"
                self._add(node_id, "value_smaller_than_min", message, name, name, {"received_value": value})
                return
            if spec.maximum is not None and value > spec.maximum:
                message = f"Value {value} bigger than max of {spec.maximum}"
                self._add(node_id, "value_bigger_than_max", message, name, name, {"received_value": value})
                return
        if spec.type == "COMBO":
            self._choice(node_id, name, spec, value)

    def _choice(self, node_id: str, name: str, spec: InputSpec, value: Json) -> None:
        values = value if spec.multiselect and isinstance(value, list) else [value]
        wrong = [item for item in values if not self._offered(spec, item)]
        if not wrong:
            return
        choices = list(spec.choices or ())
        shown = str(choices) if len(choices) <= _LONG_LIST else f"(list of length {len(choices)})"
        details = f"{name}: {', '.join(repr(item) for item in wrong)} not in {shown}"
        self._add(node_id, "value_not_in_list", "Value not in list", details, name, {"received_value": value})

    def _offered(self, spec: InputSpec, value: Json) -> bool:
        if value in (spec.choices or ()):
            # True equals 1 in Python, and does for the server.
            return True
        if not spec.folders or not isinstance(value, str):
            return False
        if self.files is not None:
            return any(value in self.files(folder) for folder in spec.folders)
        if any(folder in INPUT_FOLDERS for folder in spec.folders):
            return True
        return value.casefold().endswith(tuple(spec.extensions))

    def _class(self, node: PromptNode) -> NodeClass:
        node_class = self.catalog.get(node.class_type)
        if node_class is None:
            raise KeyError(node.class_type)
        return node_class

    def _add(self, node_id: str, kind: str, message: str, details: str, name: str | None, extra: JsonObject) -> None:
        class_type = self.prompt[node_id].class_type
        fault = NodeFault(node_id, class_type, kind, message, details, name, extra)
        if fault not in self.found[node_id]:
            self.found[node_id].append(fault)


def live_inputs(
    specs: Iterable[InputSpec], given: Mapping[str, Json], prefix: str = "", *, required: bool = True
) -> Iterator[tuple[str, InputSpec, bool]]:
    """The inputs that a class has for the values given: name, spec, and whether it must be there.

    A dynamic combo brings the inputs of its choice, an autogrowing input its elements.
    """
    for spec in specs:
        name = prefix + spec.name
        needed = required and spec.required
        if spec.autogrow is not None:
            grow = spec.autogrow
            for index, element in enumerate(grow.names):
                yield f"{name}.{element}", grow.element, index < grow.minimum and grow.element.required
        elif spec.type == "COMFY_DYNAMICCOMBO_V3":
            chosen = [children for key, children in spec.options if name in given and key == given[name]]
            if chosen:
                yield from live_inputs(chosen[0], given, f"{name}.")
                yield name, spec, needed
        else:
            yield name, spec, needed


def converted(kind: str, value: Json) -> Json:
    """A constant as the server converts it for an input of that type.

    Raises:
        TypeError, ValueError, OverflowError: it cannot.
    """
    match kind:
        case "INT":
            return int(cast("int | float | str", value))
        case "FLOAT":
            return float(cast("int | float | str", value))
        case "STRING":
            return str(value)
        case "BOOLEAN":
            return bool(value)
    return value


def link_fits(given: str, wanted: str) -> bool:
    """Whether the server lets an output of type `given` go to an input of type `wanted`."""
    if given == wanted:
        return True
    anything = {"*", "COMFY_MATCHTYPE_V3"}
    have = {part.strip() for part in given.split(",")}
    want = {part.strip() for part in wanted.split(",")}
    return bool(have & want or (have | want) & anything)


def _reach(start: str, downstream: Mapping[str, list[str]]) -> set[str]:
    reached = {start}
    waiting = [start]
    while waiting:
        for node_id in downstream.get(waiting.pop(), ()):
            if node_id not in reached:
                reached.add(node_id)
                waiting.append(node_id)
    return reached


def _with_outputs(fault: NodeFault, outputs: tuple[str, ...]) -> NodeFault:
    return NodeFault(
        fault.node_id,
        fault.class_type,
        fault.kind,
        fault.message,
        fault.details,
        fault.input_name,
        fault.extra,
        outputs,
    )
