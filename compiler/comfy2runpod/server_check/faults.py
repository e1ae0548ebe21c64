"""What can be wrong with a prompt, in the server's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comfy2runpod_contract.json_types import Json, JsonObject


@dataclass(frozen=True, slots=True)
class PromptFault:
    """Why a whole prompt is refused; `kind` is the server's error type."""

    kind: str
    message: str
    details: str
    extra: Mapping[str, Json]

    def to_json(self) -> JsonObject:
        """The fault as in the server's answer."""
        return {"type": self.kind, "message": self.message, "details": self.details, "extra_info": dict(self.extra)}


@dataclass(frozen=True, slots=True)
class NodeFault:
    """What is wrong with one node's input (`input_name` None: with the node as a whole).

    `dependent_outputs` are the output nodes that are refused with it, the first hundred of them. `raised_by` are the
    inputs at which the server's check itself fails, where it does: the server's answer names the link that led to the
    node instead.
    """

    node_id: str
    class_type: str
    kind: str
    message: str
    details: str
    input_name: str | None
    extra: Mapping[str, Json]
    dependent_outputs: tuple[str, ...] = ()
    raised_by: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """The fault as in the server's answer, in a node's list of errors."""
        name: JsonObject = {} if self.input_name is None else {"input_name": self.input_name}
        return {
            "type": self.kind,
            "message": self.message,
            "details": self.details,
            "extra_info": name | dict(self.extra),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """`error` refuses the prompt; with `node_faults` alone the server runs `outputs` and drops the others.

    `looked_at` is the number of nodes that the outputs need: the server passes over the rest.
    """

    error: PromptFault | None
    node_faults: tuple[NodeFault, ...]
    outputs: tuple[str, ...]
    looked_at: int

    def node_errors(self) -> JsonObject:
        """The answer's `node_errors`: by node id, its errors and the outputs that are refused with it."""
        errors: dict[str, list[Json]] = {}
        entries: JsonObject = {}
        for fault in self.node_faults:
            if fault.node_id not in errors:
                listed = errors[fault.node_id] = []
                entries[fault.node_id] = {
                    "errors": listed,
                    "dependent_outputs": list(fault.dependent_outputs),
                    "class_type": fault.class_type,
                }
            errors[fault.node_id].append(fault.to_json())
        return entries


class PromptError(ValueError):
    """Raised for JSON that is not a prompt; `fault` is the server's answer."""

    def __init__(self, fault: PromptFault) -> None:
        super().__init__(f"{fault.message} {fault.details}".strip())
        self.fault = fault


class CheckRaised(Exception):
    """The server's check of a node raises an exception: nothing else is reported for the node.

    `type_name` is the exception's type, as Python names it; `inputs` are those that make it fail.
    """

    def __init__(self, type_name: str, message: str, *inputs: str) -> None:
        super().__init__(message)
        self.type_name = type_name
        self.inputs = inputs
