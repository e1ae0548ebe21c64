"""The manifest of a folder: every file that we wrote, with its hash. Only these are replaced or removed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from comfy2runpod import __version__
from comfy2runpod.strict_json import strict_json
from comfy2runpod_contract.texts import is_plain

MANIFEST = ".comfy2runpod.json"
# A package has about fifty files, a site about twenty per package.
MAX_BYTES = 8 * 1024 * 1024
_VERSION = 1
_GENERATOR = "comfy2runpod"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_EDITOR = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}")
# Of each list of options, and of a name in one, in characters.
_MOST_NAMES, _LONGEST_NAME = 1000, 1000


@dataclass(frozen=True, slots=True)
class Source:
    """The file that a folder was made of: its name, and its sha256 in hexadecimal.

    `files` are those beside it that went into the folder too: their paths in its folder, and the sha256 of each.
    """

    name: str
    sha256: str
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The file's name and hash, and those of the others if there are any."""
        more = {"files": dict(sorted(self.files.items()))} if self.files else {}
        return {"name": self.name, "sha256": self.sha256, **more}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The options that a package was compiled with, as far as they change what is compiled or whether it is.

    Attributes:
        editor: the editor whose rules were followed; None for the default.
        allow_api_nodes: whether every node that calls a paid service was accepted.
        api_nodes: the classes of such nodes that were, sorted.
        catalogs: the names of the catalogs that were given, in their order, without folders.
        allow_image_additions: whether files and packages that the note puts into the image were accepted.
    """

    editor: str | None = None
    allow_api_nodes: bool = False
    api_nodes: tuple[str, ...] = ()
    catalogs: tuple[str, ...] = ()
    allow_image_additions: bool = False

    def to_json(self) -> dict[str, object]:
        """What is not the default."""
        told = {
            "editor": self.editor,
            "allow_api_nodes": self.allow_api_nodes,
            "api_nodes": [*self.api_nodes],
            "catalogs": [*self.catalogs],
            "allow_image_additions": self.allow_image_additions,
        }
        return {key: value for key, value in told.items() if value}


DEFAULTS = Chosen()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of a manifest.

    Attributes:
        kind: the kind of folder: `package`, `site` or `results`.
        files: the sha256 of files by path.
        graph: what a package was compiled from, for whoever looks whether it has changed since.
        options: what it was compiled with.
    """

    kind: str
    files: Mapping[str, str]
    graph: Source | None = None
    options: Chosen = DEFAULTS

    def to_bytes(self) -> bytes:
        """Serializes the manifest deterministically."""
        told = {
            "version": _VERSION,
            "generator": f"{_GENERATOR} {__version__}",
            "kind": self.kind,
            **({} if self.graph is None else {"graph": self.graph.to_json()}),
            **({} if self.options == DEFAULTS else {"options": self.options.to_json()}),
            "files": dict(sorted(self.files.items())),
        }
        return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()


def manifest_of(
    files: Mapping[str, bytes], kind: str, graph: Source | None = None, options: Chosen = DEFAULTS
) -> Manifest:
    """Returns the manifest of files, which are given as content by path."""
    return Manifest(kind, {path: sha256(data) for path, data in files.items()}, graph, options)


def read_manifest(data: bytes) -> Manifest:
    """Parses a manifest, which is untrusted.

    Raises:
        ValueError: it is none, a path in it leads out of the folder, or its options are none that a command takes.
    """
    try:
        told = strict_json(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
    match told:
        case {"version": 1, "generator": str(), "kind": str(kind), "files": dict(files), **more}:
            return Manifest(kind, _files(files), _source(more.get("graph")), _chosen(more.get("options", {})))
        case _:
            raise ValueError("it is not one that this version reads")


def _source(told: object) -> Source | None:
    match told:
        case None:
            return None
        case {"name": str(name), "sha256": str(digest), **more}:
            files = more.get("files", {})
            if not isinstance(files, dict) or len(files) > _MOST_NAMES:
                raise ValueError(f"the files of its graph are no mapping of at most {_MOST_NAMES} paths")
            return Source(name, digest, _files(files))
        case _:
            raise ValueError("its graph is no file's name with a sha256")


def _files(told: Mapping[str, object]) -> dict[str, str]:
    files = {}
    for path, digest in told.items():
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest) or not is_inside(path) or "\n" in path:
            raise ValueError("a file in it has no path inside the folder, or no sha256")
        files[path] = digest
    return files


def _chosen(told: object) -> Chosen:
    known = {"editor", "allow_api_nodes", "api_nodes", "catalogs", "allow_image_additions"}
    if not isinstance(told, dict) or told.keys() - known:
        raise ValueError("its options are not ones that this version reads")
    editor = told.get("editor")
    if editor is not None and not (isinstance(editor, str) and _EDITOR.fullmatch(editor)):
        raise ValueError("the editor in its options is no version")
    every_node, additions = (_flag(told, key) for key in ("allow_api_nodes", "allow_image_additions"))
    catalogs = _names(told.get("catalogs", []), "catalogs")
    if any("/" in name for name in catalogs):
        raise ValueError("a catalog in its options is no file's name without a folder")
    return Chosen(editor, every_node, _names(told.get("api_nodes", []), "api_nodes"), catalogs, additions)


def _flag(told: Mapping[str, object], key: str) -> bool:
    value = told.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{key} in its options is neither true nor false")  # noqa: TRY004 - a fault of the file
    return value


def _names(told: object, key: str) -> tuple[str, ...]:
    if not isinstance(told, list) or len(told) > _MOST_NAMES:
        raise ValueError(f"{key} in its options is no list of at most {_MOST_NAMES} names")
    for name in told:
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not is_plain(name):
            raise ValueError(f"{key} in its options holds what is no name")
    return tuple(told)


def is_inside(path: str) -> bool:
    """Returns whether a relative path with `/` is safely inside its folder."""
    plain = PurePosixPath(path).as_posix() == path and not path.startswith("/") and "\0" not in path
    return plain and path not in {"", "."} and ".." not in path.split("/") and "\\" not in path


def sha256(data: bytes) -> str:
    """Returns the sha256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
