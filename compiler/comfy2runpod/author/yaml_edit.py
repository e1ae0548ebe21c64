"""Changes a few values of a YAML text and keeps every other character: comments, order, quotes, blank lines.

A library that reads YAML and writes it again keeps most of that and moves the rest (a comment goes with the key before
it). So the parser only tells where values stand, the text is cut there, and what came out is read again and compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import yaml

from comfy2runpod.stages.annotate.note_yaml import NoteError
from comfy2runpod.stages.annotate.note_yaml import read_yaml as read_note

Yaml: TypeAlias = "str | list[Yaml] | dict[str, Yaml]"
Path: TypeAlias = tuple[str, ...]

_STEP = "  "
_MAX_LINE = 100
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+%()*-]*( [A-Za-z0-9_./+%()*-]+)*")
_UNPRINTABLE = re.compile("[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")


class YamlEditError(Exception):
    """Raised for a text of a form that cannot be changed in place; the message says where."""


class NothingThereError(Exception):
    """Raised for a path that is not in the text; `known` are the names at its last level."""

    def __init__(self, path: Path, known: Sequence[str]) -> None:
        super().__init__(".".join(path))
        self.path = path
        self.known = tuple(known)


def read_yaml(text: str) -> dict[str, Yaml]:
    """The mapping in a text, every scalar as text; empty for an empty text.

    Raises:
        YamlEditError: it holds something else, or is not YAML.
    """
    try:
        value = read_note(text)
    except NoteError as error:
        raise YamlEditError(f"line {error.line}: {error.problem}") from None
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise YamlEditError("the text is not a mapping (key: value)")
    return value


def set_value(text: str, path: Path, value: Yaml, order: Sequence[str] = ()) -> str:
    """The text with a value at a path, inserted or replaced.

    Args:
        text: YAML, a mapping or nothing.
        path: keys from the outermost.
        value: what the path is to hold.
        order: in which order the outermost keys stand, for one that is new.

    Raises:
        YamlEditError: something on the way is not a mapping, or of a form that cannot be changed in place.
    """
    wanted = _with(read_yaml(text), path, value)
    if wanted == read_yaml(text):
        return text
    return _checked(_set(text, path, value, order), wanted)


def remove_value(text: str, path: Path) -> str:
    """The text without a path.

    Raises:
        NothingThereError: the path is not there.
        YamlEditError: it is of a form that cannot be changed in place.
    """
    wanted = _without(read_yaml(text), path)
    return _checked(_remove(text, path), wanted)


def as_yaml(value: Yaml) -> str:
    """A value on one line."""
    match value:
        case str():
            return _scalar(value)
        case list():
            return "[" + ", ".join(map(as_yaml, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{_scalar(key)}: {as_yaml(item)}" for key, item in value.items()) + "}"


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _checked(text: str, wanted: Mapping[str, Yaml]) -> str:
    try:
        found = read_yaml(text)
    except YamlEditError as error:
        raise YamlEditError(f"the change cannot be made in place ({error})") from None
    if found != wanted:
        raise YamlEditError("the change cannot be made in place")
    return text


def _with(data: Mapping[str, Yaml], path: Path, value: Yaml) -> dict[str, Yaml]:
    key, *rest = path
    if not rest:
        return {**data, key: value}
    inner = data.get(key) or {}
    if not isinstance(inner, dict):
        raise YamlEditError(f"{key} is not a mapping")
    return {**data, key: _with(inner, tuple(rest), value)}


def _without(data: Mapping[str, Yaml], path: Path, above: Path = ()) -> dict[str, Yaml]:
    key, *rest = path
    if key not in data:
        raise NothingThereError((*above, *path), tuple(data))
    if not rest:
        return {name: item for name, item in data.items() if name != key}
    inner = data[key] or {}
    if not isinstance(inner, dict):
        raise NothingThereError((*above, *path), ())
    return {**data, key: _without(inner, tuple(rest), (*above, key))}


Entry: TypeAlias = tuple[yaml.ScalarNode, yaml.Node]


def _compose(text: str) -> yaml.Node | None:
    return yaml.compose(text, Loader=yaml.BaseLoader)


def _entries(node: yaml.Node | None) -> list[Entry]:
    entries: list[Entry] = node.value if isinstance(node, yaml.MappingNode) else []
    return entries


def _set(text: str, path: Path, value: Yaml, order: Sequence[str]) -> str:
    node = _compose(text)
    if not _entries(node):
        if node is not None and node.start_mark.index < node.end_mark.index:
            # There is `{}`: the block replaces it.
            text = text[: node.start_mark.index] + text[node.end_mark.index :]
        body = text if not text or text.endswith("\n") else text + _newline(text)
        return body + _block(path[0], _nested(path[1:], value), "", _newline(text))
    owner: Entry | None = None
    for depth, key in enumerate(path):
        entries = _entries(node)
        found = next((entry for entry in entries if entry[0].value == key), None)
        if found is None:
            inner = _nested(path[depth + 1 :], value)
            if entries and isinstance(node, yaml.MappingNode):
                return _insert(text, node, key, inner, order if depth == 0 else ())
            if owner is None:
                raise YamlEditError("the text is not a mapping (key: value)")
            return _fill(text, owner, key, inner)
        owner, node = found, found[1]
    if owner is None:
        raise YamlEditError("nothing is named")
    return _replace(text, owner, as_yaml(value))


def _nested(path: Path, value: Yaml) -> Yaml:
    for key in reversed(path):
        value = {key: value}
    return value


def _block(key: str, value: Yaml, indent: str, newline: str) -> str:
    """An entry on its own lines: one line for each entry of a section, and several lines for a long value."""
    return "".join(line + newline for line in _lines(key, value, indent))


def _lines(key: str, value: Yaml, indent: str) -> Iterator[str]:
    line = f"{indent}{_scalar(key)}: {as_yaml(value)}"
    is_section = isinstance(value, dict) and not indent
    if isinstance(value, str) or not value or (len(line) <= _MAX_LINE and not is_section):
        yield line
        return
    yield f"{indent}{_scalar(key)}:"
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _lines(name, item, indent + _STEP)
    else:
        yield from (f"{indent}{_STEP}- {as_yaml(item)}" for item in value)


def _insert(text: str, parent: yaml.MappingNode, key: str, value: Yaml, order: Sequence[str]) -> str:
    """A new entry of a mapping that has some: after the last one that precedes it in `order`, or last."""
    entries = _entries(parent)
    if parent.flow_style:
        at = _end(text, entries[-1][1])
        return f"{text[:at]}, {_scalar(key)}: {as_yaml(value)}{text[at:]}"
    newline = _newline(text)
    indent = " " * entries[0][0].start_mark.column
    before = [entry for entry in entries if key not in order or entry[0].value in order[: order.index(key)]]
    if not before and key in order:
        at = _line_start(text, entries[0][0].start_mark.index)
        return text[:at] + _block(key, value, indent, newline) + text[at:]
    at = _line_end(text, _end(text, before[-1][1]))
    if at == len(text) and not text.endswith("\n"):
        return text + newline + _block(key, value, indent, newline).removesuffix(newline)
    return text[:at] + _block(key, value, indent, newline) + text[at:]


def _fill(text: str, owner: Entry, key: str, value: Yaml) -> str:
    """The first entry of a mapping that is empty: `key:` gets a line below it, `key: {}` an entry within."""
    name, node = owner
    if node.start_mark.index < node.end_mark.index:
        return _replace(text, owner, as_yaml({key: value}))
    newline = _newline(text)
    at = _line_end(text, node.end_mark.index)
    lead = "" if text[:at].endswith("\n") else newline
    return (
        text[:at]
        + lead
        + " " * name.start_mark.column
        + _STEP
        + f"{_scalar(key)}: {as_yaml(value)}"
        + newline
        + text[at:]
    )


def _replace(text: str, owner: Entry, new: str) -> str:
    name, node = owner
    end = _end(text, node)
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        # It begins on its own line: the new value is put after the key.
        start = text.index(":", name.end_mark.index) + 1
        return f"{text[:start]} {new}{text[end:]}"
    start = node.start_mark.index
    lead = "" if start < end else " "
    return f"{text[:start]}{lead}{new}{text[end:]}"


def _remove(text: str, path: Path) -> str:
    node: yaml.Node | None = _compose(text)
    owner: Entry | None = None
    for key in path[:-1]:
        owner = next(entry for entry in _entries(node) if entry[0].value == key)
        node = owner[1]
    entries = _entries(node)
    index = next(index for index, entry in enumerate(entries) if entry[0].value == path[-1])
    if len(entries) == 1 and owner is not None:
        return _replace(text, owner, "{}")
    name, value = entries[index]
    if isinstance(node, yaml.MappingNode) and node.flow_style:
        if index + 1 < len(entries):
            start, end = name.start_mark.index, entries[index + 1][0].start_mark.index
        else:
            start = _end(text, entries[index - 1][1]) if index else name.start_mark.index
            end = _end(text, value)
        return text[:start] + text[end:]
    start, end = _line_start(text, name.start_mark.index), _line_end(text, _end(text, value))
    if text[start : name.start_mark.index].strip():
        raise YamlEditError(f"{path[-1]} does not stand in a line of its own")
    return text[:start] + text[end:]


def _end(text: str, node: yaml.Node) -> int:
    """Where a value's last character is: the end marks of block values are after the comments that follow them."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return len(text[:end].rstrip())
    return end


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """The index after the line break that ends the line of an index."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
