"""Whether saved values fit the widgets that they were given to; and, if not, which input came or went.

The editor gives values out in order, whatever they are: a list that another version of the class saved is shifted in
silence. Here a value of the wrong type is a fault, and a list is tried without some values, or with room for some: if
it fits then, that tells what happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from comfy2runpod.catalog.node_class import DYNAMIC_COMBO, InputSpec, NodeClass
from comfy2runpod.editor import EditorProfile
from comfy2runpod.stages.widgets.assign import CONTROL_WORDS, Assigned, Place, PlaceKind, assign
from comfy2runpod.stages.widgets.numbers import as_number
from comfy2runpod_contract.json_types import Json

# More than three inputs at once, or a list longer than any class's, is not looked for.
_MOST_SHIFTED = 3
_LONGEST_LIST = 120


@dataclass(frozen=True, slots=True)
class Removed:
    """The list fits without `values`, which stand behind the widget `after`: inputs that the class no longer has."""

    after: str | None
    values: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """The list fits with room for `names`: inputs that the class did not have yet."""

    names: tuple[str, ...]


def of_type(spec: InputSpec, value: Json) -> bool:
    """Whether a value is one that a widget of this type holds; the server converts more than that."""
    match spec.type:
        case "INT":
            if isinstance(value, int):
                return not isinstance(value, bool)
            return _is_number(value) and not float(str(value)) % 1
        case "FLOAT":
            return _is_number(value)
        case "STRING":
            return isinstance(value, str)
        case "BOOLEAN":
            return isinstance(value, bool)
        case _:
            return True


def _is_number(value: Json) -> bool:
    return not isinstance(value, bool) and as_number(value) is not None


def fits(spec: InputSpec, value: Json) -> bool:
    """Whether a value is of a widget's type, within its bounds and among its choices."""
    if not of_type(spec, value):
        return False
    number = as_number(value) if spec.type in ("INT", "FLOAT") else None
    if number is not None:
        return (spec.minimum is None or number >= spec.minimum) and (spec.maximum is None or number <= spec.maximum)
    if spec.type == DYNAMIC_COMBO:
        return any(key == value for key, _ in spec.options)
    if spec.type != "COMBO":
        return not isinstance(value, (int, float)) or spec.widget is None or not spec.widget.no_numbers
    if spec.folders:
        return isinstance(value, str) and (value in (spec.choices or ()) or "." in value)
    if not spec.choices or (isinstance(value, str) and value in spec.choices):
        return True
    return any(choice == value and type(choice) is type(value) for choice in spec.choices)


def misfits(assigned: Assigned) -> Iterator[tuple[Place, Json]]:
    """The places whose saved value does not fit."""
    for place, value in zip(assigned.places, assigned.saved, strict=False):
        match place.kind:
            case PlaceKind.INPUT if place.spec is not None and not fits(place.spec, value):
                yield place, value
            # Early editors saved true or false there.
            case PlaceKind.CONTROL if value is not None and value is not True and value is not False:
                if not (isinstance(value, str) and value in CONTROL_WORDS):
                    yield place, value


def explain(node_class: NodeClass, assigned: Assigned, profile: EditorProfile) -> Removed | Added | None:
    """What happened to a class since a list that does not fit was saved; None if nothing simple explains it.

    Only what makes the list fit exactly counts: neither a value too many nor one too few.
    """
    saved = assigned.saved
    if len(saved) > _LONGEST_LIST:
        return None
    # A change behind the first value that does not fit leaves it where it is; but see `_without_sockets`.
    first = next(misfits(assigned), None)
    last = len(saved)
    if first is not None and not node_class.forces_sockets:
        last = assigned.places.index(first[0])
    for count in range(1, _MOST_SHIFTED + 1):
        for index in range(min(last, len(saved) - count) + 1):
            shorter = (*saved[:index], *saved[index + count :])
            if _fits(node_class, shorter, profile):
                after = assigned.places[index - 1].name if 0 < index <= len(assigned.places) else None
                return Removed(after, saved[index : index + count])
        for index in range(last + 1):
            named = _with_room(node_class, saved, index, count, profile)
            if named is not None:
                return Added(named)
    return None


def _fits(node_class: NodeClass, saved: tuple[Json, ...], profile: EditorProfile) -> bool:
    assigned = assign(node_class, saved, profile)
    return not assigned.extra and len(saved) >= len(assigned.places) and next(misfits(assigned), None) is None


def _with_room(
    node_class: NodeClass, saved: tuple[Json, ...], index: int, count: int, profile: EditorProfile
) -> tuple[str, ...] | None:
    """The inputs at `index` for which the list makes no room, if it fits once it does."""
    longer = saved
    names = []
    for offset in range(count):
        at = index + offset
        before = assign(node_class, longer[:at], profile)
        if at >= len(before.places):
            return None
        place = before.places[at]
        # What stands for an input is its own default, for a control any of its words.
        default = ("fixed",) if place.kind is PlaceKind.CONTROL else _default_of(before, place)
        if not default:
            return None
        names.append(place.name)
        longer = (*longer[:at], *default, *longer[at:])
    return tuple(names) if _fits(node_class, longer, profile) else None


def _default_of(assigned: Assigned, place: Place) -> tuple[Json, ...]:
    return (assigned.values[place.name],) if place.kind is PlaceKind.INPUT and place.name in assigned.values else ()
