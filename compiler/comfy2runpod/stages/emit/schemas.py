"""The interface as JSON Schema 2020-12."""

from __future__ import annotations

from comfy2runpod.ir.interface import Interface, Output
from comfy2runpod.ir.json import Json, JsonObject
from comfy2runpod.ir.media import MediaKind
from comfy2runpod.stages.emit.template_models import (
    IMAGE_TYPES,
    file_facts,
    gives_files,
    is_flat,
    takes_choice,
    takes_image_options,
)
from comfy2runpod_contract.faults import FAULTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Members of `output`.
_DELIVERY: JsonObject = {
    "delivery": {
        "title": "Delivery",
        "description": "inline: base64 in the answer. url: an address that needs no log-in and expires, if the "
        "endpoint has a bucket or the job brings one (s3Config). Omitted: the endpoint's choice.",
        "enum": ["inline", "url", None],
        "default": None,
    },
}
_IMAGES: JsonObject = {
    "format": {
        "title": "Format",
        "description": "What images are encoded as; omitted, as they were saved. JPEG has no alpha: what is "
        "transparent is laid over white.",
        "enum": ["png", "jpeg", "webp", None],
        "default": None,
    },
    "quality": {
        "title": "Quality",
        "description": "Of jpeg and webp; omitted, 90.",
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 100,
        "default": None,
    },
}

_JSON_TYPES = {"Int": "integer", "Float": "number", "Str": "string"}

# What stands in the place of a file that is delivered by URL.
_ADDRESS: JsonObject = {
    "url": {"type": "string", "format": "uri", "description": "Where the file is, for a GET without a log-in."},
    "expires_at": {"type": "string", "format": "date-time", "description": "Until when the URL works (UTC)."},
}


def input_schema(interface: Interface) -> JsonObject:
    """The schema of a job's `input`."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:comfy2runpod:{interface.name}:input",
        "title": "Input",
        "description": f"What {interface.title} takes.",
        "type": "object",
        "properties": {**{field.name: field.json_schema() for field in interface.fields}, **_reserved(interface)},
        "required": [field.name for field in interface.fields if field.required],
        "additionalProperties": False,
    }


def _reserved(interface: Interface) -> JsonObject:
    """The keys that a request takes beside its fields, as far as they mean something here."""
    keys: JsonObject = {}
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
    properties: JsonObject = {}
    if is_flat(interface):
        (output,) = interface.outputs
        properties |= {output.name: _data(output), **_address(output), **_measured(output)}
    else:
        properties |= {output.name: _media(output) for output in interface.outputs}
    # Of several outputs, a request may want some, and some may fail.
    omitted = set(properties) if takes_choice(interface) else set()
    one_form = _one_form(interface.outputs[0], interface.outputs[0].name) if is_flat(interface) else {}
    omitted |= {interface.outputs[0].name, *_ADDRESS} if one_form else set()
    if takes_choice(interface):
        properties["failed"] = _failed(interface)
        omitted.add("failed")
    for field in interface.fields:
        if field.in_answer:
            properties[field.name] = field.answer_schema()
    properties["prompt_id"] = {"type": "string", "description": "The run's id in ComfyUI, for questions about it."}
    properties["timings"] = {
        "type": "object",
        "additionalProperties": {"type": "number", "minimum": 0},
        "description": "Seconds of each part of the job on the worker, if the request asks for them.",
    }
    omitted.add("timings")
    return {
        "$schema": DIALECT,
        "$id": f"urn:comfy2runpod:{interface.name}:output",
        "title": "Output",
        "description": f"What {interface.title} gives back.",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in omitted],
        **one_form,
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


def _data(output: Output) -> JsonObject:
    if output.kind is MediaKind.TEXT:
        return {"type": "string", "description": output.description or "The text."}
    return {
        "type": "string",
        "contentEncoding": "base64",
        "contentMediaType": output.media_type,
        "description": output.description or f"The {output.kind.value}, base64.",
    }


def _measured(output: Output) -> JsonObject:
    facts: JsonObject = {
        fact.name: {"type": _JSON_TYPES[fact.python_type], "description": fact.description}
        for fact in file_facts(output)
    }
    if output.kind is not MediaKind.TEXT:
        types: list[Json] = [*IMAGE_TYPES] if output.kind is MediaKind.IMAGE else [output.media_type]
        facts["media_type"] = {"type": "string", "enum": types, "description": "The file's media type."}
        facts["sha256"] = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "The file's sha256."}
    return facts


def _media(output: Output) -> JsonObject:
    data = "text" if output.kind is MediaKind.TEXT else "data"
    one_form = _one_form(output, data)
    properties: JsonObject = {data: _data(output), **_address(output), **_measured(output)}
    alternatives = {data, *_ADDRESS} if one_form else set()
    one: JsonObject = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in alternatives],
        **one_form,
        "additionalProperties": False,
    }
    return {"type": "array", "items": one, "minItems": 1} if output.many else one


def _address(output: Output) -> JsonObject:
    return {} if output.kind is MediaKind.TEXT else {**_ADDRESS}


def _one_form(output: Output, data: str) -> JsonObject:
    """A file comes in one of two forms, a text only in one."""
    if output.kind is MediaKind.TEXT:
        return {}
    return {"oneOf": [{"required": [data]}, {"required": [*_ADDRESS]}]}
