"""The changes that `annotate` was asked for -> the note's YAML, changed in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from comfy2runpod.author.yaml_edit import Path, Yaml, read_yaml, remove_value, set_value
from comfy2runpod.stages.annotate.annotation import TOP_KEYS


@dataclass(frozen=True, slots=True)
class EntryChange:
    """A field or an output: its source (None: unchanged), and its other keys."""

    section: str
    name: str
    source: Yaml | None
    keys: Mapping[str, Yaml] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoteChanges:
    """All changes of one call."""

    entries: tuple[EntryChange, ...] = ()
    values: tuple[tuple[Path, Yaml], ...] = ()
    removed: tuple[Path, ...] = ()


def change_note(text: str, changes: NoteChanges) -> str:
    """The YAML with the changes.

    What is both removed and said anew is removed first; all else that is removed goes last, so that a section does not
    become empty in between.

    Raises:
        NothingThereError: something that is to be removed is not there.
        YamlEditError: the text is of a form that cannot be changed in place.
    """
    said = [(entry.section, entry.name) for entry in changes.entries] + [path for path, _ in changes.values]
    first = [path for path in changes.removed if any(other[: len(path)] == path for other in said)]
    for path in first:
        text = remove_value(text, path)
    for path, value in changes.values:
        text = set_value(text, path, value, TOP_KEYS)
    for entry in changes.entries:
        text = _entry(text, entry)
    for path in changes.removed:
        if path not in first:
            text = remove_value(text, path)
    return text


def _entry(text: str, entry: EntryChange) -> str:
    section = read_yaml(text).get(entry.section)
    there = section.get(entry.name) if isinstance(section, dict) else None
    path = (entry.section, entry.name)
    if isinstance(there, dict) and there:
        source: Mapping[str, Yaml] = {} if entry.source is None else {"from": entry.source}
        for key, value in {**source, **entry.keys}.items():
            text = set_value(text, (*path, key), value, TOP_KEYS)
        return text
    # A field may consist of its path alone.
    known = entry.source if entry.source is not None else there
    if isinstance(known, str) and there == known and not entry.keys:
        return text
    whole: dict[str, Yaml] = {} if known is None or known == {} else {"from": known}
    return set_value(text, path, {**whole, **entry.keys}, TOP_KEYS)


def section_path(key: str, model_keys: Sequence[str]) -> Path:
    """A dotted key (`title`, `runpod.gpu`, `inputs.width.max`) as a path.

    The names of model files hold dots themselves: `models.x.safetensors.size` ends with one of `model_keys` or with the
    file.
    """
    top, _, rest = key.partition(".")
    if top != "models" or not rest:
        return tuple(key.split("."))
    file, _, leaf = rest.rpartition(".")
    return (top, file, leaf) if file and leaf in model_keys else (top, rest)
