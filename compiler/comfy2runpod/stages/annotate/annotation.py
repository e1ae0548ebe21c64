"""Document -> Annotation: the YAML in the note titled `comfy2runpod`, checked for form, and App mode's choice.

Paths are resolved later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import TypeVar

from comfy2runpod import note_forms as forms
from comfy2runpod.diagnostics import Collector, Locus, nearest
from comfy2runpod.errors import annotation as errors
from comfy2runpod.errors.image_parts import VariableOfTheEndpoint
from comfy2runpod.errors.secrets import SecretInGraph
from comfy2runpod.fields import note_keys
from comfy2runpod.fields.note import InputAnnotation, Source
from comfy2runpod.image_variables import allowed_variables, is_of_worker
from comfy2runpod.ir.annotation import Annotation, ModelAnnotation, OutputAnnotation
from comfy2runpod.ir.document import Document, GraphNode
from comfy2runpod.note_forms import PinnedPackage, Wrong
from comfy2runpod.stages.annotate.note_yaml import NoteError, Yaml, outside_block, read_yaml, yaml_span
from comfy2runpod_contract.secret_texts import holds_secret, is_secret_member

TITLE = "comfy2runpod"
_NOTES = ("Note", "MarkdownNote")
# Of fields, outputs and models each; a request of more would be no interface.
MOST_NAMES = 1000

T = TypeVar("T")

TOP_KEYS = ("name", "title", "description", "inputs", "outputs", "models", "runpod", "image")
INPUT_KEYS = ("from", "title", "description", "required", *(key.name for key in note_keys()))
OUTPUT_KEYS = ("from", "title", "description", "many")
MODEL_KEYS = ("size", "url", "directory", "licence", "gated")
_RUNPOD = ("gpu", "container_disk", "execution_timeout", "icon")
IMAGE_KEYS = ("apt", "environment", "attention", "files", "pip")


def read_annotation(document: Document) -> Annotation:
    """The annotation in a document, an empty one if there is no such note.

    Raises:
        CompileError: several such notes, no YAML, unknown keys or values of the wrong form; all are named.
    """
    notes = find_notes(document)
    if not notes:
        return Annotation(app_inputs=document.app_inputs)
    reader = _Reader(document.file, notes[0])
    if len(notes) > 1:
        ids, others = tuple(node.id for node in notes), tuple(reader.at(note=note) for note in notes[1:])
        reader.found.add(errors.SeveralAnnotations(at=reader.at(), nodes=ids, others=others))
    annotation = reader.read()
    return replace(annotation, app_inputs=document.app_inputs, warnings=reader.found.finish())


def find_notes(document: Document) -> tuple[GraphNode, ...]:
    """The notes that carry the title; there should be one at most."""
    return tuple(
        node for node in document.root.nodes if node.type in _NOTES and (node.title or "").strip().casefold() == TITLE
    )


class _Reader:
    def __init__(self, file: str, note: GraphNode) -> None:
        self.found = Collector()
        self._file = file
        self._note = note

    def at(self, key: str | None = None, note: GraphNode | None = None) -> Locus:
        note = note or self._note
        return Locus(self._file, note.id, title=TITLE, class_type=note.type, input=key, json_path=note.json_path)

    def read(self) -> Annotation:
        values = self._note.widgets_values
        text = values[0] if isinstance(values, tuple) and values else None
        text = text if isinstance(text, str) else ""
        start, end = yaml_span(text)
        if (left := outside_block(text, TOP_KEYS)) is not None:
            self.found.add(errors.OutsideTheBlock(at=self.at(), line=left[0], key=left[1]))
        try:
            raw = read_yaml(text[start:end])
        except NoteError as error:
            line = error.line + text.count("\n", 0, start)
            self.found.add(errors.NotYaml(at=self.at(), line=line, problem=error.problem))
            return Annotation()
        top = self._mapping(raw or {}, "", TOP_KEYS)
        runpod = self._mapping(top.get("runpod", {}), "runpod", _RUNPOD)
        image = self._mapping(top.get("image", {}), "image", IMAGE_KEYS)
        inputs, outputs = top.get("inputs"), top.get("outputs")
        return Annotation(
            node_id=self._note.id,
            json_path=self._note.json_path,
            name=self._optional(top, "name", "", forms.text),
            title=self._optional(top, "title", "", forms.description),
            description=self._optional(top, "description", "", forms.description),
            inputs=None if inputs is None else tuple(self._inputs(inputs)),
            outputs=None if outputs is None else tuple(self._outputs(outputs)),
            models={model.file: model for model in self._models(top.get("models", {}))},
            gpu=self._optional(runpod, "gpu", "runpod.", forms.texts),
            container_disk_gb=self._optional(runpod, "container_disk", "runpod.", forms.gigabytes),
            execution_timeout_seconds=self._optional(runpod, "execution_timeout", "runpod.", forms.seconds),
            icon=self._optional(runpod, "icon", "runpod.", forms.web_address),
            apt=self._optional(image, "apt", "image.", forms.debian_packages) or (),
            environment=tuple(self._environment(image.get("environment", {}))),
            attention=self._optional(image, "attention", "image.", forms.attention),
            files=tuple(self._files(image.get("files", {}))),
            pip=tuple(self._pip(image.get("pip", {}))),
        )

    def _inputs(self, raw: Yaml) -> Iterator[InputAnnotation]:
        for name, entry in self._mapping(raw, "inputs", None).items():
            key = f"inputs.{name}"
            fields = self._mapping({"from": entry} if isinstance(entry, str) else entry, key, INPUT_KEYS)
            prefix = f"{key}."
            sources = tuple(self._sources(fields.get("from", []), f"{prefix}from"))
            if not sources and isinstance(entry, dict):
                self.found.add(errors.NothingFed(at=self.at(key), field=name))
            yield InputAnnotation(
                name=name,
                sources=sources,
                title=self._optional(fields, "title", prefix, forms.description),
                description=self._optional(fields, "description", prefix, forms.description),
                required=self._optional(fields, "required", prefix, forms.boolean),
                said={
                    known.name: self._optional(fields, known.name, prefix, known.read)
                    for known in note_keys()
                    if known.name in fields
                },
            )

    def _sources(self, raw: Yaml, key: str) -> Iterator[Source]:
        for entry in raw if isinstance(raw, list) else [raw]:
            if isinstance(entry, str):
                yield Source(entry.strip())
            else:
                parts = self._mapping(entry, key, ("input", "as"))
                path = self._optional(parts, "input", f"{key}.", forms.text)
                if path is None:
                    self._wrong(key, "a path, or {input: PATH, as: EXPRESSION}", entry)
                else:
                    yield Source(path.strip(), self._optional(parts, "as", f"{key}.", forms.text))

    def _outputs(self, raw: Yaml) -> Iterator[OutputAnnotation]:
        for name, entry in self._mapping(raw, "outputs", None).items():
            key = f"outputs.{name}"
            fields = self._mapping({"from": entry} if isinstance(entry, str) else entry, key, OUTPUT_KEYS)
            node = self._optional(fields, "from", f"{key}.", forms.text)
            if node is None:
                self._wrong(key, "the id of the node that saves it, {from: ID}", entry)
                continue
            yield OutputAnnotation(
                name=name,
                node=node.strip(),
                title=self._optional(fields, "title", f"{key}.", forms.description),
                description=self._optional(fields, "description", f"{key}.", forms.description),
                many=self._optional(fields, "many", f"{key}.", forms.boolean) or False,
            )

    def _models(self, raw: Yaml) -> Iterator[ModelAnnotation]:
        for file, entry in self._mapping(raw, "models", None).items():
            key = f"models.{file}"
            fields = self._mapping(entry, key, MODEL_KEYS)
            yield ModelAnnotation(
                file=file,
                size=self._optional(fields, "size", f"{key}.", forms.size),
                url=self._optional(fields, "url", f"{key}.", forms.text),
                directory=self._optional(fields, "directory", f"{key}.", forms.text),
                licence=self._optional(fields, "licence", f"{key}.", forms.line),
                gated=self._optional(fields, "gated", f"{key}.", forms.boolean),
            )

    def _environment(self, raw: Yaml) -> Iterator[tuple[str, str]]:
        """Variables of the image: those alone that only tune; what is secret belongs to the endpoint too."""
        allowed = allowed_variables()
        for name, entry in sorted(self._mapping(raw, "image.environment", None).items(), key=itemgetter(0)):
            key = f"image.environment.{name}"
            value = self._optional({name: entry}, name, "image.environment.", forms.text) or ""
            if value and is_secret_member(name, value):
                self.found.add(SecretInGraph(at=self.at(key), where="The value"))
            elif name not in allowed:
                known = is_of_worker(name)
                near = () if known else nearest(name, allowed)
                self.found.add(VariableOfTheEndpoint(at=self.at(key), name=name, of_worker=known, near=near))
            elif isinstance(entry, str) and not allowed[name].has(value):
                self._wrong(key, allowed[name].expected, value)
            yield name, value

    def _files(self, raw: Yaml) -> Iterator[tuple[str, str]]:
        """Files for the image: where each is to lie, and which it is; none in the place of another."""
        places: list[str] = []
        for path, entry in self._entries(raw, "image.files", forms.MOST_FILES):
            wrong = partial(self._wrong, f"image.files.{path}")
            # Some file systems ignore the case of letters, and a package lies on such.
            place = f"{forms.path_in_image(path, wrong).casefold()}/"
            if any(place.startswith(other) or other.startswith(place) for other in places):
                wrong("a path that no other file has, or lies below", path)
            places.append(place)
            yield path, forms.file_beside(entry, wrong)

    def _pip(self, raw: Yaml) -> Iterator[PinnedPackage]:
        found: dict[str, PinnedPackage] = {}
        for named, entry in self._entries(raw, "image.pip", forms.MOST_PINNED):
            wrong = partial(self._wrong, f"image.pip.{named}")
            package = forms.pinned_package(named, entry, wrong)
            if package is not None and found.setdefault(package.name, package) is not package:
                wrong("each package once", named)
        yield from (found[name] for name in sorted(found))

    def _entries(self, raw: Yaml, key: str, most: int) -> Iterator[tuple[str, Yaml]]:
        """What stands under keys that an author makes up, by key; one with a secret, such as a URL's, is not shown."""
        for name, entry in sorted(self._mapping(raw, key, None, most).items(), key=itemgetter(0)):
            if holds_secret(name) or (isinstance(entry, str) and holds_secret(entry)):
                self.found.add(SecretInGraph(at=self.at(key), where="A key or its text"))
            else:
                yield name, entry

    def _mapping(
        self, raw: Yaml, key: str, allowed: tuple[str, ...] | None, most: int = MOST_NAMES
    ) -> Mapping[str, Yaml]:
        if raw == "":
            return {}
        if not isinstance(raw, dict):
            self._wrong(key or "the note", "a mapping (key: value)", raw)
            return {}
        if len(raw) > most:
            self.found.add(errors.WrongForm(at=self.at(key), expected=f"{most:,} at most", found=f"{len(raw):,}"))
            return {}
        for name in raw:
            if allowed is not None and name not in allowed:
                place = f"{key}.{name}" if key else name
                self.found.add(
                    errors.UnknownKey(at=self.at(place), key=name, allowed=allowed, near=nearest(name, allowed))
                )
        return raw

    def _optional(
        self, fields: Mapping[str, Yaml], name: str, prefix: str, read: Callable[[object, Wrong], T]
    ) -> T | None:
        if name not in fields:
            return None
        # The URL of a model has a check of its own.
        if name != "url" and isinstance(text := fields[name], str) and holds_secret(text):
            self.found.add(SecretInGraph(at=self.at(f"{prefix}{name}"), where="The text"))
        return read(fields[name], partial(self._wrong, f"{prefix}{name}"))

    def _wrong(self, key: str, expected: str, found: object) -> None:
        shown = found if isinstance(found, str) else ("a list" if isinstance(found, list) else "a mapping")
        self.found.add(errors.WrongForm(at=self.at(key), expected=expected, found=shown))
