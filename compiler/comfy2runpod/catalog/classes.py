"""What each node class takes and gives, per ComfyUI version: the shipped catalogs, and layers over them.

A catalog holds facts only. It is data (`catalog/data/comfyui-<version>.json`), made by `object_info.py` from a
server's /object_info; classes become typed when they are first asked for, since a graph uses a few of 700.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources

from comfy2runpod.catalog.class_reader import read_class
from comfy2runpod.catalog.facts.reader import FactsFile
from comfy2runpod.catalog.facts.table import NodeFacts, shipped_facts
from comfy2runpod.catalog.node_class import NodeClass
from comfy2runpod.catalog.release import RELEASE
from comfy2runpod.json_parts import object_of, texts_of
from comfy2runpod_contract.json_types import Json, JsonObject


class Catalog:
    """The classes of one ComfyUI version, or of several layers of them (a pack's over the core's).

    `added` are the classes that a layer brought: those of node packs. `facts` are what is known of classes beside
    /object_info: the shipped ones, if none are given.
    """

    def __init__(
        self,
        *,
        comfyui: str,
        commit: str,
        editor: str,
        classes: Mapping[str, JsonObject],
        added: frozenset[str] = frozenset(),
        facts: NodeFacts | None = None,
    ) -> None:
        self.comfyui = comfyui
        self.commit = commit
        self.editor = editor
        self.added = added
        self.facts = shipped_facts(comfyui) if facts is None else facts
        self._raw = classes
        self._typed: dict[str, NodeClass] = {}

    @classmethod
    def shipped(cls, version: str = RELEASE.version) -> Catalog:
        """The classes of a ComfyUI version as they come with this compiler.

        Raises:
            FileNotFoundError: none are shipped for that version.
        """
        return load_catalog(version)

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def get(self, name: str) -> NodeClass | None:
        """The class of that name, or None if this ComfyUI does not have it."""
        known = self._typed.get(name)
        if known is None and name in self._raw:
            known = self._typed[name] = read_class(name, self._raw[name], self.facts, of_a_pack=name in self.added)
        return known

    def layered(self, classes: Mapping[str, JsonObject]) -> Catalog:
        """This catalog with further classes over it."""
        return Catalog(
            comfyui=self.comfyui,
            commit=self.commit,
            editor=self.editor,
            classes={**self._raw, **classes},
            added=self.added | classes.keys(),
            facts=self.facts,
        )

    def with_facts(self, file: FactsFile) -> Catalog:
        """This catalog with a pack's facts over those that it has.

        Raises:
            BadFactsError: they are about what is ComfyUI's own.
        """
        return Catalog(
            comfyui=self.comfyui,
            commit=self.commit,
            editor=self.editor,
            classes=self._raw,
            added=self.added,
            facts=self.facts.with_file(file, self._raw.keys() - self.added),
        )

    def raw(self, name: str) -> JsonObject | None:
        """A class as the catalog's file has it."""
        return self._raw.get(name)

    def folders(self) -> frozenset[str]:
        """The folders whose files inputs list: models, and what a person brings."""
        return frozenset(_folders_in([entry.get("inputs") for entry in self._raw.values()]))


@lru_cache(maxsize=4)
def load_catalog(version: str = RELEASE.version) -> Catalog:
    """The shipped catalog of a ComfyUI version.

    Raises:
        FileNotFoundError: none is shipped for that version.
    """
    text = resources.files("comfy2runpod").joinpath(f"catalog/data/comfyui-{version}.json").read_text("utf-8")
    return parse_catalog(text)


def parse_catalog(text: str) -> Catalog:
    """A catalog from its JSON text, as `object_info.catalog_json` writes it."""
    data = object_of("the catalog", json.loads(text))
    classes = object_of("its classes", data["classes"])
    return Catalog(
        comfyui=str(data["comfyui"]),
        commit=str(data["commit"]),
        editor=str(data["editor"]),
        classes={name: object_of(name, entry) for name, entry in classes.items()},
    )


def _folders_in(raw: Json) -> Iterator[str]:
    """The folders in inputs of any depth, as the catalog's file has them."""
    if isinstance(raw, list):
        for item in raw:
            yield from _folders_in(item)
    elif isinstance(raw, dict):
        yield from texts_of("folders", raw.get("folders"))
        yield from _folders_in([raw.get(key) for key in ("inputs", "options", "autogrow", "element")])
