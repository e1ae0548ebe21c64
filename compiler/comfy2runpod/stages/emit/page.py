"""The package's page: what its template prints beside the package's own views, and the script and style within it.

The page is one file that opens from disk. Its policy lets run only the script that is in it, by its hash, and lets it
reach the server that it came from and RunPod, nobody else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from markupsafe import Markup

from comfy2runpod.ir.interface import Interface
from comfy2runpod.stages.emit.schemas import input_schema, output_schema
from comfy2runpod.stages.emit.template_models import is_flat, output_view, seed_names
from comfy2runpod_contract.faults import FAULTS
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.messages import REQUEST_KEYS

# The page's modules and those of the TypeScript client, bundled by scripts/bundle_page.py.
_SCRIPT = ("bundle.js",)
_STYLES = ("base.css", "form.css", "result.css", "print.css")
_INLINE = {"data": "The file, base64.", "text": "The text."}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a request or an answer."""

    name: str
    description: str
    allowed: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys of an object in an answer; the title says which object."""

    title: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What the template prints. `policy` is a Content-Security-Policy; `data` what the script knows of the package."""

    policy: str
    style: Markup
    script: Markup
    data: JsonObject
    reserved: tuple[Key, ...]
    shapes: tuple[Shape, ...]


def page(interface: Interface, example: JsonObject) -> Page:
    """The page of an interface; `example` is an input that the endpoint takes."""
    style, script = _joined(_STYLES), _joined(_SCRIPT)
    return Page(
        policy=_policy(script, style),
        # Our own files, in which nothing of the package stands.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        data=_data(interface, example),
        reserved=tuple(_reserved(input_schema(interface))),
        shapes=tuple(_shapes(interface)),
    )


def _data(interface: Interface, example: JsonObject) -> JsonObject:
    """What the page's script knows of the package."""
    files = {field.name for field in interface.fields if field.is_file}
    views = [output_view(output) for output in interface.outputs]
    return {
        "name": interface.name,
        "schema": input_schema(interface),
        "reserved": list(REQUEST_KEYS),
        # An example of a file is for programs, not for the form.
        "example": {name: value for name, value in example.items() if name not in files},
        "flat": is_flat(interface),
        "outputs": [
            {
                "name": view.name,
                "title": view.title,
                "description": view.description,
                "kind": view.kind,
                "mediaType": view.media_type,
            }
            for view in views
        ],
        "seeds": list(seed_names(interface)),
        "errors": [{"code": fault.code, "remedy": fault.remedy} for fault in FAULTS],
    }


def _reserved(schema: JsonObject) -> Iterator[Key]:
    properties = _objects(schema.get("properties"))
    for name in REQUEST_KEYS:
        if name not in properties:
            continue
        inner = _objects(properties[name].get("properties"))
        for key, value in inner.items() or [("", properties[name])]:
            yield Key(f"{name}.{key}" if key else name, str(value.get("description", "")), _allowed(value))


def _allowed(schema: JsonObject) -> str:
    items = schema.get("items")
    if isinstance(items, dict):
        return f"A list of {_allowed(items)}"
    enum = schema.get("enum")
    if isinstance(enum, list):
        return ", ".join("null" if value is None else str(value) for value in enum)
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}, or null"
    return "true or false"


def _shapes(interface: Interface) -> Iterator[Shape]:
    """The objects of an answer: the answer itself, and before it those of several outputs, alike ones together."""
    schema = output_schema(interface)
    properties = _objects(schema.get("properties"))
    outputs = set() if is_flat(interface) else {output.name for output in interface.outputs}
    alike: dict[tuple[Key, ...], list[str]] = {}
    for name in properties:
        if name in outputs:
            inner = properties[name].get("items", properties[name])
            keys = tuple(_keys(inner if isinstance(inner, dict) else {}))
            alike.setdefault(keys, []).append(name)
    for keys, names in alike.items():
        which = "Each of them" if len(alike) == 1 and len(names) > 1 else ", ".join(names)
        yield Shape(f"{which} has", keys)
    rest = [
        Key(name, str(value.get("description", "")), "") for name, value in properties.items() if name not in outputs
    ]
    yield Shape("Beside them" if outputs else "The answer has", tuple(rest))


def _keys(schema: JsonObject) -> Iterator[Key]:
    """An object's keys; of one that has several forms, those of all."""
    found: dict[str, Key] = {}
    options = [option for word in ("oneOf", "anyOf") if isinstance(many := schema.get(word), list) for option in many]
    for form in (schema, *options):
        for name, value in _objects(form.get("properties") if isinstance(form, dict) else None).items():
            said = _INLINE.get(name) or str(value.get("description", ""))
            if said or name not in found:
                found[name] = Key(name, said, "")
    yield from found.values()


def _objects(value: Json) -> dict[str, JsonObject]:
    properties = value if isinstance(value, dict) else {}
    return {key: one for key, one in properties.items() if isinstance(one, dict)}


@lru_cache(maxsize=4)
def _joined(names: tuple[str, ...]) -> str:
    folder = resources.files("comfy2runpod").joinpath("page")
    return "\n" + "\n".join(folder.joinpath(name).read_text("utf-8") for name in names)


def _policy(script: str, style: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            # A result is a file of the page's own, or in a bucket.
            "img-src data: blob: https:",
            "media-src blob: https:",
            "connect-src 'self' https://api.runpod.ai",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
