"""The interface as JSON Schema 2020-12."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from comfy2runpod.ir.interface import Interface
from comfy2runpod.stages.emit.template_models import (
    gives_files,
    is_flat,
    takes_choice,
    takes_image_options,
)
from comfy2runpod_contract.faults import FAULTS
from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.media import IMAGE_FORMATS
from comfy2runpod_contract.messages import DELIVERY, FORMAT, HIGHEST_QUALITY, LOWEST_QUALITY, QUALITY, Delivery

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Members of `output`.
_DELIVERY: JsonObject = {
    "delivery": {
        "title": DELIVERY.title,
        "description": DELIVERY.description,
        "enum": [*get_args(Delivery), None],
        "default": None,
    },
}
_IMAGES: JsonObject = {
    "format": {
        "title": FORMAT.title,
        "description": FORMAT.description,
        "enum": [*IMAGE_FORMATS, None],
        "default": None,
    },
    "quality": {
        "title": QUALITY.title,
        "description": QUALITY.description,
        "type": ["integer", "null"],
        "minimum": LOWEST_QUALITY,
        "maximum": HIGHEST_QUALITY,
        "default": None,
    },
}


def input_schema(interface: Interface) -> JsonObject:
    """The schema of a job's `input`."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:comfy2runpod:{interface.name}:input",
        "title": "Input",
        "description": f"What {interface.title} takes.",
        "type": "object",
        "properties": {**{field.name: field.json_schema() for field in interface.fields}, **reserved_keys(interface)},
        "required": [field.name for field in interface.fields if field.required],
        "additionalProperties": False,
    }


def reserved_keys(interface: Interface) -> Mapping[str, JsonObject]:
    """The keys that a request takes beside its fields, as far as they mean something here."""
    keys: dict[str, JsonObject] = {}
    if gives_files(interface):
        images = takes_image_options(interface)
        keys["output"] = {
            "title": "Output",
            "description": f"How files are given back{', and images encoded' if images else ''}. What is omitted "
            "is the endpoint's own choice.",
            "type": ["object", "null"],
            "default": None,
            "properties": {**_DELIVERY, **(_IMAGES if images else {})},
            "additionalProperties": False,
        }
    if takes_choice(interface):
        keys["outputs"] = {
            "title": "Outputs",
            "description": "Which outputs are made; omitted, all. Only the part of the workflow that they need runs.",
            "type": ["array", "null"],
            "items": {"type": "string", "enum": [output.name for output in interface.outputs]},
            "minItems": 1,
            "uniqueItems": True,
            "default": None,
        }
        keys["allow_partial"] = {
            "title": "Allow partial",
            "description": "Whether an answer may lack outputs that failed; `failed` then says which and why.",
            "type": "boolean",
            "default": False,
        }
    keys["timings"] = {
        "title": "Timings",
        "description": "Whether the answer says how long each part of the job took on the worker.",
        "type": "boolean",
        "default": False,
    }
    return keys


def output_schema(interface: Interface) -> JsonObject:
    """The schema of a job's `output`."""
    forms: JsonObject = {}
    if is_flat(interface):
        (output,) = interface.outputs
        properties, forms = output.keys(output.name), output.forms(output.name)
        always = {*output.always(output.name)}
    else:
        properties = {output.name: output.object_schema() for output in interface.outputs}
        # Of several outputs, a request may want some, and some may fail.
        always = set() if takes_choice(interface) else {*properties}
    if takes_choice(interface):
        properties["failed"] = _failed(interface)
    for field in interface.fields:
        if field.in_answer:
            properties[field.name] = field.answer_schema()
            always.add(field.name)
    properties["prompt_id"] = {"type": "string", "description": "The run's id in ComfyUI, for questions about it."}
    properties["timings"] = {
        "type": "object",
        "additionalProperties": {"type": "number", "minimum": 0},
        "description": "Seconds of each part of the job on the worker, if the request asks for them.",
    }
    always.add("prompt_id")
    return {
        "$schema": DIALECT,
        "$id": f"urn:comfy2runpod:{interface.name}:output",
        "title": "Output",
        "description": f"What {interface.title} gives back.",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name in always],
        **forms,
        "additionalProperties": False,
    }


def _failed(interface: Interface) -> JsonObject:
    one: JsonObject = {
        "description": "An output that failed, and why.",
        "type": "object",
        "properties": {
            "output": {"type": "string", "enum": [output.name for output in interface.outputs]},
            "code": {"type": "string", "enum": [fault.code for fault in FAULTS]},
            "message": {"type": "string"},
        },
        "required": ["output", "code", "message"],
        "additionalProperties": False,
    }
    description = "Outputs that failed, where the request allows that."
    return {"type": "array", "items": one, "minItems": 1, "description": description}
