"""What a folder of ours holds: every file that we wrote, with its hash. Only these are ever replaced or removed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from comfy2runpod import __version__

MANIFEST = ".comfy2runpod.json"
# A package has some fifty files, a site some twenty a package.
MAX_BYTES = 8 * 1024 * 1024
_VERSION = 1
_GENERATOR = "comfy2runpod"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands in a folder's manifest: what the folder is (`package`, `site`, `results`), and path to sha256."""

    kind: str
    files: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """The manifest's file: the same for the same files."""
        told = {
            "version": _VERSION,
            "generator": f"{_GENERATOR} {__version__}",
            "kind": self.kind,
            "files": dict(sorted(self.files.items())),
        }
        return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()


def manifest_of(files: Mapping[str, bytes], kind: str) -> Manifest:
    """The manifest of files: path to bytes."""
    return Manifest(kind, {path: sha256(data) for path, data in files.items()})


def read_manifest(data: bytes) -> Manifest:
    """A manifest's content; it may be a stranger's.

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
    return Manifest(kind, files)


def is_inside(path: str) -> bool:
    """Whether a relative path, written with `/`, surely stays in its folder."""
    plain = PurePosixPath(path).as_posix() == path and not path.startswith("/") and "\0" not in path
    return plain and path not in {"", "."} and ".." not in path.split("/") and "\\" not in path


def sha256(data: bytes) -> str:
    """The digest, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
