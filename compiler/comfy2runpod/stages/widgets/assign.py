"""A node's saved widget values -> values by input name.

`widgets_values` has no names: one value for each widget in the class's order, and some values that belong to no input
(the control word after a seed, an upload button). They are given out in order, as the editor does; whether each fits
its input is for `comfy2runpod.stages.widgets.fit` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from comfy2runpod.catalog.facts.kinds import OwnChoices
from comfy2runpod.catalog.node_class import InputSpec, NodeClass
from comfy2runpod.editor import EditorProfile
from comfy2runpod_contract.json_types import Json

_CONTROL_OF = "control_after_generate of "
CONTROL_WORDS = frozenset({"fixed", "increment", "decrement", "randomize"})


class PlaceKind(Enum):
    """What a place in `widgets_values` is for."""

    INPUT = auto()
    CONTROL = auto()
    BUTTON = auto()


class Place(NamedTuple):
    """One place in `widgets_values`; a button's value and a control word reach no prompt."""

    name: str
    kind: PlaceKind
    spec: InputSpec | None = None


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a node's widgets hold.

    `values` are by input name in the class's order, those that have neither a saved value nor a default omitted;
    `specs` tell each input, the children of a dynamic combo's choice included. `places` is what each saved value was
    taken for; `saved` are the values as they were taken, `extra` how many there are beyond what the class has places
    for.
    """

    values: Mapping[str, Json]
    specs: Mapping[str, InputSpec]
    places: tuple[Place, ...]
    saved: tuple[Json, ...]
    extra: int

    def controls(self) -> Iterator[tuple[str, str]]:
        """The inputs that the editor has a control for, with the word that is saved."""
        for place, value in zip(self.places, self.saved, strict=False):
            if place.kind is PlaceKind.CONTROL and isinstance(value, str) and value in CONTROL_WORDS:
                yield place.name.removeprefix(_CONTROL_OF), value

    @property
    def beyond(self) -> tuple[Json, ...]:
        """The saved values that the class has no places for."""
        return self.saved[len(self.places) :] if self.extra else ()


def is_widget(node_class: NodeClass, name: str) -> bool:
    """Whether a class has a widget of that name: one of its inputs, or one that the editor adds to it."""
    spec = node_class.by_name.get(name)
    if spec is not None:
        return spec.is_widget
    if name == "upload":
        return any(other.upload_button for other in node_class.inputs)
    if name == "control_after_generate":
        return any(other.controlled_in(other.name) for other in node_class.inputs)
    own = node_class.facts.own_choices
    if own is not None and (name == own.index or own.is_option(name)):
        return True
    return any(name in extra.names for extra in node_class.facts.extra_widgets)


def index_of_choice(own: OwnChoices, inputs: Mapping[str, Json], choice: Json) -> int:
    """The place of a choice among the author's own; -1 where it is none of them."""
    options = [value for name, value in inputs.items() if own.is_option(name)]
    return next((place for place, option in enumerate(options) if option == choice), -1)


def assign(
    node_class: NodeClass,
    saved: tuple[Json, ...] | Mapping[str, Json] | None,
    profile: EditorProfile,
    reset: frozenset[str] = frozenset(),
) -> Assigned:
    """Gives each widget of a class its saved value, or its default where the list is shorter.

    An object in place of the list gives no value at all, as in the editor, but for the classes of packs that save their
    values so. Dynamic combos named in `reset` fall back to
    their first choice and its defaults once the values are given out.
    """
    listed = saved if isinstance(saved, tuple) else ()
    taker = _Taker(node_class, profile, _without_sockets(node_class, listed))
    taker.take(node_class.inputs, "")
    for name in reset:
        taker.fall_back(name)
    assigned = taker.result()
    if isinstance(saved, Mapping):
        values = {} if node_class.facts.values_by_name is None else _by_name(node_class, assigned.values, saved)
        return Assigned(values, assigned.specs, assigned.places, (), 0)
    return assigned


def _by_name(node_class: NodeClass, defaults: Mapping[str, Json], saved: Mapping[str, Json]) -> Mapping[str, Json]:
    held = {**defaults, **saved}
    return {spec.name: held[spec.name] for spec in node_class.inputs if spec.is_widget and spec.name in held}


def _without_sockets(node_class: NodeClass, saved: tuple[Json, ...]) -> tuple[Json, ...]:
    """The values without those of inputs that were widgets once and are sockets now, if the list was made for both.

    Editors before 1.16 gave an input with `forceInput` a widget too.
    """
    if not saved or not node_class.forces_sockets:
        return saved
    flags: list[bool] = []
    for spec in node_class.inputs:
        if spec.is_widget or spec.force_input:
            flags += [spec.force_input, False] if spec.control_after_generate else [spec.force_input]
    if len(flags) != len(saved) or not any(flags):
        return saved
    return tuple(value for value, forced in zip(saved, flags, strict=True) if not forced)


