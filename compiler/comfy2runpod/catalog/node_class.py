"""What a node class takes and gives: the types that all stages know classes by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from comfy2runpod.catalog.facts.kinds import NOTHING_KNOWN, PREFIX_INPUT, ClassFacts, Saves, WidgetType
from comfy2runpod.catalog.slots import DeclaredSlots, Growing, Slot
from comfy2runpod_contract.json_types import Json

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
    `decided_by_editor` says that the value of some widget depends on the editor, be it saved or not;
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
    decided_by_editor: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        widgets = (spec.widget for spec in all_specs(self.inputs) if spec.widget is not None)
        decided = any(widget.new_values or widget.wrapped_by for widget in widgets)
        object.__setattr__(self, "decided_by_editor", decided)

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


def all_specs(specs: Iterable[InputSpec]) -> Iterator[InputSpec]:
    """Inputs, with those that a choice or a growing input brings."""
    for spec in specs:
        yield spec
        for _, children in spec.options:
            yield from all_specs(children)
        if spec.autogrow is not None:
            yield from all_specs((spec.autogrow.element,))
