"""One annotated field and the inputs that it reaches -> a typed field of the interface.

A field's bounds are the intersection of those of every input that it reaches, through primitives too, narrowed by the
note and never widened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeAlias, TypedDict

from comfy2runpod.amounts import LARGEST_WHOLE, decimal_number, whole_number
from comfy2runpod.catalog.classes import InputSpec
from comfy2runpod.catalog.node_facts import INPUT_FOLDER, VALUE_NODES
from comfy2runpod.diagnostics import Collector, Locus, shorten
from comfy2runpod.errors import interface as errors
from comfy2runpod.expressions.bounds import Work, first_fault
from comfy2runpod.expressions.expression import Expression
from comfy2runpod.ir.annotation import InputAnnotation
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.interface import (
    BooleanField,
    ChoiceField,
    Field,
    IntegerField,
    NumberField,
    SeedField,
    Target,
    TextField,
)
from comfy2runpod.ir.json import Json
from comfy2runpod.ir.prompt import as_link
from comfy2runpod.stages.annotate.plain_text import plain_text
from comfy2runpod.stages.interface.image_fields import image_field
from comfy2runpod.stages.interface.suitable_keys import keys_suit

DEFAULT_TEXT_LENGTH = 10_000
# Whole numbers that every JSON reader keeps exactly; the bounds where a node declares none.
_SAFE = 2**53 - 1
# A page that lists more of them is of no use to anybody.
MOST_CHOICES = 20_000
_CHOICES_SHOWN = 50
# No request is as long.
LONGEST_TEXT = 10_000_000


Consumers: TypeAlias = "Mapping[str, list[tuple[str, str, InputSpec]]]"


@dataclass(frozen=True, slots=True)
class Reached:
    """One input that a field writes, with what it holds now and the specs that bound it."""

    path: str
    target: Target
    spec: InputSpec
    bounds: tuple[tuple[str, InputSpec], ...]
    current: Json
    expression: Expression | None


def reached_specs(
    graph: BoundGraph, node_id: str, name: str, spec: InputSpec, consumers: Callable[[], Consumers]
) -> Iterator[tuple[str, InputSpec]]:
    """The specs that bound a value written to an input: its own, and those that a primitive passes it on to."""
    waiting = [(node_id, name, spec)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        node_id, name, spec = waiting.pop()
        if (node_id, name) in seen:
            continue
        seen.add((node_id, name))
        yield f"{node_id}.{name}", spec
        if graph.nodes[node_id].node_class.name in VALUE_NODES and name == "value":
            waiting.extend(consumers().get(node_id, ()))


def consumers_of(graph: BoundGraph) -> Consumers:
    """The inputs that each node's first output is linked to."""
    found: dict[str, list[tuple[str, str, InputSpec]]] = {}
    for node in graph.nodes.values():
        for name, value in node.inputs.items():
            link = as_link(value)
            if link is not None and link.slot == 0 and name in node.specs:
                found.setdefault(link.node_id, []).append((node.id, name, node.specs[name]))
    return found


class _Common(TypedDict):
    """What every kind of field is made with."""

    name: str
    title: str
    description: str
    required: bool
    targets: tuple[Target, ...]


def make_field(
    note: InputAnnotation, reached: tuple[Reached, ...], at: Locus, found: Collector, work: Work
) -> Field | None:
    """The typed field, or None with the reasons noted; `work` is what may be spent on the graph's expressions."""
    return _FieldMaker(note, reached, at, found, work).make()


