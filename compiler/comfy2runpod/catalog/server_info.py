"""Catalog -> the /object_info answer that a server with these classes would give, as far as facts go.

For whatever speaks to an editor or a client in a server's place. Descriptions and tool tips are not in a catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.node_class import DYNAMIC_COMBO, MATCHES_INPUT, InputSpec, NodeClass
from comfy2runpod_contract.json_types import Json, JsonObject

Files = Callable[[str], Iterable[str]]


def no_files(_folder: str) -> Iterable[str]:
    """A server whose folders are empty."""
    return ()


def object_info(catalog: Catalog, files: Files = no_files) -> JsonObject:
    """The answer for all classes of a catalog; `files` tells the names of the files in a model or input folder."""
    return {name: class_info(node_class, files) for name in catalog if (node_class := catalog.get(name)) is not None}


def class_info(node_class: NodeClass, files: Files) -> JsonObject:
    """One class's entry."""
    required = [spec for spec in node_class.inputs if spec.required]
    optional = [spec for spec in node_class.inputs if not spec.required]
    return {
        "input": _sections(required, optional, files),
        "input_order": {
            "required": [spec.name for spec in required],
            **({"optional": [spec.name for spec in optional]} if optional else {}),
        },
        "is_input_list": node_class.input_is_list,
        "output": [output.type for output in node_class.outputs],
        "output_is_list": [output.is_list for output in node_class.outputs],
        "output_name": [output.name for output in node_class.outputs],
        "name": node_class.name,
        "display_name": node_class.title,
        "description": "",
        "python_module": node_class.module,
        "category": "comfy2runpod",
        "output_node": node_class.output_node,
        "deprecated": node_class.deprecated,
        "api_node": node_class.api_node,
    }


def _sections(required: list[InputSpec], optional: list[InputSpec], files: Files) -> JsonObject:
    sections: JsonObject = {"required": {spec.name: _spec(spec, files) for spec in required}}
    if optional:
        sections["optional"] = {spec.name: _spec(spec, files) for spec in optional}
    return sections


def _spec(spec: InputSpec, files: Files) -> list[Json]:
    facts: JsonObject = {}
    if spec.has_default:
        facts["default"] = spec.default
    for key, value in (("min", spec.minimum), ("max", spec.maximum), ("step", spec.step), ("round", spec.round)):
        if value is not None:
            facts[key] = value
    flags = {
        "multiline": spec.multiline,
        "multiselect": spec.multiselect,
        "dynamicPrompts": spec.dynamic_prompts,
        "control_after_generate": spec.control_after_generate,
        "forceInput": spec.force_input,
        "socketless": spec.socketless,
        "rawLink": spec.raw_link,
        "lazy": spec.lazy,
        "hidden": spec.hidden,
    }
    facts |= {key: True for key, value in flags.items() if value}
    if spec.upload is not None:
        facts[f"{spec.upload}_upload"] = True
    if spec.widget_type is not None:
        facts["widgetType"] = spec.widget_type
    if spec.display_name is not None:
        facts["display_name"] = spec.display_name
    kind = spec.type
    if kind == "COMBO":
        choices = [*(spec.choices or ()), *(name for folder in spec.folders for name in files(folder))]
        if spec.listed:
            return [choices, facts]
        facts["options"] = choices
    elif kind == DYNAMIC_COMBO:
        facts["options"] = [
            {
                "key": key,
                "inputs": _sections([s for s in specs if s.required], [s for s in specs if not s.required], files),
            }
            for key, specs in spec.options
        ]
    elif spec.autogrow is not None:
        grow = spec.autogrow
        element = _sections([grow.element], [], files)
        facts["template"] = {"input": element, "names": [*grow.names], "min": grow.minimum}
    elif spec.match_template is not None:
        facts["template"] = {"template_id": spec.match_template, "allowed_types": kind}
        kind = MATCHES_INPUT
    return [kind, facts]
