"""The manifest of a folder: every file that we wrote, with its hash. Only these are replaced or removed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from comfy2runpod import __version__

MANIFEST = ".comfy2runpod.json"
# A package has about fifty files, a site about twenty per package.
MAX_BYTES = 8 * 1024 * 1024
_VERSION = 1
_GENERATOR = "comfy2runpod"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Source:
    """The file that a folder was made of: its name, and its sha256 in hexadecimal."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of a manifest.

    Attributes:
        kind: the kind of folder: `package`, `site` or `results`.
        files: the sha256 of files by path.
        graph: what a package was compiled from, for whoever looks whether it has changed since.
    """

    kind: str
    files: Mapping[str, str]
    graph: Source | None = None

    def to_bytes(self) -> bytes:
        """Serializes the manifest deterministically."""
        told = {
            "version": _VERSION,
            "generator": f"{_GENERATOR} {__version__}",
            "kind": self.kind,
            **({} if self.graph is None else {"graph": {"name": self.graph.name, "sha256": self.graph.sha256}}),
            "files": dict(sorted(self.files.items())),
        }
        return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()


def manifest_of(files: Mapping[str, bytes], kind: str, graph: Source | None = None) -> Manifest:
    """Returns the manifest of files, which are given as content by path."""
    return Manifest(kind, {path: sha256(data) for path, data in files.items()}, graph)


def read_manifest(data: bytes) -> Manifest:
    """Parses a manifest, which is untrusted.

    Raises:
        ValueError: it is none, or a path in it leads out of the folder.
    """
    try:
        told = json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    match told:
        case {"version": 1, "generator": str(), "kind": str(kind), "files": dict(files)}:
            pass
        case _:
            raise ValueError("it is not one that this version reads")
    for path, digest in files.items():
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest) or not is_inside(path):
            raise ValueError("a file in it has no path inside the folder, or no sha256")
    return Manifest(kind, files, _source(told.get("graph")))


def _source(told: object) -> Source | None:
    match told:
        case None:
            return None
        case {"name": str(name), "sha256": str(digest)}:
            return Source(name, digest)
        case _:
            raise ValueError("its graph is no file's name with a sha256")


def is_inside(path: str) -> bool:
    """Returns whether a relative path with `/` is safely inside its folder."""
    plain = PurePosixPath(path).as_posix() == path and not path.startswith("/") and "\0" not in path
    return plain and path not in {"", "."} and ".." not in path.split("/") and "\\" not in path


def sha256(data: bytes) -> str:
    """Returns the sha256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