class _Taker:
    """Walks the class's widgets beside the saved values."""

    def __init__(self, node_class: NodeClass, profile: EditorProfile, saved: tuple[Json, ...]) -> None:
        self._class = node_class
        self._profile = profile
        self._saved = saved
        self._extras = node_class.facts.extra_widgets
        self._own = node_class.facts.own_choices
        self._values: dict[str, Json] = {}
        self._specs: dict[str, InputSpec] = dict(node_class.by_name)
        self._places: list[Place] = []
        self._upload = False

    def take(self, specs: Iterable[InputSpec], prefix: str) -> None:
        for spec in specs:
            if self._upload and not spec.required and not prefix:
                self._upload_button()
            name = prefix + spec.name
            if prefix:
                self._specs[name] = spec
            if spec.is_widget:
                self._input(name, spec)
        if not prefix:
            self._upload_button()

    def fall_back(self, name: str) -> None:
        spec = self._specs.get(name)
        if spec is None or not spec.options:
            return
        for known in [known for known in self._specs if known.startswith(f"{name}.")]:
            del self._specs[known]
            self._values.pop(known, None)
        key, children = spec.options[0]
        self._values[name] = key
        for child in children:
            path = f"{name}.{child.name}"
            self._specs[path] = child
            default = self._default(child) if child.is_widget else ()
            if default:
                self._values[path] = default[0]

    def result(self) -> Assigned:
        places = tuple(self._places)
        extra = max(0, len(self._saved) - len(places))
        if extra and any(extra.any_number for extra in self._extras):
            extra = 0
        return Assigned(self._values, self._specs, places, self._saved, extra)

    def _input(self, name: str, spec: InputSpec) -> None:
        if spec.widget is not None and spec.widget.fixed:
            self._values[name] = spec.widget.fixed[0]
            if not spec.widget.saved:
                return
            self._place(Place(name, PlaceKind.BUTTON))
        else:
            value = self._place(Place(name, PlaceKind.INPUT, spec)) or self._default(spec)
            if value:
                self._values[name] = value[0]
            if spec.controlled_in(name) and self._class.facts.has_control:
                self._place(Place(_CONTROL_OF + name, PlaceKind.CONTROL))
            self._upload = self._upload or (spec.upload_button and spec.type == "COMBO")
            for key, children in spec.options:
                if value and key == value[0]:
                    self.take(children, f"{name}.")
        if self._own is not None and name == self._own.choice:
            self._own_choices(self._own)
        for extra in self._extras:
            if extra.after == name:
                for label in extra.names:
                    self._place(Place(label, PlaceKind.BUTTON))

    def _own_choices(self, own: OwnChoices) -> None:
        """The author's choices as the editor makes their widgets: up to the first empty one, which there always is."""
        self._place(Place(own.index, PlaceKind.BUTTON))
        self._values[own.index] = -1
        number = 0
        value: tuple[Json, ...] = ("",)
        while number == 0 or value[0]:
            number += 1
            name = f"{own.option}{number}"
            value = self._place(Place(name, PlaceKind.BUTTON)) or ("",)
            self._values[name] = value[0]
        self._values[own.index] = index_of_choice(own, self._values, self._values.get(own.choice))
        # What is left stood behind an empty one.
        for place in range(len(self._places), len(self._saved)):
            self._place(Place(f"{own.option}{place}", PlaceKind.BUTTON))

    def _upload_button(self) -> None:
        """The upload button stands behind the required inputs."""
        if self._upload:
            self._upload = False
            self._place(Place("upload button", PlaceKind.BUTTON))

    def _place(self, place: Place) -> tuple[Json, ...]:
        index = len(self._places)
        self._places.append(place)
        return self._saved[index : index + 1]

    def _default(self, spec: InputSpec) -> tuple[Json, ...]:
        """The value of a new widget, in a tuple: the declared default, else the editor's own; empty if it has none."""
        new_values = spec.widget.new_values if spec.widget is not None else {}
        if self._profile.name in new_values:
            return (new_values[self._profile.name],)
        if spec.has_default:
            return (spec.default,)
        match spec.type:
            case "INT" | "FLOAT":
                return (spec.minimum if spec.minimum is not None and spec.minimum > 0 else 0,)
            case "STRING":
                return ("",)
            case "BOOLEAN":
                return (False,)
            case _ if spec.options:
                return (spec.options[0][0],)
            case _:
                # A list of files: which of them is the first, only the machine knows.
                return () if spec.folders else tuple(spec.choices or ())[:1]


def as_prompt_value(value: Json, spec: InputSpec | None, profile: EditorProfile) -> Json:
    """The value as a prompt holds it: an array is wrapped, so that it is not taken for a link."""
    if spec is not None and spec.widget is not None and profile.name in spec.widget.wrapped_by:
        return {"__type__": spec.type, "__value__": value}
    return {"__value__": value} if isinstance(value, list) else value
