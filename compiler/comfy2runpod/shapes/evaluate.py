"""A node's outputs, as sizes and lengths; and what of them is not known, with the reason.

A class has a rule, or its sizes are not known. Then a plausible one stands in its place, made of what the node is
given, and a doubt goes with it wherever a rule reads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from comfy2runpod.amounts import LARGEST_COUNT
from comfy2runpod.catalog.facts.sizes import Sizes
from comfy2runpod.catalog.node_class import MATCHES_INPUT, NodeClass, OutputSpec
from comfy2runpod.shapes.values import (
    AudioLatent,
    AVLatent,
    Clip,
    Conditioning,
    Constant,
    Images,
    InputImage,
    Latent,
    Mask,
    NodeError,
    Opaque,
    Shape,
    Sigmas,
    Sound,
    Value,
    limited,
)
from comfy2runpod_contract.json_types import Json

V = TypeVar("V")

_SIDE = 512
_SECONDS = 5.0
_RATE = 44100
_FPS = 24.0
_FRAMES = 49
# What stands for a size that is not known is never larger.
_MOST_SIDE, _MOST_FRAMES, _MOST_SECONDS = 4096, 257, 60.0
# Longer texts are not made: a chain of nodes that join a text with itself doubles it at each.
MOST_CHARACTERS = 100_000
# What a rule raises where it is given what its class never gets: any class of a catalog may name any rule.
_MISFITS = (LookupError, TypeError, AttributeError, RecursionError)
# Output types that have a size or a value that matters for what is saved.
_SIZED = frozenset({"IMAGE", "MASK", "LATENT", "AUDIO", "VIDEO", "INT", "FLOAT", "STRING", "BOOLEAN", MATCHES_INPUT})


@dataclass(frozen=True, slots=True)
class EvaluatedValue:
    """A value, and the reason why its size is uncertain, if it is."""

    value: Value
    doubt: str | None = None


class Inputs:
    """A node's inputs, read as the kind that its rule expects; what was read with a doubt is kept."""

    def __init__(self, class_type: str, values: Mapping[str, EvaluatedValue]) -> None:
        self._class = class_type
        self._values = values
        self.doubt: str | None = None

    def get(self, name: str, kind: type[V]) -> V:
        """An input of a kind; something plausible, with a doubt, if it is of another."""
        told = self._read(name)
        if told is not None and isinstance(told.value, kind):
            return told.value
        found = "nothing" if told is None else type(told.value).__name__
        self.doubtful(f"the size of {self._class}.{name} cannot be told (it gets {found})")
        return _plausible(kind, self._values)

    def any(self, name: str) -> Value:
        """An input of whatever kind."""
        told = self._read(name)
        return Opaque("nothing") if told is None else told.value

    def has(self, name: str) -> bool:
        """Whether the node has it."""
        return name in self._values

    def names(self, prefix: str) -> tuple[str, ...]:
        """The inputs whose names begin so, in their order: those of one that grows."""
        return tuple(name for name in self._values if name.startswith(prefix))

    def optional(self, name: str, kind: type[V]) -> V | None:
        """The same as `get`, or None if the node has it not, or is given none."""
        told = self._read(name)
        return None if told is None or told.value == Constant(None) else self.get(name, kind)

    def conditionings(self) -> tuple[Conditioning, Conditioning]:
        """The inputs `positive` and `negative`, which most nodes hand on with what they hold."""
        first, second = (self.optional(name, Conditioning) for name in ("positive", "negative"))
        return first or Conditioning(), second or Conditioning()

    def whole(self, name: str, default: int = 0) -> int:
        """A whole number, within `LARGEST_COUNT`; the default if it is none."""
        value = self._constant(name, default)
        try:
            number = int(value) if isinstance(value, (int, float, str)) else default
        except (ValueError, OverflowError):
            return default
        return max(-LARGEST_COUNT, min(number, LARGEST_COUNT))

    def number(self, name: str, default: float = 0) -> float:
        """A finite number; the default if it is none."""
        value = self._constant(name, default)
        try:
            number = float(value) if isinstance(value, (int, float, str)) else default
        except (ValueError, OverflowError):
            return default
        return number if math.isfinite(number) else default

    def constant(self, name: str) -> Json:
        """A plain value."""
        return self._constant(name, None)

    def text(self, name: str) -> str:
        """A text of at most `MOST_CHARACTERS`, or a number as one; an empty one, with a doubt, for all else."""
        value = self.get(name, Constant).value
        if isinstance(value, (bool, int, float)):
            return str(value)
        if isinstance(value, str) and len(value) <= MOST_CHARACTERS:
            return value
        why = f"has over {MOST_CHARACTERS:,} characters" if isinstance(value, str) else "is no text"
        self.doubtful(f"what {self._class}.{name} gets {why}")
        return ""

    def doubtful(self, why: str) -> None:
        """Says that what the rule makes is not known."""
        self.doubt = self.doubt or why

    def _read(self, name: str) -> EvaluatedValue | None:
        told = self._values.get(name)
        if told is not None and told.doubt is not None:
            self.doubtful(told.doubt)
        return told

    def _constant(self, name: str, default: Json) -> Json:
        told = self._read(name)
        return told.value.value if told is not None and isinstance(told.value, Constant) else default


