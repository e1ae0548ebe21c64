"""The arguments of annotate: `NAME=PATH as EXPRESSION,PATH,key=value` and `KEY=VALUE`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import click

from comfy2runpod.author.note_changes import EntryChange, section_path
from comfy2runpod.author.yaml_edit import Path, Yaml
from comfy2runpod.diagnostics import did_you_mean, nearest
from comfy2runpod.stages.annotate.annotation import INPUT_KEYS, MODEL_KEYS, OUTPUT_KEYS, TOP_KEYS
from comfy2runpod.stages.annotate.note_yaml import NoteError, read_yaml

_TEXTS = ("name", "title", "description")
_SWITCHES = {"inputs": ("required",), "outputs": ("many",)}
_KEYS: Mapping[str, tuple[str, ...]] = {"inputs": INPUT_KEYS, "outputs": OUTPUT_KEYS}
_SOURCE = re.compile(r"""(?:(?P<quoted>"[^"]+"|'[^']+')|(?P<plain>[^"'].*?))(?:\s+as\s+(?P<as>\S.*))?(?<! as)""")
_OPENING, _CLOSING = "([{", ")]}"


def entry_change(section: str, text: str) -> EntryChange:
    """`--input` or `--output`: a name, the paths that it feeds or comes from, and its other keys."""
    name, mark, rest = text.partition("=")
    hint = f"--{section[:-1]}"
    if not mark or not name.strip() or not rest.strip():
        raise click.BadParameter(f"{text}: expected NAME=PATH, such as prompt=92.text", param_hint=hint)
    sources: list[Yaml] = []
    keys: dict[str, Yaml] = {}
    for part in _parts(rest, hint):
        key, mark, value = part.partition("=")
        if part[:1] in "\"'":
            sources.append(_source(part, hint))
        elif part in _SWITCHES[section]:
            keys[part] = "true"
        elif not mark:
            sources.append(_source(part, hint))
        elif key.strip() in _KEYS[section] and key.strip() != "from":
            keys[key.strip()] = _value(key.strip(), value.strip(), hint)
        else:
            near = did_you_mean(nearest(key.strip(), _KEYS[section]))
            known = ", ".join(known for known in _KEYS[section] if known != "from")
            raise click.BadParameter(
                f"{key.strip()} says nothing of an entry of {section}; {known} do. {near}".rstrip(), param_hint=hint
            )
    if section == "outputs" and len(sources) > 1:
        raise click.BadParameter(f"{text}: an output comes from one node", param_hint=hint)
    source: Yaml | None = sources[0] if len(sources) == 1 else (sources or None)
    if isinstance(source, dict):
        source = [source]
    return EntryChange(section, name.strip(), source, keys)


def value_change(text: str) -> tuple[Path, Yaml]:
    """`--set KEY=VALUE`."""
    key, mark, value = text.partition("=")
    if not mark:
        raise click.BadParameter(f"{text}: expected KEY=VALUE, such as runpod.gpu=[ADA_24]", param_hint="--set")
    path = key_path(key.strip(), "--set")
    if path[-1] in _TEXTS:
        return path, value
    return path, _yaml(value, "--set")


def key_path(key: str, hint: str) -> Path:
    """A key of the note as a path."""
    path = section_path(key, MODEL_KEYS)
    if path[0] not in TOP_KEYS or not all(path):
        near = did_you_mean(nearest(path[0], TOP_KEYS))
        raise click.BadParameter(
            f"{key} is no key of the note; it begins with {', '.join(TOP_KEYS)}. {near}".rstrip(), param_hint=hint
        )
    return path


def _parts(text: str, hint: str) -> Iterator[str]:
    """The text split at commas outside brackets and quotes."""
    depth, quote, start = 0, "", 0
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and not text[start:index].strip().rpartition("=")[2]:
            # Quotes count only at the beginning of a value: within a word they are apostrophes.
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif character == "," and depth == 0:
            yield _not_empty(text[start:index].strip(), text, hint)
            start = index + 1
    if quote or depth:
        raise click.BadParameter(f"{text}: a quote or a bracket is not closed", param_hint=hint)
    yield _not_empty(text[start:].strip(), text, hint)


def _not_empty(part: str, text: str, hint: str) -> str:
    if not part:
        raise click.BadParameter(f"{text}: nothing stands between two commas", param_hint=hint)
    return part


def _source(part: str, hint: str) -> Yaml:
    """`92.width`, or `92.width as round_up(width, 64)`; a path in quotes may contain anything."""
    match = _SOURCE.fullmatch(part)
    if match is None:
        raise click.BadParameter(f"{part}: expected a path, or PATH as EXPRESSION", param_hint=hint)
    path = (match["quoted"] or match["plain"]).strip("\"'" if match["quoted"] else " ")
    return path if match["as"] is None else {"input": path, "as": match["as"].strip()}


def _value(key: str, value: str, hint: str) -> Yaml:
    if value[:1] in ('"', "'") and value[-1:] == value[:1] and len(value) > 1:
        return value[1:-1]
    if key in ("choices", "formats", "bypass"):
        return _yaml(value, hint) if value.startswith("[") else [choice.strip() for choice in value.split("|")]
    if not value:
        raise click.BadParameter(f"{key}= says nothing", param_hint=hint)
    return value


def _yaml(value: str, hint: str) -> Yaml:
    """A value in YAML, on one line, every scalar as text."""
    try:
        read = read_yaml(value)
    except NoteError as error:
        raise click.BadParameter(f"{value}: {error.problem}", param_hint=hint) from None
    return "" if read is None else read
