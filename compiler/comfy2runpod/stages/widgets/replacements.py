"""Texts that the editor changes when it makes a prompt: `%Node.widget%`, `%date:…%`, and choices in braces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeAlias

from comfy2runpod_contract.json_types import Json

# The name of a node and of its widget -> a tuple of the widget's value, empty if there is no such widget.
FindWidget: TypeAlias = Callable[[str, str], tuple[Json, ...]]

_PATTERN = re.compile(r"%([^%]+)%")
_NOT_IN_NAMES = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_ESCAPED = re.compile(r"\\([{}|])")

# The editor writes the date into a prompt when it queues it; ComfyUI itself writes it when it saves, under these
# names. A compiled prompt is queued again and again: it holds the names.
_DATE_PARTS = {
    "yyyy": "%year%",
    "MM": "%month%",
    "M": "%month%",
    "dd": "%day%",
    "d": "%day%",
    "hh": "%hour%",
    "h": "%hour%",
    "mm": "%minute%",
    "m": "%minute%",
    "ss": "%second%",
    "s": "%second%",
}
_DATE_PART = re.compile("yyyy|yy|MM?|dd?|hh?|mm?|ss?")


def with_widget_values(text: str, widget: FindWidget) -> str:
    """A text with `%Node.widget%` replaced by that widget's value.

    Args:
        text: such as `%KSampler.seed%_out`; what names nothing stays as it is.
        widget: finds the widget.
    """

    def replacement(match: re.Match[str]) -> str:
        parts = match[1].split(".")
        if len(parts) != 2:  # noqa: PLR2004 - node and widget
            return with_saving_date(parts[0][5:]) if parts[0].startswith("date:") else match[0]
        found = widget(parts[0], parts[1])
        return _NOT_IN_NAMES.sub("_", _as_text(found[0])) if found else match[0]

    return _PATTERN.sub(replacement, text)


def with_saving_date(pattern: str) -> str:
    """A date's pattern such as `yyyy-MM-dd` in ComfyUI's own words: `%year%-%month%-%day%`."""
    return _DATE_PART.sub(lambda match: _DATE_PARTS.get(match[0], match[0]), pattern)


def without_choices(text: str) -> str | None:
    """A text as the editor queues it: comments gone, `{one}` without its braces, escaped braces unescaped.

    None if there is more than one to choose from: the editor would draw one at random.
    """
    if "{" not in text and "\\" not in text and "/" not in text:
        return text
    plain = _resolved(_COMMENT.sub("", text))
    return None if plain is None else _ESCAPED.sub(r"\1", plain)


def _resolved(text: str) -> str | None:
    """The text with its blocks resolved, from the inside out, without recursion."""
    # Each open block: the texts of its choices so far, the last of them unfinished.
    blocks: list[list[list[str]]] = [[[]]]
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == "\\":
            blocks[-1][-1].append(char + text[position : position + 1])
            position += 1
        elif char == "{":
            blocks.append([[]])
        elif char == "|" and len(blocks) > 1:
            blocks[-1].append([])
        elif char == "}" and len(blocks) > 1:
            chosen = _only_choice(blocks.pop())
            if chosen is None:
                return None
            blocks[-1][-1].append(chosen)
        else:
            blocks[-1][-1].append(char)
    # A block that is never closed ends with the text.
    while len(blocks) > 1:
        chosen = _only_choice(blocks.pop())
        if chosen is None:
            return None
        blocks[-1][-1].append(chosen)
    return "".join(blocks[0][0])


def _only_choice(choices: list[list[str]]) -> str | None:
    texts = {"".join(choice) for choice in choices}
    return texts.pop() if len(texts) == 1 else None


def _as_text(value: Json) -> str:
    """A value as JavaScript writes it into a text."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case float() if value.is_integer():
            return str(int(value))
        case int() | float():
            return str(value)
        case list():
            return ",".join(_as_text(item) for item in value)
        case _:
            return json.dumps(value)
