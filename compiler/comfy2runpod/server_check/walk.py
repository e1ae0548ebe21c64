"""The check itself: what the outputs need, each node once, in time that grows with the number of links.

Bounds and choices are checked on constants only, never on what comes over a link. The absence of a file is not a fault
unless the caller tells which files there are. Where the server goes through a node's inputs in no particular order and
stops at the first exception, this goes through all of them in the catalog's order.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.facts.kinds import OwnCheck
from comfy2runpod.catalog.node_class import InputSpec, NodeClass
from comfy2runpod.ir.prompt import Prompt
from comfy2runpod.server_check.faults import CheckRaised, NodeFault, PromptFault, Verdict
from comfy2runpod.server_check.inputs import (
    Files,
    Present,
    converted,
    is_dynamic,
    link_fits,
    live_inputs,
    present,
    unwrapped,
)
from comfy2runpod.server_check.own_checks import own_check
from comfy2runpod_contract.json_types import Json, JsonObject

_LONG_LIST = 20
_RAISED = ("exception_during_validation", "exception_during_inner_validation")
# How many outputs a fault lists: without a limit the lists grow with the square of the prompt.
_MOST_OUTPUTS = 100


def validate_prompt(prompt: Prompt, catalog: Catalog, files: Files | None = None) -> Verdict:
    """Checks a prompt as ComfyUI does before it queues it.

    Args:
        prompt: the prompt; every class in it is one of the catalog's.
        catalog: the classes of that ComfyUI.
        files: the names of the files in a folder; None accepts any plausible name.
    """
    walk = _Walk(prompt, catalog, present(files))
    outputs = [node_id for node_id, node in prompt.items() if walk.class_of(node.class_type).output_node]
    if not outputs:
        return Verdict(PromptFault("prompt_no_outputs", "Prompt has no outputs", "", {}), (), (), 0)
    bad = [output for output in outputs if not walk.visit(output)]
    refused = set(bad)
    good = tuple(output for output in outputs if output not in refused)
    faults = tuple(walk.faults(bad))
    error = None
    if not good:
        details = "\n".join(f"{fault.message}: {fault.details}" for fault in faults if fault.node_id in refused)
        error = PromptFault("prompt_outputs_failed_validation", "Prompt outputs failed validation", details, {})
    return Verdict(error, faults, good, len(walk.found))


@dataclass(slots=True)
class _Visit:
    """A node that is being visited: the node that needs it, the link, and the origins that remain."""

    node_id: str
    asked_by: str | None
    link: Json
    origins: Iterator[tuple[str, str, list[Json]]]
    valid: bool = True


@dataclass(slots=True)
class _Walk:
    """Visits the nodes that the outputs need, without recursion."""

    prompt: Prompt
    catalog: Catalog
    present: Present
    found: dict[str, list[NodeFault]] = field(default_factory=dict)
    valid: dict[str, bool] = field(default_factory=dict)
    # How many outputs had been refused when a node was first seen.
    since: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    # How many nodes of cycles may still be reported: beyond each node twice, a cycle is reported at its last node only.
    cycle_nodes_left: int = field(init=False)

    def __post_init__(self) -> None:
        self.cycle_nodes_left = 2 * len(self.prompt)

    def visit(self, output: str) -> bool:
        """Whether an output and all that it needs are valid."""
        if output not in self.found:
            self._descend(output)
        valid = self.valid[output]
        self.refused += not valid
        return valid

    def faults(self, bad: Sequence[str]) -> Iterator[NodeFault]:
        """All faults, each with the outputs that are refused with it."""
        for node_id, found in self.found.items():
            if found:
                start = self.since[node_id]
                dependent = tuple(bad[start : start + _MOST_OUTPUTS])
                yield from (replace(fault, dependent_outputs=dependent) for fault in found)

    def _descend(self, output: str) -> None:
        stack = [self._enter(output, None, None)]
        depth = {output: 0}
        in_cycle: set[str] = set()
        while stack:
            visit = stack[-1]
            step = next(visit.origins, None)
            if step is None:
                stack.pop()
                del depth[visit.node_id]
                valid = visit.valid and not self.found[visit.node_id]
                self.valid[visit.node_id] = valid
                if stack:
                    stack[-1].valid &= valid
                continue
            origin, name, link = step
            if origin in self.valid:
                visit.valid &= self.valid[origin]
            elif origin not in depth:
                depth[origin] = len(stack)
                stack.append(self._enter(origin, name, link))
            else:
                visit.valid = False
                if origin not in in_cycle:
                    start = depth[origin]
                    told = len(stack) - start <= self.cycle_nodes_left
                    cycle = [other.node_id for other in stack[start if told else -1 :]]
                    self._cycle(cycle)
                    in_cycle.update(cycle, (origin,))

    def _enter(self, node_id: str, asked_by: str | None, link: Json) -> _Visit:
        self.found[node_id] = []
        self.since[node_id] = self.refused
        visit = _Visit(node_id, asked_by, link, iter(()))
        visit.origins = iter(self._check(visit))
        return visit

    def _cycle(self, cycle: list[str]) -> None:
        self.cycle_nodes_left -= len(cycle)
        path = [*cycle, cycle[0]]
        details = " -> ".join(f"{node_id} ({self.prompt[node_id].class_type})" for node_id in path)
        nodes: list[Json] = [*cycle]
        for node_id in cycle:
            extra: JsonObject = {"node_id": node_id, "cycle_nodes": nodes}
            fault = self._fault(node_id, "dependency_cycle", "Dependency cycle detected", details, None, extra)
            # Of several cycles through a node the server reports the last, of an exception and a cycle the first.
            others = [other for other in self.found[node_id] if other.kind != fault.kind]
            if not any(other.kind in _RAISED for other in others):
                self.found[node_id] = [fault, *others]

    def _check(self, visit: _Visit) -> list[tuple[str, str, list[Json]]]:
        """Notes a node's own faults; the nodes that it is validly linked to, with the input and the link."""
        node = self.prompt[visit.node_id]
        node_class = self.class_of(node.class_type)
        own = node_class.facts.own_check
        origins: list[tuple[str, str, list[Json]]] = []
        given: dict[str, Json] = {}
        types: JsonObject = {}
        raised: list[CheckRaised] = []
        live = [*live_inputs(node_class.inputs, node.inputs)]
        # Required inputs first, as in the server.
        optional = [entry for entry in live if not entry[2]]
        if optional:
            live = [entry for entry in live if entry[2]] + optional
        for name, spec, required in live:
            if name not in node.inputs:
                if required:
                    self._missing(visit.node_id, node_class, name)
                continue
            value = node.inputs[name]
            try:
                if isinstance(value, list):
                    given[name] = None
                    origin = self._link(visit.node_id, name, spec, value, types, own)
                    if origin is not None:
                        origins.append((origin, name, value))
                else:
                    given[name] = self._constant(visit.node_id, name, spec, value, own)
            except CheckRaised as error:
                raised.append(error)
        if own is not None and not raised:
            try:
                self._own_check(visit.node_id, own, given, types)
            except CheckRaised as error:
                raised.append(error)
        if raised:
            self._raised(visit, raised[0], tuple(name for error in raised for name in error.inputs))
        return origins

    def _missing(self, node_id: str, node_class: NodeClass, name: str) -> None:
        # If a class has inputs whose names are paths, the server reports the last part.
        short = name.rpartition(".")[2] if is_dynamic(node_class.inputs, self.prompt[node_id].inputs) else name
        self._add(node_id, "required_input_missing", "Required input is missing", short, name, {})

    def _link(
        self, node_id: str, name: str, spec: InputSpec, value: list[Json], types: JsonObject, own: OwnCheck | None
    ) -> str | None:
        if len(value) != 2:  # noqa: PLR2004 - a link is a pair
            message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            self._add(node_id, "bad_linked_input", message, name, name, {"received_value": value})
            return None
        origin, slot = value
        if isinstance(origin, (list, dict)):
            raise CheckRaised("TypeError", f"unhashable type: {type(origin).__name__!r}", name)
        if not isinstance(origin, str) or origin not in self.prompt:
            raise CheckRaised("KeyError", repr(origin), name)
        origin_class = self.class_of(self.prompt[origin].class_type)
        outputs = origin_class.outputs
        # The server indexes a tuple in its oldest classes and a list in the others, and its message says which.
        held = "tuple" if origin_class.module == "nodes" else "list"
        if not isinstance(slot, int):
            raise CheckRaised(
                "TypeError", f"{held} indices must be integers or slices, not {type(slot).__name__}", name
            )
        if not -len(outputs) <= slot < len(outputs):
            fits = -sys.maxsize <= slot <= sys.maxsize
            message = f"{held} index out of range" if fits else "cannot fit 'int' into an index-sized integer"
            raise CheckRaised("IndexError", message, name)
        types[name] = given = outputs[slot].type
        # Matching a type template is left to the editor: the server accepts any type.
        judged = spec.match_template is None and not (own is not None and own.takes_types)
        if judged and not link_fits(given, spec.type):
            details = f"{name}, received_type({given}) mismatch input_type({spec.type})"
            message = "Return type mismatch between linked nodes"
            extra: JsonObject = {"received_type": given, "linked_node": value}
            self._add(node_id, "return_type_mismatch", message, details, name, extra)
            return None
        return origin

    def _constant(self, node_id: str, name: str, spec: InputSpec, value: Json, own: OwnCheck | None) -> Json:
        """Notes what is wrong with a constant; the constant as the server converts it."""
        value = unwrapped(value)
        try:
            value = converted(spec.type, value)
        except (TypeError, ValueError, OverflowError) as error:
            message = f"Failed to convert an input value to a {spec.type} value"
            extra: JsonObject = {"received_value": value, "exception_message": str(error)}
            self._add(node_id, "invalid_input_type", message, f"{name}, {value}, {error}", name, extra)
            return value
        if (own is None or not own.claims(name)) and self._within(node_id, name, spec, value) and spec.type == "COMBO":
            self._choice(node_id, name, spec, value)
        return value

    def _within(self, node_id: str, name: str, spec: InputSpec, value: Json) -> bool:
        number = cast("int | float", value)
        try:
            if spec.minimum is not None and number < spec.minimum:
                message = f"Value {value} smaller than min of {spec.minimum}"
                self._add(node_id, "value_smaller_than_min", message, name, name, {"received_value": value})
                return False
            if spec.maximum is not None and number > spec.maximum:
                message = f"Value {value} bigger than max of {spec.maximum}"
                self._add(node_id, "value_bigger_than_max", message, name, name, {"received_value": value})
                return False
        except TypeError as error:
            raise CheckRaised("TypeError", str(error), name) from error
        return True

    def _choice(self, node_id: str, name: str, spec: InputSpec, value: Json) -> None:
        values = value if spec.multiselect and isinstance(value, list) else [value]
        wrong = [item for item in values if not self.present.listed(spec, item)]
        if not wrong:
            return
        choices = list(spec.choices or ())
        shown = str(choices) if len(choices) <= _LONG_LIST else f"(list of length {len(choices)})"
        details = f"{name}: {', '.join(repr(item) for item in wrong)} not in {shown}"
        self._add(node_id, "value_not_in_list", "Value not in list", details, name, {"received_value": value})

    def _own_check(self, node_id: str, own: OwnCheck, given: JsonObject, types: JsonObject) -> None:
        inputs = self.prompt[node_id].inputs
        # A value that was not converted stays as it is; malformed links are passed on unchanged.
        handed = {name: value for name, value in given.items() if own.claims(name)}
        handed |= {name: value for name in handed if isinstance(value := inputs[name], list)}
        handed = {name: None if _is_link(value) else value for name, value in handed.items()}
        answer = own_check(own, handed, types, self.present)
        if answer is not None:
            # The types of links are a separate argument.
            for name in (*handed, *(("input_types",) if own.takes_types else ())):
                message = "Custom validation failed for node"
                self._add(node_id, "custom_validation_failed", message, f"{name} - {answer}", name, {})

    def _raised(self, visit: _Visit, error: CheckRaised, inputs: tuple[str, ...]) -> None:
        extra: JsonObject = {"exception_type": error.type_name, "traceback": []}
        kind, message = "exception_during_validation", "Exception when validating node"
        if visit.asked_by is not None:
            kind, message = "exception_during_inner_validation", "Exception when validating inner node"
            extra |= {"input_name": visit.asked_by, "exception_message": str(error), "linked_node": visit.link}
        fault = self._fault(visit.node_id, kind, message, str(error), None, extra)
        self.found[visit.node_id] = [replace(fault, raised_by=inputs)]

    def class_of(self, name: str) -> NodeClass:
        """The class of that name, which the catalog has."""
        node_class = self.catalog.get(name)
        if node_class is None:
            raise KeyError(name)
        return node_class

    def _add(self, node_id: str, kind: str, message: str, details: str, name: str | None, extra: JsonObject) -> None:
        self.found[node_id].append(self._fault(node_id, kind, message, details, name, extra))

    def _fault(
        self, node_id: str, kind: str, message: str, details: str, name: str | None, extra: JsonObject
    ) -> NodeFault:
        return NodeFault(node_id, self.prompt[node_id].class_type, kind, message, details, name, extra)


def _is_link(value: Json) -> bool:
    """Whether the server treats a value as a link when it collects a node's values: any number counts as a slot."""
    match value:
        case [str(), int() | float()]:
            return True
        case _:
            return False
