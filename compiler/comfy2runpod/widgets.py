"""A node's saved widget values -> values by input name.

`widgets_values` has no names: one value for each widget in the class's order, and some values that belong to no input
(the control word after a seed, an upload button). A list that does not fit its class is an error, never shifted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from comfy2runpod.catalog import InputSpec, NodeClass
from comfy2runpod.ir.json import Json

CONTROL_WORDS = frozenset({"fixed", "increment", "decrement", "randomize"})

# class, old input name -> the name it has now, and since when; from the classes' own histories.
RENAMED_INPUTS: Mapping[tuple[str, str], str] = {
    ("ManualSigmas", "sigmas_string"): "sigmas",  # ComfyUI 0.4
}

# Classes with a player or viewer widget that the editor saves a value for and the server ignores; where it stands.
_PLAYERS = {
    "LoadAudio": "audio",
    "RecordAudio": "audio",
    "SaveAudio": "filename_prefix",
    "SaveAudioMP3": "filename_prefix",
    "SaveAudioOpus": "filename_prefix",
    "PreviewAudio": "",
}


@dataclass(frozen=True, slots=True)
class Shifted:
    """The value after a seed that is no control word."""

    widget: str
    value: Json


@dataclass(frozen=True, slots=True)
class TooMany:
    """More values than the class has places for."""

    expected: tuple[str, ...]
    found: int


@dataclass(frozen=True, slots=True)
class Assigned:
    """The values by input name, in the class's order; and the specs of dynamic children that came with a choice."""

    values: Mapping[str, Json]
    specs: Mapping[str, InputSpec]
    fault: Shifted | TooMany | None = None


def current_name(class_type: str, name: str) -> str:
    """The name that an input has in this version, where a class renamed it."""
    return RENAMED_INPUTS.get((class_type, name), name)


def assign(node_class: NodeClass, saved: tuple[Json, ...] | Mapping[str, Json] | None) -> Assigned:
    """Gives each widget of a class its saved value, or its default where the list is shorter."""
    if isinstance(saved, Mapping):
        named = {current_name(node_class.name, name): value for name, value in saved.items()}
        values = {s.name: named.get(s.name, _default(s)) for s in node_class.inputs if s.is_widget}
        return Assigned(values, node_class.by_name)
    taker = _Taker(node_class, saved or ())
    taker.take(node_class.inputs, "")
    return taker.result()


class _Taker:
    """Walks the class's widgets beside the saved values."""

    def __init__(self, node_class: NodeClass, saved: tuple[Json, ...]) -> None:
        self._class = node_class
        self._saved = saved
        self._next = 0
        self._values: dict[str, Json] = {}
        self._specs: dict[str, InputSpec] = dict(node_class.by_name)
        self._places: list[str] = []
        self._fault: Shifted | None = None

    def take(self, specs: Iterable[InputSpec], prefix: str) -> None:
        for spec in specs:
            name = prefix + spec.name
            self._specs[name] = spec
            if spec.is_widget:
                value = self._place(name, _default(spec))
                self._values[name] = value
                self._extras(spec, name)
                for key, children in spec.options:
                    if key == value:
                        self.take(children, f"{name}.")

    def result(self) -> Assigned:
        player = _PLAYERS.get(self._class.name)
        allowed = len(self._places) + (1 if player is not None else 0)
        fault: Shifted | TooMany | None = self._fault
        if fault is None and len(self._saved) > allowed:
            fault = TooMany(tuple(self._places), len(self._saved))
        return Assigned(self._values, self._specs, fault)

    def _place(self, name: str, default: Json) -> Json:
        self._places.append(name)
        index, self._next = self._next, self._next + 1
        return self._saved[index] if index < len(self._saved) else default

    def _extras(self, spec: InputSpec, name: str) -> None:
        seed_by_name = spec.type == "INT" and spec.name in ("seed", "noise_seed")
        if spec.control_after_generate or seed_by_name:
            word = self._place(f"control_after_generate of {name}", "fixed")
            if word not in CONTROL_WORDS and self._fault is None:
                self._fault = Shifted(name, word)
        if spec.upload is not None:
            self._place(f"upload button of {name}", spec.upload)


def _default(spec: InputSpec) -> Json:
    """The value a new widget has: the declared default, else the editor's own for the type."""
    if spec.has_default:
        return spec.default
    match spec.type:
        case "INT" | "FLOAT":
            return spec.minimum if spec.minimum is not None and spec.minimum > 0 else 0
        case "STRING":
            return ""
        case "BOOLEAN":
            return False
        case "COMFY_DYNAMICCOMBO_V3":
            return spec.options[0][0] if spec.options else None
        case _:
            return spec.choices[0] if spec.choices else None


def as_prompt_value(value: Json) -> Json:
    """The value as a prompt holds it: an array is wrapped, so that it is not taken for a link."""
    return {"__value__": value} if isinstance(value, list) else value


def rounded_to_step(spec: InputSpec, value: Json) -> Json:
    """A number as the editor's widget takes it from a primitive: on its step, and for decimals within its bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if spec.type == "INT":
        step = int(spec.step or 1) or 1
        shift = int(spec.minimum or 0) % step
        return (2 * (int(value) - shift) + step) // (2 * step) * step + shift
    if spec.type == "FLOAT" and spec.round:
        stepped = round(value / spec.round) * spec.round
        low = stepped if spec.minimum is None else max(spec.minimum, stepped)
        return low if spec.maximum is None else min(spec.maximum, low)
    return value


_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_BRACE = re.compile(r"(?<!\\)[{}]")


def without_dynamic_syntax(text: str) -> str | None:
    """A text that has no alternatives, as the editor queues it: comments gone, braces unescaped.

    None if it holds braces that are not escaped: the editor would draw one of the alternatives.
    """
    plain = _COMMENT.sub("", text)
    if _BRACE.search(plain):
        return None
    return plain.replace("\\{", "{").replace("\\}", "}")
