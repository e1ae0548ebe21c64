"""What each node class takes and gives, per ComfyUI version: the typed reader of the shipped catalogs.

A catalog holds facts only. It is data (`catalog/data/comfyui-<version>.json`), made by `object_info.py` from a
server's /object_info; classes become typed when they are first asked for, since a graph uses a few of 700.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from typing import TypeAlias, cast

from comfy2runpod.catalog.evident_output import evident_output
from comfy2runpod.catalog.facts.kinds import NOTHING_KNOWN, PREFIX_INPUT, ClassFacts, Saves, WidgetType
from comfy2runpod.catalog.facts.reader import FactsFile
from comfy2runpod.catalog.facts.table import NodeFacts, shipped_facts
from comfy2runpod.catalog.release import RELEASE
from comfy2runpod.catalog.slots import DeclaredSlots, Growing, Slot, declared_slots
from comfy2runpod_contract.json_types import Json, JsonObject

# The folder of an input that lists model files when nothing told where they lie.
UNKNOWN_FOLDER = ""

# A combo whose choice brings inputs of its own.
DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"

# The type of an output that takes on the type of what is linked to an input.
MATCHES_INPUT = "COMFY_MATCHTYPE_V3"

Number: TypeAlias = int | float


@dataclass(frozen=True, slots=True)
class Autogrow:
    """An input that grows as it is linked: `prefix0, prefix1, …` or the given names, from `minimum` to `maximum`."""

    element: InputSpec
    names: tuple[str, ...]
    minimum: int


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One declared input.

    `type` is the class's own word (`INT`, `MODEL`, `COMBO`, `FLOAT,INT`). `choices` are literal; `folders` says that
    the input also lists the files of these model or input folders, `extensions` which. `options` are a dynamic
    combo's choices with the inputs that each brings, `autogrow` a growing input's template. `unlisted` says that a
    pack's class offered nothing where the catalog was made, which tells nothing of what a worker offers. `listed` says
    that the server gives the choices in the type's place, as for all older classes. `widget` is what is known of its
    type as a type of widget, None if it is none; `is_widget` says whether the editor makes a widget of this input,
    `upload_button` that it adds a button for uploads to the class.
    """

    name: str
    type: str
    required: bool
    default: Json = None
    has_default: bool = False
    minimum: Number | None = None
    maximum: Number | None = None
    step: Number | None = None
    round: Number | None = None
    choices: tuple[Json, ...] | None = None
    listed: bool = False
    unlisted: bool = False
    folders: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    multiline: bool = False
    multiselect: bool = False
    dynamic_prompts: bool = False
    control_after_generate: bool = False
    force_input: bool = False
    socketless: bool = False
    raw_link: bool = False
    lazy: bool = False
    hidden: bool = False
    upload: str | None = None
    widget_type: str | None = None
    display_name: str | None = None
    match_template: str | None = None
    options: tuple[tuple[Json, tuple[InputSpec, ...]], ...] = ()
    autogrow: Autogrow | None = None
    widget: WidgetType | None = None
    upload_button: bool = False
    is_widget: bool = field(init=False)

    def __post_init__(self) -> None:
        is_widget = self.widget is not None and not (self.force_input or self.raw_link)
        object.__setattr__(self, "is_widget", is_widget)

    def controlled_in(self, path: str) -> bool:
        """Whether the editor adds a control (fixed, randomize, …) to its widget; by name only where it is no child."""
        return self.control_after_generate or (self.type == "INT" and path in ("seed", "noise_seed"))

    @property
    def is_seed(self) -> bool:
        """Whether the class declares it as a seed: an integer that the editor may change after each run."""
        return self.type == "INT" and self.control_after_generate and self.minimum is not None and self.minimum >= 0


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One declared output."""

    name: str
    type: str
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class NodeClass:
    """A node class: `inputs` in the order in which the editor lays out their widgets.

    `slots` are those that can be linked; `types` are those of all, with those that a choice or a growing input brings;
    `forces_sockets` says that some would be widgets if they were not forced to be sockets; `of_a_pack` that a
    node pack brought it; `facts` are what is known
    beside /object_info, `saves` is what it leaves behind, if that is known or evident.
    """

    name: str
    title: str
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    output_node: bool
    api_node: bool
    deprecated: bool
    input_is_list: bool
    module: str
    by_name: Mapping[str, InputSpec] = field(repr=False, compare=False)
    types: frozenset[str] = field(repr=False, compare=False)
    slots: DeclaredSlots = field(repr=False, compare=False)
    forces_sockets: bool = field(repr=False, compare=False)
    of_a_pack: bool = field(default=False, repr=False, compare=False)
    facts: ClassFacts = field(default=NOTHING_KNOWN, repr=False, compare=False)
    saves: Saves | None = field(default=None, repr=False, compare=False)

    @property
    def saved_input(self) -> InputSpec | None:
        """The input at which it takes what it saves; None if it saves nothing."""
        if self.saves is None:
            return None
        if self.saves.input is not None:
            return self.by_name.get(self.saves.input)
        return next((spec for spec in self.inputs if not spec.is_widget), None)

    @property
    def prefix_input(self) -> str | None:
        """The input that holds the prefix of the names of the files that it saves; None if it has none."""
        if self.saves is None:
            return None
        name = self.saves.prefix_input or PREFIX_INPUT
        spec = self.by_name.get(name)
        return name if spec is not None and spec.type == "STRING" else None


class Catalog:
    """The classes of one ComfyUI version, or of several layers of them (a pack's over the core's).

    `added` are the classes that a layer brought: those of node packs. `facts` are what is known of classes beside
    /object_info: the shipped ones, if none are given.
    """

    def __init__(
        self,
        *,
        comfyui: str,
        commit: str,
        editor: str,
        classes: Mapping[str, JsonObject],
        added: frozenset[str] = frozenset(),
        facts: NodeFacts | None = None,
    ) -> None:
        self.comfyui = comfyui
        self.commit = commit
        self.editor = editor
        self.added = added
        self.facts = shipped_facts(comfyui) if facts is None else facts
        self._raw = classes
        self._typed: dict[str, NodeClass] = {}

    @classmethod
    def shipped(cls, version: str = RELEASE.version) -> Catalog:
        """The classes of a ComfyUI version as they come with this compiler.

        Raises:
            FileNotFoundError: none are shipped for that version.
        """
        return load_catalog(version)

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def get(self, name: str) -> NodeClass | None:
        """The class of that name, or None if this ComfyUI does not have it."""
        known = self._typed.get(name)
        if known is None and name in self._raw:
            known = self._typed[name] = _node_class(name, self._raw[name], self.facts, of_a_pack=name in self.added)
        return known

    def layered(self, classes: Mapping[str, JsonObject]) -> Catalog:
        """This catalog with further classes over it."""
        return Catalog(
            comfyui=self.comfyui,
            commit=self.commit,
            editor=self.editor,
            classes={**self._raw, **classes},
            added=self.added | classes.keys(),
            facts=self.facts,
        )

    def with_facts(self, file: FactsFile) -> Catalog:
        """This catalog with a pack's facts over those that it has.

        Raises:
            BadFactsError: they are about what is ComfyUI's own.
        """
        return Catalog(
            comfyui=self.comfyui,
            commit=self.commit,
            editor=self.editor,
            classes=self._raw,
            added=self.added,
            facts=self.facts.with_file(file, self._raw.keys() - self.added),
        )

    def raw(self, name: str) -> JsonObject | None:
        """A class as the catalog's file has it."""
        return self._raw.get(name)

    def folders(self) -> frozenset[str]:
        """The folders whose files inputs list: models, and what a person brings."""
        return frozenset(_folders_in([entry.get("inputs") for entry in self._raw.values()]))


