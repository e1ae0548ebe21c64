"""A server's /object_info -> a catalog: facts only, in a form made to be read fast.

Choices that list files are told by marker files that the server was run with, one `__folder__<folder>.<ext>` in each
folder; an input whose choices hold such markers lists the files of those folders. No marker stands in a catalog: a
default that is one was only the first file of that server's list.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping

from comfy2runpod.catalog.entries import MOST_CLASSES, MOST_GROWN, MOST_INPUTS, bound, check_class
from comfy2runpod.catalog.node_class import DYNAMIC_COMBO
from comfy2runpod.diagnostics import shorten
from comfy2runpod.json_parts import array_of, object_of, objects_of
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.texts import visible

_MARKER = "__folder__"
# A server with fifty packs answers with some 10 MB.
MAX_ANSWER = 64 * 1024 * 1024
_UPLOADS = {"image_upload": "image", "video_upload": "video", "audio_upload": "audio", "file_upload": "file"}
# /object_info key -> catalog key, for the facts that are carried over as they are.
_PLAIN = {
    "default": "default",
    "min": "min",
    "max": "max",
    "step": "step",
    "round": "round",
    "multiline": "multiline",
    "multiselect": "multiselect",
    "dynamicPrompts": "dynamic_prompts",
    "control_after_generate": "control_after_generate",
    "forceInput": "force_input",
    "socketless": "socketless",
    "rawLink": "raw_link",
    "lazy": "lazy",
    "hidden": "hidden",
    "widgetType": "widget_type",
    "display_name": "display_name",
}


_BOUNDS = ("min", "max", "step", "round")


def parse_answer(data: bytes, order: bytes | None = None) -> dict[str, JsonObject]:
    """The classes of an /object_info answer (JSON, or gzipped JSON) as the server describes them, by name.

    Args:
        data: the answer.
        order: an answer of the same version whose keys stand in the server's own order, if `data`'s were sorted.

    Raises:
        ValueError: the bytes are not such an answer.
    """
    answer = _parse(data)
    if order is None:
        return answer
    model = _parse(order)
    return {name: _object_like(entry, model.get(name, {})) for name, entry in answer.items()}


def _parse(data: bytes) -> dict[str, JsonObject]:
    try:
        answer: Json = json.loads(plain_bytes(data))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    classes = answer if isinstance(answer, dict) else {}
    found = {name: entry for name, entry in classes.items() if isinstance(entry, dict)}
    if not found or len(found) < len(classes) or not all(isinstance(one.get("input"), dict) for one in found.values()):
        raise ValueError("not an /object_info answer: each class must be an object with an `input`")
    if len(found) > MOST_CLASSES:
        raise ValueError(f"it has {len(found):,} classes; {MOST_CLASSES:,} are read at most")
    return found


def plain_bytes(data: bytes) -> bytes:
    """The bytes, unpacked if they are gzipped.

    Raises:
        ValueError: they are not whole, or more than MAX_ANSWER bytes.
    """
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            plain = packed.read(MAX_ANSWER + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"the gzip file is not whole: {error}") from error
    if len(plain) > MAX_ANSWER:
        raise ValueError(f"unpacked it has more than {MAX_ANSWER:,} bytes")
    return plain


def _object_like(value: JsonObject, model: JsonObject) -> JsonObject:
    """The object with its keys, and those of all objects in it, in the model's order."""
    names = [key for key in model if key in value] + [key for key in value if key not in model]
    return {key: _ordered_like(value[key], model.get(key)) for key in names}


def _ordered_like(value: Json, model: Json) -> Json:
    if isinstance(value, dict) and isinstance(model, dict):
        return _object_like(value, model)
    if isinstance(value, list) and isinstance(model, list) and len(value) == len(model):
        return [_ordered_like(item, like) for item, like in zip(value, model, strict=True)]
    return value


def catalog_json(
    classes: Mapping[str, JsonObject], *, comfyui: str | None, commit: str | None, editor: str | None
) -> str:
    """The catalog's file text: one class a line, so that a diff between versions reads as a list of classes.

    What is not known of the ComfyUI that it was made from is null: such a catalog can only be a layer over another.
    """
    lines = [f"{json.dumps(name)}: {json.dumps(entry, ensure_ascii=False)}" for name, entry in classes.items()]
    head = json.dumps({"comfyui": comfyui, "commit": commit, "editor": editor})[1:-1]
    return visible("{" + head + ', "classes": {\n' + ",\n".join(lines) + "\n}}\n")


def class_entry(name: str, raw: JsonObject) -> JsonObject:
    """One class of an answer as a catalog entry; a ValueError, or an error of a lookup, if it is malformed."""
    sections, order = object_of("input", raw["input"]), object_of("input_order", raw.get("input_order") or {})
    entry: JsonObject = {"inputs": [*_section_inputs(sections, order)], "outputs": [*_outputs(raw)]}
    title = raw.get("display_name")
    if isinstance(title, str) and title and title != raw.get("name"):
        entry["title"] = title
    for key in ("output_node", "api_node", "deprecated"):
        if raw.get(key) is True:
            entry[key] = True
    if raw.get("is_input_list") is True:
        entry["input_is_list"] = True
    entry["module"] = raw.get("python_module") or ""
    check_class(name, entry)
    return entry


