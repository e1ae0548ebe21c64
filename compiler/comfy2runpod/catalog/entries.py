"""Whether a class of a catalog is one: names that can stand in code and messages, finite bounds, and so much of it.

A catalog comes from a server, or from whoever shared one. What is refused here reaches no stage.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from comfy2runpod.diagnostics import shorten
from comfy2runpod.json_parts import array_of, object_of
from comfy2runpod_contract.json_types import Json, JsonObject, json_type
from comfy2runpod_contract.texts import is_plain

# ComfyUI with fifty packs has some 3,000 classes; the widest have some hundred inputs. A server lists the files of its
# disk among choices: ten thousands. ComfyUI itself lets an input grow to a hundred.
MOST_CLASSES = 50_000
MOST_INPUTS = 2_000
MOST_CHOICES = 200_000
MOST_GROWN = 1_000
_MOST_OPTIONS = 1_000
_DEEPEST = 5
_LONGEST_NAME = 200
_LONGEST_TEXT = 1_000_000
# Beyond a double.
_LARGEST = 10**308
_HALF = re.compile("[\ud800-\udfff]")


def check_class(name: str, raw: Json) -> JsonObject:
    """Looks through an entry.

    Returns:
        The entry.

    Raises:
        ValueError: what is wrong with it, and at which input.
    """
    _name("its name", name)
    entry = object_of("the class", raw)
    for key in ("title", "module"):
        if entry.get(key) is not None:
            _text(key, entry[key])
    if entry.get("module"):
        _name("module", entry["module"])
    left = MOST_INPUTS
    for path, spec in _inputs("", array_of("inputs", entry.get("inputs")), 0):
        left -= 1
        if left < 0:
            raise ValueError(f"it has more than {MOST_INPUTS:,} inputs")
        _check_input(path, spec)
    outputs = array_of("outputs", entry.get("outputs"))
    if len(outputs) > MOST_INPUTS:
        raise ValueError(f"it has {len(outputs):,} outputs; {MOST_INPUTS:,} are read at most")
    _values("it", entry)
    for number, raw_output in enumerate(outputs):
        output = object_of(f"output {number}", raw_output)
        _text(f"output {number}'s name", output.get("name"))
        _name(f"output {number}'s type", output.get("type"), empty=True)
    return entry


def bound(value: float) -> float | None:
    """A bound as a catalog may hold it; None for an infinite one, which is none.

    Raises:
        ValueError: it is not a number.
    """
    if math.isnan(value):
        raise ValueError("a bound is NaN")
    return None if math.isinf(value) else value


def _inputs(prefix: str, raw: list[Json], depth: int) -> Iterator[tuple[str, JsonObject]]:
    """Every input with its path, those that a choice or a growing input brings too."""
    if depth > _DEEPEST:
        raise ValueError(f"input {shorten(prefix)}: inputs bring inputs more than {_DEEPEST} deep")
    for entry in raw:
        spec = object_of("an input", entry)
        path = f"{prefix}{_name('an input', spec.get('name'), empty=True)}"
        yield path, spec
        options = array_of(f"input {path}: options", spec.get("options"))
        if len(options) > _MOST_OPTIONS:
            raise ValueError(f"input {path}: it has {len(options):,} options; {_MOST_OPTIONS:,} are read at most")
        for option in options:
            brought = object_of(f"input {path}: an option", option)
            yield from _inputs(
                f"{path}.", array_of(f"input {path}: an option's inputs", brought.get("inputs")), depth + 1
            )
        grow = spec.get("autogrow")
        if isinstance(grow, dict):
            yield from _inputs(f"{path}.", [grow.get("element")], depth + 1)


def _check_input(path: str, spec: JsonObject) -> None:
    at = f"input {shorten(path)}"
    _name(f"{at}: type", spec.get("type"), empty=True)
    numbers = {key: _number(f"{at}: {key}", spec.get(key)) for key in ("min", "max", "step", "round")}
    low, high = numbers["min"], numbers["max"]
    if low is not None and high is not None and low > high:
        raise ValueError(f"{at}: min {low} is beyond max {high}")
    choices = array_of(f"{at}: choices", spec.get("choices"))
    if len(choices) > MOST_CHOICES:
        raise ValueError(f"{at}: it has {len(choices):,} choices; {MOST_CHOICES:,} are read at most")
    _values(f"{at}: choices", choices)
    _values(f"{at}: default", spec.get("default"))
    for key in ("folders", "extensions"):
        for name in array_of(f"{at}: {key}", spec.get(key)):
            _name(f"{at}: {key}", name, empty=True)
    for option in array_of(f"{at}: options", spec.get("options")):
        _values(f"{at}: an option's key", object_of(f"{at}: an option", option).get("key"))
    grow = spec.get("autogrow")
    if grow is not None:
        _check_growth(at, object_of(f"{at}: autogrow", grow))


def _check_growth(at: str, grow: JsonObject) -> None:
    names = array_of(f"{at}: autogrow names", grow.get("names"))
    if len(names) > MOST_GROWN:
        raise ValueError(f"{at}: it grows to {len(names):,} inputs; {MOST_GROWN:,} are read at most")
    told = [_name(f"{at}: autogrow names", name) for name in names]
    if len(set(told)) < len(told):
        raise ValueError(f"{at}: a name of its growing inputs stands twice")
    least = grow.get("min")
    if isinstance(least, bool) or not isinstance(least, int) or not 0 <= least <= max(len(names), 1):
        raise ValueError(f"{at}: autogrow min is {shorten(str(least))}; expected 0 to {len(names)}")


def _name(what: str, value: Json, *, empty: bool = False) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is {json_type(value)}; expected a text")  # noqa: TRY004 - a fault of the file
    if len(value) > _LONGEST_NAME:
        raise ValueError(f"{what} has {len(value):,} characters; {_LONGEST_NAME} are read at most")
    if not is_plain(value):
        raise ValueError(f"{what}, {shorten(value)}, holds a control character or a mark that cannot be seen")
    if not value and not empty:
        raise ValueError(f"{what} is empty")
    return value


def _text(what: str, value: Json) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{what} is {json_type(value)}; expected a text")  # noqa: TRY004 - a fault of the file
    _values(what, value)
    if len(value) > _LONGEST_TEXT:
        raise ValueError(f"{what} has {len(value):,} characters; {_LONGEST_TEXT:,} are read at most")


def _values(what: str, value: Json) -> None:
    """That every JSON reader reads a value alike."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        match found:
            case float() if not math.isfinite(found):
                raise ValueError(f"{what} holds {found}, which is no JSON")
            case int() if abs(found) >= _LARGEST:
                raise ValueError(f"{what} holds a number that is too large for a double")
            case str() if _HALF.search(found):
                raise ValueError(f"{what} holds half of a surrogate pair, which is no text")
            case list():
                waiting += found
            case dict():
                waiting += [*found, *found.values()]
            case None | bool() | int() | float() | str():
                continue


def _number(what: str, value: Json) -> int | float | None:
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        # ComfyUI's `round` may be false; other words say nothing either.
        return None
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{what} is {value}, which is no bound")
    return value