Rule: TypeAlias = Callable[[Inputs], tuple[Value, ...]]
# What makes a rule of what a fact says of a class.
RuleMaker: TypeAlias = Callable[[Sizes], Rule]


def evaluate(
    node_class: NodeClass, values: Mapping[str, EvaluatedValue], rule: Rule | None
) -> tuple[EvaluatedValue, ...]:
    """A node's outputs, by the rule of its class, None if there is none.

    Raises:
        NodeError: the real node would fail.
    """
    if rule is None:
        return tuple(_without_rule(node_class, output, values) for output in node_class.outputs)
    given = Inputs(node_class.name, values)
    try:
        made = tuple(limited(value) for value in rule(given))
    except NodeError:
        if given.doubt is None:
            raise
        # It fails at sizes that only stand for those that are not known.
        made = ()
    except (ArithmeticError, ValueError) as error:
        if given.doubt is None:
            # The real node computes the same, and so fails alike.
            raise NodeError(type(error).__name__, str(error)) from error
        made = ()
    except _MISFITS:
        given.doubtful(f"its rule does not fit what {node_class.name} is given")
        made = ()
    why = given.doubt or f"its rule does not tell all that {node_class.name} gives"
    missing = [_without_rule(node_class, output, values, why) for output in node_class.outputs[len(made) :]]
    if any(output.is_list for output in node_class.outputs):
        given.doubtful(f"{node_class.name} gives lists, which nodes go through item by item")
    told = [EvaluatedValue(value, None if isinstance(value, Opaque) else given.doubt) for value in made]
    return (*told, *missing)


def _without_rule(
    node_class: NodeClass, output: OutputSpec, values: Mapping[str, EvaluatedValue], why: str | None = None
) -> EvaluatedValue:
    if output.type not in _SIZED:
        return EvaluatedValue(_conditioning(output, values) if output.type == "CONDITIONING" else Opaque(output.type))
    doubt = why or f"the simulator has no rule for {node_class.name}"
    kinds: Mapping[str, type[Images | Mask | Latent | Sound | Clip]] = {
        "IMAGE": Images, "MASK": Mask, "LATENT": Latent, "AUDIO": Sound, "VIDEO": Clip, MATCHES_INPUT: Images,
    }  # fmt: skip
    if output.type in kinds:
        return EvaluatedValue(limited(_plausible(kinds[output.type], values)), doubt)
    plain: Mapping[str, Json] = {"STRING": "", "BOOLEAN": False, "FLOAT": 1.0}
    return EvaluatedValue(Constant(plain.get(output.type, 1)), doubt)


def _conditioning(output: OutputSpec, values: Mapping[str, EvaluatedValue]) -> Conditioning:
    """What a node hands on: the conditioning that it is given by the output's name, or else the first one."""
    found = {name: told.value for name, told in values.items() if isinstance(told.value, Conditioning)}
    return found.get(output.name) or next(iter(found.values()), Conditioning())


def _plausible(kind: type[V], values: Mapping[str, EvaluatedValue]) -> V:
    """Something of a kind, made of what a node is given: the size of the first image, its own width and height."""
    found = [told.value for told in values.values()]
    like = next((value for value in found if isinstance(value, kind)), None)
    if like is not None:
        return like
    width, height, frames = _size(values)
    seconds = min(max(_number(values, ("seconds", "duration")) or _SECONDS, 0.1), _MOST_SECONDS)
    latent, sounds = Latent(max(1, width // 8), max(1, height // 8), frames, cell=8), AudioLatent(round(seconds * 25))
    made: tuple[Value, ...] = (
        Images(width, height, frames),
        Mask(width, height, frames),
        latent,
        sounds,
        AVLatent(latent, sounds),
        Sound(seconds, _RATE),
        Clip(Images(width, height, frames if frames > 1 else _FRAMES), _FPS, None),
        InputImage(width, height, 1, has_alpha=False),
        Conditioning(),
        Constant(""),
        Shape(),
        Sigmas(1),
        Opaque(kind.__name__),
    )
    return next(value for value in made if isinstance(value, kind))


def _size(values: Mapping[str, EvaluatedValue]) -> tuple[int, int, int]:
    for told in values.values():
        match told.value:
            case Images(width, height, frames) | Mask(width, height, frames):
                return width, height, min(frames, _MOST_FRAMES)
            case Clip(Images(width, height, frames)):
                return width, height, min(frames, _MOST_FRAMES)
            case Latent() as latent:
                images = latent.decoded()
                return images.width, images.height, min(images.frames, _MOST_FRAMES)
            case _:
                continue
    wide = _number(values, ("width", "target_width")) or _SIDE
    high = _number(values, ("height", "target_height")) or _SIDE
    long = _number(values, ("length", "frames", "batch_size")) or 1
    return _bounded(wide, _MOST_SIDE), _bounded(high, _MOST_SIDE), _bounded(long, _MOST_FRAMES)


def _bounded(number: float, most: int) -> int:
    return max(1, min(int(number), most))


def _number(values: Mapping[str, EvaluatedValue], names: tuple[str, ...]) -> float | None:
    for name in names:
        told = values.get(name)
        value = told.value.value if told is not None and isinstance(told.value, Constant) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 10**9:
            return float(value)
    return None
