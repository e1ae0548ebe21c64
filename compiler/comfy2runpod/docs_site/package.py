"""A package's files -> what the site shows of it.

Read from the emitted files and not from an Interface: the site is made of packages as they are.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors.files import NotAPackage
from comfy2runpod.quoting import plain
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.messages import ANSWER_TEXTS, REQUEST_KEYS

DOCS = "docs/"
MODELS, OPENAPI = "models.lock.json", "docs/openapi.json"
INPUT, OUTPUT = "docs/input.schema.json", "docs/output.schema.json"
_HANDLER = "handler.py"
# Beside every other file below docs/.
NEEDED = (OPENAPI, INPUT, OUTPUT, "docs/API.md", "docs/index.html", MODELS, _HANDLER)

_CONTRACT = re.compile(rb"^    contract=(\d+),$", re.MULTILINE)
# What a request or an answer holds beside a package's own fields.
_PLURALS = {"switch": "switches"}
_GIGABYTE, _MEGABYTE = 1e9, 1e6


@dataclass(frozen=True, slots=True)
class Output:
    """What a package gives back under a name: a media type, or `text`."""

    name: str
    media_type: str
    many: bool


@dataclass(frozen=True, slots=True)
class Models:
    """A package's model files. `size` is in bytes, and leaves out those of which none is told (`unknown` of them)."""

    files: int
    size: int
    exact: bool
    unknown: int

    @property
    def text(self) -> str:
        """In words."""
        if not self.files:
            return "none"
        files = f"{self.files} file{'' if self.files == 1 else 's'}"
        if self.unknown == self.files:
            return f"{files}, size not told"
        size = f"{self.size / _GIGABYTE:.1f} GB" if self.size >= _GIGABYTE else f"{self.size / _MEGABYTE:.0f} MB"
        about = "at least " if self.unknown else "" if self.exact else "about "
        return f"{about}{size} in {files}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageDocs:
    """One package. `inputs` are how many fields there are of each kind; `files` are those below docs/, by path.

    `version` and `contract` are of the compiler that wrote it.
    """

    name: str
    title: str
    description: str
    version: str
    contract: int
    inputs: tuple[tuple[str, int], ...]
    required: tuple[str, ...]
    outputs: tuple[Output, ...]
    models: Models
    openapi: JsonObject
    files: Mapping[str, bytes]

    @property
    def takes(self) -> str:
        """The kinds of its inputs, in words."""
        counted = (kind if count == 1 else f"{count} {_PLURALS.get(kind, f'{kind}s')}" for kind, count in self.inputs)
        return ", ".join(counted) or "nothing"


def package_docs(files: Mapping[str, bytes], name: str, place: str) -> PackageDocs:
    """What the site shows of a package, from its files by path.

    Args:
        files: those of NEEDED, and whatever else is below docs/.
        name: its place in the site's URLs.
        place: where the files lie, for messages.

    Raises:
        CompileError: a file is missing, or is not what a compiler of ours writes.
    """
    missing = [path for path in NEEDED if path not in files]
    if missing:
        raise _broken(place, f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    contract = _CONTRACT.search(files[_HANDLER])
    if contract is None:
        raise _broken(place, f"{_HANDLER} names no contract")
    parsed = {path: _parsed(files[path], path, place) for path in (OPENAPI, INPUT, OUTPUT, MODELS)}
    try:
        info = cast(JsonObject, parsed[OPENAPI]["info"])
        fields = cast("dict[str, JsonObject]", parsed[INPUT]["properties"])
        return PackageDocs(
            name=name,
            title=str(info["title"]),
            description=plain(str(info["description"])),
            version=str(info["version"]),
            contract=int(contract[1]),
            inputs=tuple(Counter(_kind(field) for key, field in fields.items() if key not in REQUEST_KEYS).items()),
            required=tuple(cast("list[str]", parsed[INPUT]["required"])),
            outputs=tuple(_outputs(cast("dict[str, JsonObject]", parsed[OUTPUT]["properties"]))),
            models=_models(cast("list[JsonObject]", parsed[MODELS]["models"])),
            openapi=parsed[OPENAPI],
            files={path.removeprefix(DOCS): data for path, data in sorted(files.items()) if path.startswith(DOCS)},
        )
    except KeyError as error:
        raise _broken(place, f"{error.args[0]} is missing in its documents") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise _broken(place, f"its documents are not as they are written ({error})") from None


def _broken(place: str, problem: str) -> CompileError:
    return CompileError([NotAPackage(at=Locus(place), problem=problem)])


def _parsed(data: bytes, path: str, place: str) -> JsonObject:
    try:
        value = cast(Json, json.loads(data))
    except (ValueError, RecursionError):
        raise _broken(place, f"{path} is not JSON") from None
    if not isinstance(value, dict):
        raise _broken(place, f"{path} is not a JSON object")
    return value


def _kind(field: JsonObject) -> str:
    """A field's kind in a word."""
    types = field.get("type")
    named = types if isinstance(types, list) else [types]
    match field:
        case {"x-media": str(media)}:
            return "image" if media == "image" else media
        case {"type": ["integer", "null"]}:
            return "seed"
        case {"enum": [str(), *_]}:
            return "choice"
    for json_type, word in (("boolean", "switch"), ("integer", "number"), ("number", "number"), ("string", "text")):
        if json_type in named:
            return word
    return "value"


def _outputs(properties: Mapping[str, JsonObject]) -> Iterator[Output]:
    for name, schema in properties.items():
        media_type = _media_type(schema)
        text = schema.get("type") == "string" and name not in ANSWER_TEXTS
        inner = cast(JsonObject, schema.get("items") if schema.get("type") == "array" else schema)
        text = text or ("text" in cast(JsonObject, inner.get("properties") or {}))
        if media_type is not None or text:
            yield Output(name, media_type or "text", many=schema.get("type") == "array")


def _media_type(schema: Json) -> str | None:
    """The first media type that a schema, or one within it, names."""
    match schema:
        case {"contentMediaType": str(media_type)}:
            return media_type
        case dict():
            return next((found for value in schema.values() if (found := _media_type(value))), None)
        case list():
            return next((found for value in schema if (found := _media_type(value))), None)
    return None


def _models(entries: list[JsonObject]) -> Models:
    sizes = [cast("int | None", entry.get("size") or entry.get("approximate_size")) for entry in entries]
    return Models(
        files=len(entries),
        size=sum(size or 0 for size in sizes),
        exact=all(entry.get("size") for entry in entries),
        unknown=sizes.count(None),
    )
