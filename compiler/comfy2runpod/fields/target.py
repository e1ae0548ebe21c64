"""Where a field's value goes."""

from __future__ import annotations

from dataclasses import dataclass

from comfy2runpod.for_people import ForPeople


@dataclass(frozen=True, slots=True)
class Target(ForPeople):
    """One input that a field writes.

    `member` is a key inside an object-valued widget (`crop_region` -> `width`), or None.
    `expression` is Python over the single name `value` and the functions round_up, round_down, min, max; None means
    the value as it is.
    """

    node_id: str
    class_type: str
    title: str
    input: str
    member: str | None = None
    expression: str | None = None