class _FieldMaker:
    def __init__(
        self, note: InputAnnotation, reached: tuple[Reached, ...], at: Locus, found: Collector, work: Work
    ) -> None:
        self._work = work
        self._note = note
        self._reached = reached
        self._at = at
        self._found = found
        self._targets = tuple(item.target for item in reached)
        self._title = note.title or note.name.replace("_", " ").capitalize()

    def make(self) -> Field | None:
        kinds = {kind_of(item.spec): item for item in self._reached}
        if "other" in kinds:
            item = kinds["other"]
            self._found.add(errors.UnsuitableInput(at=self._at, path=item.path, type=item.spec.type))
            return None
        if kinds.keys() == {"seed", "integer"}:
            kinds = {"integer": kinds["integer"]}
        if len(kinds) > 1:
            shown = tuple(f"{item.path} is {kind}" for kind, item in kinds.items())
            self._found.add(errors.DifferentKinds(at=self._at, field=self._note.name, kinds=shown))
            return None
        for item in self._reached:
            if item.expression is not None and kind_of(item.spec) != "integer":
                problem = f"{item.path} is not a whole number"
                self._found.add(errors.BadExpression(at=self._at, text=item.expression.python, problem=problem))
                return None
        kind = next(iter(kinds))
        return self._of_kind(kind) if keys_suit(self._note, kind, self._at, self._found) else None

    def _of_kind(self, kind: str) -> Field | None:
        match kind:
            case "image":
                return image_field(self._note, self._title, self._targets, self._at, self._found)
            case "seed":
                return self._seed()
            case "integer":
                return self._integer()
            case "number":
                return self._number()
            case "text":
                return self._text()
            case "choice":
                return self._choice()
            case _:
                return self._boolean()

    def _common(self) -> _Common:
        return _Common(
            name=self._note.name,
            title=self._title,
            description=plain_text(self._note.description or ""),
            required=bool(self._note.required),
            targets=self._targets,
        )

    def _seed(self) -> SeedField | None:
        low, high = self._integer_bounds()
        if low > high:
            self._bad("min", low, f"bounds that hold a value (they end at {high})")
            return None
        self._check_expressions(range(low, high + 1))
        return SeedField(**self._common(), minimum=low, maximum=high)

    def _integer(self) -> IntegerField | None:
        low, high = self._integer_bounds()
        multiple = self._whole("multiple_of", self._note.multiple_of)
        offset = self._whole("offset", self._note.offset)
        step = 1 if multiple is None else multiple
        if step < 1 or not 0 <= (offset or 0) < step:
            self._bad("multiple_of", step, "a positive number, and an offset from 0 to below it")
            return None
        rest = offset or 0
        allowed = range(low + (rest - low) % step, high + 1, step)
        if allowed.start > high:
            self._bad("min", low, f"bounds that hold a value (they end at {high})")
            return None
        default = self._default()
        if isinstance(default, bool) or not isinstance(default, int) or default not in allowed:
            self._bad("default", default, f"a whole number from {low} to {high}{_of(step, rest)}")
            return None
        self._check_expressions(allowed)
        return IntegerField(**self._common(), default=default, minimum=low, maximum=high, multiple_of=step, offset=rest)

    def _integer_bounds(self) -> tuple[int, int]:
        low, high = self._declared_bounds()
        whole = (
            -_SAFE if low is None else max(math.ceil(low), -LARGEST_WHOLE),
            _SAFE if high is None else min(math.floor(high), LARGEST_WHOLE),
        )
        return (
            self._narrowed("min", whole[0], low, self._whole("min", self._note.minimum)),
            self._narrowed("max", whole[1], high, self._whole("max", self._note.maximum)),
        )

    def _declared_bounds(self) -> tuple[float | None, float | None]:
        """The intersection of the bounds of inputs that take the value as it is."""
        specs = [spec for item in self._reached if item.expression is None for _, spec in item.bounds]
        lows = [spec.minimum for spec in specs if spec.minimum is not None]
        highs = [spec.maximum for spec in specs if spec.maximum is not None]
        return max(lows, default=None), min(highs, default=None)

    def _narrowed(self, key: str, bound: int, declared: float | None, noted: int | None) -> int:
        if noted is None:
            return bound
        if declared is not None and (noted < bound if key == "min" else noted > bound):
            self._widened(key, noted, bound)
        return noted

    def _widened(self, key: str, noted: Json, bound: Json) -> None:
        attribute = "minimum" if key == "min" else "maximum"
        path = next(
            (
                path
                for item in self._reached
                for path, spec in item.bounds
                if item.expression is None and getattr(spec, attribute) == bound
            ),
            self._reached[0].path,
        )
        self._found.add(
            errors.BoundWidened(
                at=self._at, field=self._note.name, bound=key, value=noted, allowed=bound, input_path=path
            )
        )

    def _check_expressions(self, allowed: range) -> None:
        for item in self._reached:
            if item.expression is not None:
                self._check_expression(item, item.expression, allowed)

    def _check_expression(self, item: Reached, expression: Expression, allowed: range) -> None:
        for path, spec in item.bounds:
            fault = first_fault(expression, allowed, partial(_lies_within, spec.minimum, spec.maximum), self._work)
            if fault is not None:
                self._found.add(
                    errors.ExpressionOutOfBounds(
                        at=self._at,
                        field=self._note.name,
                        values=_values(allowed) if fault.value is None else str(fault.value),
                        proved=fault.value is not None,
                        result=fault.result,
                        allowed=_allowed(spec),
                        input_path=path,
                    )
                )
                return

    def _number(self) -> NumberField | None:
        low, high = self._declared_bounds()
        noted_low, noted_high = self._decimal("min", self._note.minimum), self._decimal("max", self._note.maximum)
        if noted_low is not None and low is not None and noted_low < low:
            self._widened("min", noted_low, low)
        if noted_high is not None and high is not None and noted_high > high:
            self._widened("max", noted_high, high)
        low = low if noted_low is None else noted_low
        high = high if noted_high is None else noted_high
        default = self._default()
        if isinstance(default, bool) or not isinstance(default, (int, float)) or not _is_double(default):
            self._bad("default", default, "a finite number")
            return None
        if (low is not None and default < low) or (high is not None and default > high):
            self._bad("default", default, f"a number from {low} to {high}")
            return None
        return NumberField(**self._common(), default=float(default), minimum=low, maximum=high)

    def _text(self) -> TextField | None:
        default = self._default()
        if not isinstance(default, str):
            self._bad("default", default, "a text")
            return None
        shortest = self._note.min_length if self._note.min_length is not None else int(bool(self._note.required))
        longest = DEFAULT_TEXT_LENGTH if self._note.max_length is None else self._note.max_length
        if shortest > longest:
            self._bad("max_length", longest, f"at least min_length, {shortest}")
            return None
        if longest > LONGEST_TEXT:
            self._bad("max_length", longest, f"at most {LONGEST_TEXT:,}")
            return None
        if not shortest <= len(default) <= longest and not self._note.required:
            self._bad("default", default, f"a text of {shortest} to {longest} characters")
            return None
        multiline = any(item.spec.multiline for item in self._reached)
        return TextField(
            **self._common(), default=default, min_length=shortest, max_length=longest, multiline=multiline
        )

    def _choice(self) -> ChoiceField | None:
        common = dict.fromkeys(choice for choice in self._reached[0].spec.choices or () if isinstance(choice, str))
        for item in self._reached:
            for _, spec in item.bounds:
                theirs = {choice for choice in spec.choices or () if isinstance(choice, str)}
                common = dict.fromkeys(choice for choice in common if choice in theirs)
        noted = self._note.choices
        for choice in noted or ():
            if choice not in common:
                self._bad("choices", choice, f"some of {_some(common)}")
                return None
        choices = tuple(common if noted is None else dict.fromkeys(noted))
        if len(choices) > MOST_CHOICES:
            self._bad("choices", f"{len(choices):,} choices", f"at most {MOST_CHOICES:,}; list those to offer")
            return None
        default = self._default()
        if not isinstance(default, str) or default not in choices:
            self._bad("default", default, f"one of {_some(choices)}")
            return None
        return ChoiceField(**self._common(), default=default, choices=choices)

    def _boolean(self) -> BooleanField | None:
        default = self._default()
        if isinstance(default, str) and default.casefold() in ("true", "false"):
            default = default.casefold() == "true"
        if not isinstance(default, bool):
            self._bad("default", default, "true or false")
            return None
        return BooleanField(**self._common(), default=default)

    def _default(self) -> Json:
        """The note's default, read as the kind that the input holds; else what the graph holds."""
        plain = next((item for item in self._reached if item.expression is None), self._reached[0])
        if self._note.default is None:
            return plain.current
        match kind_of(plain.spec):
            case "integer":
                return self._whole("default", self._note.default)
            case "number":
                return self._decimal("default", self._note.default)
        return self._note.default

    def _whole(self, key: str, text: str | None) -> int | None:
        if text is None:
            return None
        number = whole_number(text)
        if number is None:
            self._bad(key, text, f"a whole number, {LARGEST_WHOLE} at most")
        return number

    def _decimal(self, key: str, text: str | None) -> float | None:
        if text is None:
            return None
        number = decimal_number(text)
        if number is None:
            self._bad(key, text, "a finite number")
        return number

    def _bad(self, key: str, value: Json, expected: str) -> None:
        self._found.add(
            errors.BadFieldValue(at=self._at, field=self._note.name, key=key, value=value, expected=expected)
        )


