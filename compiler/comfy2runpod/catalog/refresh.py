"""A server's /object_info -> a catalog's classes, with the choices that are files told from those that are words.

A server lists a folder's files among an input's choices; a catalog must not hold them, since they are what lay on that
server's disk. What tells a list of files and its folder, first to last: marker files (`object_info`), the shipped
catalog for the classes that it knows, the server's own lists of its model folders, and the lists of inputs whose
folder is known. A list of model files that matches none of them keeps a folder without a name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.folders import MODEL_EXTENSIONS
from comfy2runpod.catalog.node_class import UNKNOWN_FOLDER
from comfy2runpod.catalog.object_info import class_entry
from comfy2runpod.json_parts import array_of, object_of, objects_of, texts_of
from comfy2runpod_contract.json_types import Json, JsonObject

Folders: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Classes by name in catalog form; inputs (class, path) whose folder nothing tells; what cannot be read."""

    classes: Mapping[str, JsonObject]
    unknown_folders: tuple[tuple[str, str], ...]
    unreadable: Mapping[str, str]


def refresh(
    answer: Mapping[str, JsonObject], known: Catalog, listings: Mapping[str, Iterable[str]] | None = None
) -> Refreshed:
    """Makes catalog entries of a server's classes.

    Args:
        answer: the classes as /object_info describes them.
        known: the shipped catalog, for the folders of the classes that it has.
        listings: the files in each of the server's model folders, if it was asked.
    """
    classes: dict[str, JsonObject] = {}
    unreadable: dict[str, str] = {}
    for name, raw in sorted(answer.items()):
        try:
            classes[name] = class_entry(name, raw)
        except ValueError as error:
            unreadable[name] = str(error)
        except (KeyError, TypeError, AttributeError, IndexError, StopIteration, RecursionError) as error:
            unreadable[name] = f"{type(error).__name__}: {error}"
    told = _Files(known)
    for name, entry in classes.items():
        told.learn(name, entry)
    for folder, files in (listings or {}).items():
        told.add((folder,), files)
    untold = [(name, path) for name, entry in classes.items() for path in told.settle(name, entry)]
    return Refreshed(classes, tuple(untold), unreadable)


class _Files:
    """Which files lie in which folders of the server, and what that says of an input's choices."""

    def __init__(self, known: Catalog) -> None:
        self._known = known
        self._listings: dict[Folders, set[str]] = defaultdict(set)
        self._extensions: dict[Folders, tuple[str, ...]] = {}
        self._by_name: dict[str, set[Folders]] = defaultdict(set)
        for name in known:
            for path, spec in _combos(known.raw(name) or {}):
                folders = _folders(spec)
                if folders:
                    self._extensions.setdefault(folders, texts_of("extensions", spec["extensions"]))
                    self._by_name[path].add(folders)

    def learn(self, name: str, entry: JsonObject) -> None:
        """Takes up the files that the inputs of a known class list."""
        for path, spec in _combos(entry):
            shipped = self._shipped(name, path)
            if shipped is not None and _folders(shipped):
                words = set(_choices(shipped))
                self.add(_folders(shipped), (c for c in _choices(spec) if c not in words))

    def add(self, folders: Folders, files: Iterable[str]) -> None:
        """Takes up files of a folder, under the name that the shipped catalog has for it where it has one."""
        whole = next((known for known in self._extensions if folders[0] in known), folders)
        self._listings[whole].update(files)

    def settle(self, name: str, entry: JsonObject) -> Iterator[str]:
        """Takes the files out of the choices of a class's inputs; gives the inputs whose folder nothing tells."""
        for path, spec in _combos(entry):
            if _folders(spec):
                continue
            shipped = self._shipped(name, path)
            if shipped is not None:
                if _folders(shipped):
                    words = set(_choices(shipped))
                    _drop_default(spec, [choice for choice in _choices(spec) if choice not in words])
                    spec.update({key: shipped[key] for key in ("choices", "folders", "extensions")})
                continue
            files = [choice for choice in _choices(spec) if self._is_file(spec, choice)]
            folders = self._folder_of(path, spec, files)
            if files or folders != (UNKNOWN_FOLDER,):
                taken = set(files)
                kept = [c for c in array_of("choices", spec["choices"]) if not (isinstance(c, str) and c in taken)]
                if folders != (UNKNOWN_FOLDER,):
                    # In no folder that is known they may be a list that the class itself has.
                    _drop_default(spec, files)
                self._put(spec, kept, folders, files)
                if folders == (UNKNOWN_FOLDER,):
                    yield path

    def _shipped(self, name: str, path: str) -> JsonObject | None:
        raw = self._known.raw(name)
        return None if raw is None else next((spec for at, spec in _combos(raw) if at == path), None)

    def _is_file(self, spec: JsonObject, choice: str) -> bool:
        if choice.casefold().endswith(MODEL_EXTENSIONS):
            return True
        if spec.get("upload") is not None and "." in choice:
            return True
        return any(choice in listing for listing in self._listings.values())

    def _folder_of(self, path: str, spec: JsonObject, files: list[str]) -> Folders:
        """The one folder that holds just these files; or all of them; or that inputs of this name list."""
        if spec.get("upload") is not None:
            return ("input",)
        by_name = self._by_name.get(path, set())
        if files:
            wanted = set(files)
            same = [folders for folders, listing in self._listings.items() if listing == wanted]
            around = [folders for folders, listing in self._listings.items() if listing >= wanted]
            for candidates in (same, around):
                named = [folders for folders in candidates if folders in by_name] or candidates
                if len(named) == 1:
                    return named[0]
        elif not spec["choices"] and len(by_name) == 1:
            (folders,) = by_name
            if folders in self._listings and not self._listings[folders]:
                return folders
        return (UNKNOWN_FOLDER,)

    def _put(self, spec: JsonObject, words: list[Json], folders: Folders, files: Iterable[str]) -> None:
        extensions = {"." + file.rpartition(".")[2].casefold() for file in files if "." in file}
        if folders == (UNKNOWN_FOLDER,):
            extensions.update(MODEL_EXTENSIONS)
        spec["choices"] = words
        spec["folders"] = [*folders]
        spec["extensions"] = [*sorted({*self._extensions.get(folders, ()), *extensions})]


def _combos(entry: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Every input with choices, dynamic and growing ones' too, under its path."""
    waiting = [("", objects_of("inputs", entry.get("inputs")))]
    while waiting:
        prefix, inputs = waiting.pop()
        for spec in inputs:
            path = f"{prefix}{spec['name']}"
            if "choices" in spec:
                yield path, spec
            options = objects_of("options", spec.get("options"))
            waiting.extend((f"{path}.{one['key']}.", objects_of("inputs", one["inputs"])) for one in options)
            grow = spec.get("autogrow")
            if isinstance(grow, dict):
                waiting.append((f"{path}.", [object_of("the input that grows", grow["element"])]))


def _drop_default(spec: JsonObject, files: list[str]) -> None:
    """A default that is one of the server's files is only the first of its list: another server has another."""
    if spec.get("default") in files:
        del spec["default"]


def _folders(spec: JsonObject) -> Folders:
    return texts_of("folders", spec.get("folders"))


def _choices(spec: JsonObject) -> Iterator[str]:
    return (choice for choice in array_of("choices", spec["choices"]) if isinstance(choice, str))
