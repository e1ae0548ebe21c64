"""What random graphs are made of: the catalog's classes that can be wired up, and values that their widgets take.

What the editor saves beside a widget's value is written here from the facts about its files, not with the compiler's
own reader of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from hypothesis import strategies as st

from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod.catalog.node_class import InputSpec, NodeClass

Draw = Any

CONTROL_WORDS = ("fixed", "increment", "decrement", "randomize")

_PLAIN_WIDGETS = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "BOUNDING_BOX", "COLOR"})
# Classes with widgets that only their own piece of the editor knows: players, painters, cameras, shaders.
_OWN_EDITORS = frozenset(
    {
        "LoadAudio", "RecordAudio", "SaveAudio", "SaveAudioMP3", "SaveAudioOpus", "PreviewAudio", "Load3D", "Preview3D",
        "SaveGLB", "WebcamCapture", "Painter", "GLSLShader", "CurveEditor", "CustomCombo", "LoadImageOutput",
    }
)  # fmt: skip
# JavaScript, and so the editor, holds whole numbers exactly up to here.
_MOST = 2**53 - 1
_LETTERS = st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z"), exclude_characters="{}\\/*%")


@dataclass(frozen=True)
class Slot:
    """An input as a node shows it: `widget` if it also has a value of its own."""

    name: str
    type: str
    required: bool
    widget: InputSpec | None = None


@dataclass(frozen=True)
class Kind:
    """What can be put on a canvas: a class of the catalog, or a subgraph's definition."""

    type: str
    slots: tuple[Slot, ...]
    outputs: tuple[str, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """The types that must be linked."""
        return tuple(slot.type for slot in self.slots if slot.required and slot.widget is None)


def layout(specs: tuple[InputSpec, ...], prefix: str = "") -> Iterator[Slot]:
    """A class's slots as the editor lays them out: sockets, then widgets that have a socket."""
    for spec in specs:
        if not spec.is_widget and spec.autogrow is None:
            yield Slot(prefix + spec.name, spec.type, spec.required)
    for spec in specs:
        if spec.autogrow is not None:
            element = spec.autogrow.element
            for index, name in enumerate(spec.autogrow.names[: spec.autogrow.minimum + 1]):
                yield Slot(f"{prefix}{spec.name}.{name}", element.type, index < spec.autogrow.minimum)
    for spec in specs:
        if spec.is_widget and not spec.socketless and not spec.options:
            yield Slot(prefix + spec.name, spec.type, spec.required, spec)


def _usable(node_class: NodeClass) -> bool:
    def plain(spec: InputSpec) -> bool:
        if spec.hidden or spec.multiselect or spec.raw_link or spec.widget_type or "*" in spec.type:
            return False
        if spec.autogrow is not None or spec.options or spec.match_template:
            return False
        if spec.is_widget and spec.type == "COMBO" and not (spec.choices or spec.folders):
            return False
        return not spec.is_widget or spec.type in _PLAIN_WIDGETS

    anything = node_class.name == "PreviewAny"
    return (
        not node_class.api_node
        and node_class.name not in _OWN_EDITORS
        and not any(output.type in ("*", "COMFY_MATCHTYPE_V3") or "," in output.type for output in node_class.outputs)
        and (anything or all(plain(spec) for spec in node_class.inputs))
    )


@dataclass(frozen=True)
class Palette:
    """The kinds to draw from; `cost` is how many nodes the cheapest producer of a type takes, itself included.

    `wishes` are the names of those that do not need too much.
    """

    catalog: Catalog
    kinds: Mapping[str, Kind]
    producers: Mapping[str, tuple[Kind, ...]]
    cost: Mapping[str, int]

    @cached_property
    def wishes(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.kinds.items() if self.price(kind) <= 8)

    def price(self, kind: Kind) -> int:
        """How many nodes one of that kind takes at the least."""
        return 1 + sum(self.cost[need] for need in kind.needs if need != "*")


@cache
def palette() -> Palette:
    """The shipped catalog's classes that take only what others of them give."""
    catalog = load_catalog()
    classes = [node_class for name in catalog if (node_class := catalog.get(name)) is not None and _usable(node_class)]
    kinds = {c.name: Kind(c.name, tuple(layout(c.inputs)), tuple(o.type for o in c.outputs)) for c in classes}
    cost: dict[str, int] = {}
    changed = True
    while changed:
        changed = False
        for kind in kinds.values():
            if all(need == "*" or need in cost for need in kind.needs):
                price = 1 + sum(cost[need] for need in kind.needs if need != "*")
                for output in kind.outputs:
                    if price < cost.get(output, price + 1):
                        cost[output] = price
                        changed = True
    kinds = {name: k for name, k in kinds.items() if all(need == "*" or need in cost for need in k.needs)}
    producers = {kind: tuple(k for k in kinds.values() if kind in k.outputs) for kind in cost}
    return Palette(catalog, kinds, producers, cost)


def value(draw: Draw, spec: InputSpec) -> Any:
    """A value that the server takes for a widget."""
    match spec.type:
        case "INT":
            low = int(spec.minimum) if spec.minimum is not None else -1000
            high = min(int(spec.maximum), _MOST) if spec.maximum is not None else 1000
            return draw(st.integers(max(low, -_MOST), max(low, high)))
        case "FLOAT":
            low = max(spec.minimum, -1e6) if spec.minimum is not None else -1000
            high = min(spec.maximum, 1e6) if spec.maximum is not None else 1000
            return min(max(draw(st.integers(int(low * 1000), int(high * 1000))) / 1000, low), high)
        case "BOOLEAN":
            return draw(st.booleans())
        case "STRING":
            return draw(st.text(_LETTERS, max_size=12))
        case "BOUNDING_BOX":
            return {name: draw(st.integers(0, 4096)) for name in ("x", "y", "width", "height")}
        case "COLOR":
            return draw(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
    if spec.folders and not (spec.choices and draw(st.booleans())):
        return draw(st.sampled_from(["a", "b c", "sub/ü"])) + (
            spec.extensions[0] if spec.extensions else ".safetensors"
        )
    return draw(st.sampled_from(spec.choices or ()))


def control_word(draw: Draw, spec: InputSpec) -> list[str]:
    """What the editor saves after a value that it may change by itself after each run."""
    seed_by_name = spec.type == "INT" and spec.name in ("seed", "noise_seed")
    return [draw(st.sampled_from(CONTROL_WORDS))] if spec.control_after_generate or seed_by_name else []