def kind_of(spec: InputSpec) -> str:
    """The kind of field that an input takes; `other` if none does."""
    if spec.is_seed:
        return "seed"
    if spec.type == "COMBO" and spec.upload == "image" and INPUT_FOLDER in spec.folders:
        return "image"
    if spec.type == "COMBO":
        return "choice" if spec.choices and not spec.folders else "other"
    kinds = {"INT": "integer", "FLOAT": "number", "STRING": "text", "BOOLEAN": "boolean"}
    return kinds.get(spec.type, "other")


def _is_double(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _some(choices: Collection[str]) -> str:
    """The choices; of very many the first."""
    shown = ", ".join(shorten(choice) for choice in islice(choices, _CHOICES_SHOWN))
    more = len(choices) - _CHOICES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _lies_within(low: float | None, high: float | None, least: int, most: int) -> bool:
    return (low is None or least >= low) and (high is None or most <= high)


def _values(allowed: range) -> str:
    return f"{allowed.start} to {allowed.stop - 1}"


def _allowed(spec: InputSpec) -> str:
    return f"{spec.minimum} to {spec.maximum}"


def _of(step: int, offset: int) -> str:
    if step == 1:
        return ""
    return f" of the form {step}·n + {offset}" if offset else f" that is a multiple of {step}"