def _outputs(raw: JsonObject) -> Iterator[JsonObject]:
    types, names, lists = (_items(key, raw.get(key)) for key in ("output", "output_name", "output_is_list"))
    for index, kind in enumerate(types):
        # A class may name a list of choices as its output's type: to a link it is a COMBO.
        text = kind if isinstance(kind, str) else "COMBO"
        name = names[index] if index < len(names) else text
        output: JsonObject = {"name": name if isinstance(name, str) else text, "type": text}
        if index < len(lists) and lists[index]:
            output["is_list"] = True
        yield output


def _items(what: str, value: Json) -> list[Json]:
    """An array, empty where nothing is said; a text's letters, as Python and JavaScript read `("IMAGE")` for types."""
    return [*value] if isinstance(value, str) else array_of(what, value or None)


def _section_inputs(sections: JsonObject, order: JsonObject) -> Iterator[JsonObject]:
    for section in ("required", "optional"):
        inputs = object_of(section, sections.get(section) or {})
        if len(inputs) > MOST_INPUTS:
            raise ValueError(f"it has {len(inputs):,} inputs; {MOST_INPUTS:,} are read at most")
        first = _items("input_order", order.get(section))
        names = dict.fromkeys(name for name in first if isinstance(name, str) and name in inputs)
        for name in [*names, *(name for name in inputs if name not in names)]:
            entry = _input(name, _items(f"input {shorten(name)}", inputs[name]))
            if section == "optional":
                entry["optional"] = True
            yield entry


def _input(name: str, spec: list[Json]) -> JsonObject:
    kind = spec[0]
    facts = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
    entry: JsonObject = {"name": name, "type": kind if isinstance(kind, str) else "COMBO"}
    for source, target in _PLAIN.items():
        value = facts.get(source)
        if target in _BOUNDS and isinstance(value, float):
            # Python's servers say NaN and Infinity, which no other reader of JSON knows.
            value = bound(value)
        if source == "default" and _is_marker(value):
            continue
        if (value is not None and value is not False) or (source == "default" and source in facts):
            entry[target] = value
    for source, upload in _UPLOADS.items():
        if facts.get(source) is True:
            entry["upload"] = upload
    choices = kind if isinstance(kind, list) else facts.get("options")
    if isinstance(kind, list):
        entry["listed"] = True
    if entry["type"] == DYNAMIC_COMBO:
        options = objects_of("options", choices or None)
        entry["options"] = [_option(option) for option in options if not _is_marker(option["key"])]
    elif entry["type"] == "COMBO":
        _add_choices(entry, _items("choices", choices))
    template = facts.get("template")
    if isinstance(template, dict):
        if entry["type"] == "COMFY_AUTOGROW_V3":
            entry["autogrow"] = _autogrow(template)
        else:
            entry["match_template"] = template.get("template_id")
            entry["type"] = template.get("allowed_types") or "*"
    return entry


def _add_choices(entry: JsonObject, choices: list[Json]) -> None:
    folders: dict[str, None] = {}
    extensions: dict[str, None] = {}
    literal: list[Json] = []
    for choice in choices:
        if isinstance(choice, str) and _is_marker(choice):
            folder, _, extension = choice.partition(_MARKER)[2].partition(".")
            folders[folder] = None
            extensions["." + extension] = None
        else:
            literal.append(choice)
    entry["choices"] = literal
    if folders:
        entry["folders"] = list(folders)
        entry["extensions"] = list(extensions)


def _is_marker(value: Json) -> bool:
    """Whether a value names a marker file, if in a folder below (`3d/__folder__3d.glb`), or a list has such a name."""
    names = value if isinstance(value, list) else [value]
    return any(_MARKER in name for name in names if isinstance(name, str))


def _option(raw: JsonObject) -> JsonObject:
    return {"key": raw["key"], "inputs": [*_section_inputs(object_of("inputs", raw.get("inputs") or {}), {})]}


def _autogrow(template: JsonObject) -> JsonObject:
    element = next(_section_inputs(object_of("input", template["input"]), {}), None)
    if element is None:
        raise ValueError("an input of it grows, but by no input")
    names = template.get("names")
    if not isinstance(names, list):
        count = template.get("max")
        if isinstance(count, int) and count > MOST_GROWN:
            raise ValueError(f"an input of it grows to {count:,}; {MOST_GROWN:,} are read at most")
        names = [f"{template['prefix']}{index}" for index in range(count if isinstance(count, int) else 0)]
    return {"element": element, "names": names, "min": template.get("min") or 0}
