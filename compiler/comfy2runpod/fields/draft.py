"""A field before it is one: what the note says, the inputs that it reaches, and how their bounds narrow each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypedDict

from comfy2runpod.amounts import LARGEST_WHOLE, decimal_number, whole_number
from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import interface as errors
from comfy2runpod.expressions.bounds import Work, first_fault
from comfy2runpod.expressions.expression import Expression
from comfy2runpod.fields.note import DEFAULT, MAXIMUM, MINIMUM, InputAnnotation, NoteKey
from comfy2runpod.fields.target import Target
from comfy2runpod_contract.json_types import Json

# Whole numbers that every JSON reader keeps exactly; the bounds where a node declares none.
_SAFE = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Reached:
    """One input that a field writes, with what it holds now and the specs that bound it."""

    path: str
    target: Target
    spec: InputSpec
    bounds: tuple[tuple[str, InputSpec], ...]
    current: Json
    expression: Expression | None


@dataclass(frozen=True, slots=True)
class AspectLimit:
    """How many times as long as its short side an image's long one may be, for the nodes that scale it.

    `path` is the input that this depends on. Infinite where no node scales it.
    """

    limit: float = math.inf
    path: str = ""


class Common(TypedDict):
    """What a field of any kind is made with."""

    name: str
    title: str
    description: str
    required: bool
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a kind makes its field from; what is wrong goes to `found`.

    `work` is what may still be spent on the graph's expressions. `aspect_limit` looks at the graph and at other fields:
    kinds that ask for it are made after the others.
    """

    note: InputAnnotation
    title: str
    description: str
    reached: tuple[Reached, ...]
    at: Locus
    found: Collector
    work: Work
    aspect_limit: Callable[[], AspectLimit]

    def common(self, *, required: bool) -> Common:
        """What a field of any kind is made with."""
        return Common(
            name=self.note.name,
            title=self.title,
            description=self.description,
            required=required,
            targets=tuple(item.target for item in self.reached),
        )

    def bad(self, key: str, value: Json, expected: str) -> None:
        """Notes a value under a key that does not suit the field."""
        self.found.add(errors.BadFieldValue(at=self.at, field=self.note.name, key=key, value=value, expected=expected))

    def limit(self, key: NoteKey[int], default: int, allowed: tuple[int, int], unit: str) -> int | None:
        """The limit that is said under a key, else the default; None with the reason noted if it is not allowed."""
        least, most = allowed
        noted = self.note.value(key)
        limit = default if noted is None else noted
        if least <= limit <= most:
            return limit
        self.bad(key.name, limit, f"{least:,} to {most:,} {unit}")
        return None

    def whole(self, key: NoteKey[str]) -> int | None:
        """The whole number that is said under a key; None if there is none, which is noted if it is another text."""
        text = self.note.value(key)
        if text is None:
            return None
        number = whole_number(text)
        if number is None:
            self.bad(key.name, text, f"a whole number, {LARGEST_WHOLE} at most")
        return number

    def decimal(self, key: NoteKey[str]) -> float | None:
        """The number that is said under a key; None if there is none, which is noted if it is another text."""
        text = self.note.value(key)
        if text is None:
            return None
        number = decimal_number(text)
        if number is None:
            self.bad(key.name, text, "a finite number")
        return number

    def default(self, read: Callable[[NoteKey[str]], Json] | None = None) -> Json:
        """The note's default, read as the kind reads it; else what the graph holds."""
        said = self.note.value(DEFAULT)
        if said is not None:
            return said if read is None else read(DEFAULT)
        return next((item for item in self.reached if item.expression is None), self.reached[0]).current

    def declared_bounds(self) -> tuple[float | None, float | None]:
        """The intersection of the bounds of inputs that take the value as it is."""
        specs = [spec for item in self.reached if item.expression is None for _, spec in item.bounds]
        lows = [spec.minimum for spec in specs if spec.minimum is not None]
        highs = [spec.maximum for spec in specs if spec.maximum is not None]
        return max(lows, default=None), min(highs, default=None)

    def whole_bounds(self) -> tuple[int, int]:
        """The declared bounds in whole numbers, narrowed by the note; one that is wider is noted."""
        low, high = self.declared_bounds()
        least = -_SAFE if low is None else max(math.ceil(low), -LARGEST_WHOLE)
        most = _SAFE if high is None else min(math.floor(high), LARGEST_WHOLE)
        noted_least = self.whole(MINIMUM)
        if noted_least is not None and low is not None and noted_least < least:
            self.widened(MINIMUM, noted_least, least)
        noted_most = self.whole(MAXIMUM)
        if noted_most is not None and high is not None and noted_most > most:
            self.widened(MAXIMUM, noted_most, most)
        return least if noted_least is None else noted_least, most if noted_most is None else noted_most

    def widened(self, key: NoteKey[str], noted: Json, bound: Json) -> None:
        """Notes a bound that is wider than the one that an input declares."""

        def is_its_own(spec: InputSpec) -> bool:
            return (spec.minimum if key is MINIMUM else spec.maximum) == bound

        plain = [item for item in self.reached if item.expression is None]
        paths = (path for item in plain for path, spec in item.bounds if is_its_own(spec))
        self.found.add(
            errors.BoundWidened(
                at=self.at,
                field=self.note.name,
                bound=key.name,
                value=noted,
                allowed=bound,
                input_path=next(paths, self.reached[0].path),
            )
        )

    def check_expressions(self, allowed: range) -> None:
        """Notes expressions that give what their inputs do not take, for a value that the field allows."""
        for item in self.reached:
            if item.expression is not None:
                self._check_expression(item, item.expression, allowed)

    def _check_expression(self, item: Reached, expression: Expression, allowed: range) -> None:
        for path, spec in item.bounds:
            fault = first_fault(expression, allowed, partial(_lies_within, spec.minimum, spec.maximum), self.work)
            if fault is not None:
                self.found.add(
                    errors.ExpressionOutOfBounds(
                        at=self.at,
                        field=self.note.name,
                        values=f"{allowed.start} to {allowed.stop - 1}" if fault.value is None else str(fault.value),
                        proved=fault.value is not None,
                        result=fault.result,
                        allowed=f"{spec.minimum} to {spec.maximum}",
                        input_path=path,
                    )
                )
                return


def _lies_within(low: float | None, high: float | None, least: int, most: int) -> bool:
    return (low is None or least >= low) and (high is None or most <= high)
