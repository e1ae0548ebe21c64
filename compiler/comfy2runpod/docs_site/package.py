"""A package's files -> what the site shows of it.

Read from the emitted files and not from an Interface: the site is made of packages as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors.files import NotAPackage
from comfy2runpod.package_documents import (
    ModelEntry,
    ModelList,
    ObjectSchema,
    OpenApi,
    Schema,
    json_object,
    read_document,
)
from comfy2runpod.package_paths import INPUT, MODELS, OPENAPI, OUTPUT
from comfy2runpod.quoting import plain
from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.messages import ANSWER_TEXTS, REQUEST_KEYS

DOCS = "docs/"
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
    try:
        info = read_document(OpenApi, files[OPENAPI], OPENAPI).info
        taken, given = (read_document(ObjectSchema, files[path], path) for path in (INPUT, OUTPUT))
        return PackageDocs(
            name=name,
            title=info.title,
            description=plain(info.description),
            version=info.version,
            contract=int(contract[1]),
            inputs=tuple(
                Counter(_kind(field) for key, field in taken.properties.items() if key not in REQUEST_KEYS).items()
            ),
            required=taken.required,
            outputs=tuple(_outputs(given.properties)),
            models=_models(read_document(ModelList, files[MODELS], MODELS).models),
            openapi=json_object(files[OPENAPI], OPENAPI),
            files={path.removeprefix(DOCS): data for path, data in sorted(files.items()) if path.startswith(DOCS)},
        )
    except ValueError as error:
        raise _broken(place, str(error)) from None


def _broken(place: str, problem: str) -> CompileError:
    return CompileError([NotAPackage(at=Locus(place), problem=problem)])


def _kind(field: Schema) -> str:
    """A field's kind in a word."""
    if field.media is not None:
        return field.media
    if field.types == ("integer", "null"):
        return "seed"
    if field.enum and isinstance(field.enum[0], str):
        return "choice"
    for json_type, word in (("boolean", "switch"), ("integer", "number"), ("number", "number"), ("string", "text")):
        if json_type in field.types:
            return word
    return "value"


def _outputs(properties: Mapping[str, Schema]) -> Iterator[Output]:
    for name, schema in properties.items():
        media_type = _media_type(schema)
        many = schema.types == ("array",)
        inner = schema.items if many else schema
        text = schema.types == ("string",) and name not in ANSWER_TEXTS
        text = text or (inner is not None and "text" in (inner.properties or {}))
        if media_type is not None or text:
            yield Output(name, media_type or "text", many=many)


def _media_type(schema: Schema) -> str | None:
    """The first media type that a schema, or one within it, names."""
    items = [schema.items] if schema.items is not None else []
    inner = [*items, *(schema.properties or {}).values(), *schema.one_of]
    return schema.media_type or next((found for one in inner if (found := _media_type(one))), None)


def _models(entries: Sequence[ModelEntry]) -> Models:
    sizes = [entry.size or entry.approximate_size for entry in entries]
    return Models(
        files=len(entries),
        size=sum(size or 0 for size in sizes),
        exact=all(entry.size for entry in entries),
        unknown=sizes.count(None),
    )