@lru_cache(maxsize=4)
def load_catalog(version: str = RELEASE.version) -> Catalog:
    """The shipped catalog of a ComfyUI version.

    Raises:
        FileNotFoundError: none is shipped for that version.
    """
    text = resources.files("comfy2runpod").joinpath(f"catalog/data/comfyui-{version}.json").read_text("utf-8")
    return parse_catalog(text)


def parse_catalog(text: str) -> Catalog:
    """A catalog from its JSON text, as `object_info.catalog_json` writes it."""
    data = cast(JsonObject, json.loads(text))
    return Catalog(
        comfyui=str(data["comfyui"]),
        commit=str(data["commit"]),
        editor=str(data["editor"]),
        classes=cast("dict[str, JsonObject]", data["classes"]),
    )


def _node_class(name: str, raw: JsonObject, facts: NodeFacts, *, of_a_pack: bool) -> NodeClass:
    inputs = tuple(_inputs(raw.get("inputs"), facts))
    if of_a_pack:
        inputs = tuple(map(_unlisted, inputs))
    known = facts.of(name)
    output_node = raw.get("output_node") is True
    title = str(raw.get("title") or name)
    told = not output_node or known.saves_nothing
    evident = None if told else evident_output((name, title), inputs, facts)
    return NodeClass(
        name=name,
        title=title,
        inputs=inputs,
        outputs=tuple(_outputs(raw.get("outputs"))),
        output_node=output_node,
        api_node=raw.get("api_node") is True,
        deprecated=raw.get("deprecated") is True,
        input_is_list=raw.get("input_is_list") is True,
        module=str(raw.get("module") or ""),
        by_name={spec.name: spec for spec in inputs},
        types=frozenset(types_of(inputs)),
        slots=declared_slots(slots_of(inputs)),
        forces_sockets=any(spec.force_input for spec in inputs),
        of_a_pack=of_a_pack,
        facts=known,
        saves=known.saves or evident,
    )


def _unlisted(spec: InputSpec) -> InputSpec:
    """An input of a pack's class, marked where its list was empty; so are those that its choices bring."""
    if spec.options:
        options = tuple((key, tuple(map(_unlisted, children))) for key, children in spec.options)
        return replace(spec, options=options)
    empty = spec.type == "COMBO" and not spec.choices and not spec.folders and spec.upload is None
    return replace(spec, unlisted=True) if empty else spec


def slots_of(inputs: Iterable[InputSpec]) -> Iterator[Slot | Growing]:
    """The inputs that can be linked, in the editor's order; a growing one has one slot more than there must be."""
    for spec in inputs:
        if spec.autogrow is not None:
            grow = spec.autogrow
            names = tuple(f"{spec.name}.{name}" for name in grow.names)
            if names:
                yield Growing(names, grow.element.type, min(max(grow.minimum, 0) + 1, len(names)))
        elif not spec.is_widget:
            yield Slot(spec.name, spec.type)
    yield from (Slot(spec.name, spec.type) for spec in inputs if spec.is_widget and not spec.socketless)


def types_of(specs: Iterable[InputSpec]) -> Iterator[str]:
    """The types of inputs, with those that a choice or a growing input brings."""
    for spec in specs:
        yield spec.type
        for _, children in spec.options:
            yield from types_of(children)
        if spec.autogrow is not None:
            yield from types_of((spec.autogrow.element,))


def _outputs(raw: Json) -> Iterator[OutputSpec]:
    for entry in cast("list[JsonObject]", raw or []):
        yield OutputSpec(name=str(entry["name"]), type=str(entry["type"]), is_list=entry.get("is_list") is True)


def _inputs(raw: Json, facts: NodeFacts) -> Iterator[InputSpec]:
    for entry in cast("list[JsonObject]", raw or []):
        yield _input(entry, facts)


def _input(raw: JsonObject, facts: NodeFacts) -> InputSpec:
    choices = raw.get("choices")
    autogrow = raw.get("autogrow")
    options = cast("list[JsonObject]", raw.get("options") or [])
    return InputSpec(
        name=str(raw["name"]),
        type=str(raw["type"]),
        required=raw.get("optional") is not True,
        default=raw.get("default"),
        has_default="default" in raw,
        minimum=_number(raw.get("min")),
        maximum=_number(raw.get("max")),
        step=_number(raw.get("step")),
        round=_number(raw.get("round")),
        choices=tuple(choices) if isinstance(choices, list) else None,
        listed=raw.get("listed") is True,
        folders=_texts(raw.get("folders")),
        extensions=_texts(raw.get("extensions")),
        multiline=raw.get("multiline") is True,
        multiselect=raw.get("multiselect") is True,
        dynamic_prompts=raw.get("dynamic_prompts") is True,
        control_after_generate=bool(raw.get("control_after_generate")),
        force_input=raw.get("force_input") is True,
        socketless=raw.get("socketless") is True,
        raw_link=raw.get("raw_link") is True,
        lazy=raw.get("lazy") is True,
        hidden=raw.get("hidden") is True,
        upload=(upload := _text(raw.get("upload"))),
        upload_button=upload in facts.upload_buttons,
        widget_type=_text(raw.get("widget_type")),
        display_name=_text(raw.get("display_name")),
        match_template=_text(raw.get("match_template")),
        options=tuple((entry["key"], tuple(_inputs(entry["inputs"], facts))) for entry in options),
        autogrow=_autogrow(autogrow, facts) if isinstance(autogrow, dict) else None,
        widget=facts.widget_type(_text(raw.get("widget_type")) or str(raw["type"])),
    )


def _autogrow(raw: JsonObject, facts: NodeFacts) -> Autogrow:
    minimum = raw["min"]
    return Autogrow(
        element=_input(cast(JsonObject, raw["element"]), facts),
        names=_texts(raw["names"]),
        minimum=minimum if isinstance(minimum, int) else 0,
    )


def _folders_in(raw: Json) -> Iterator[str]:
    """The folders in inputs of any depth, as the catalog's file has them."""
    if isinstance(raw, list):
        for item in raw:
            yield from _folders_in(item)
    elif isinstance(raw, dict):
        yield from _texts(raw.get("folders"))
        yield from _folders_in([raw.get(key) for key in ("inputs", "options", "autogrow", "element")])


def _number(value: Json) -> Number | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(str(item) for item in cast("Iterable[Json]", value or ()))
