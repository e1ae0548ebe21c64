"""The model lock: the commit, size and hash of each model file at the hub, so that all workers get the same bytes.

Beside them stands what the hub says of the file's repository: its licence, and whether it is gated.

The lock is stored beside the graph (`graphs/x.lock.json`) and committed with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from comfy2runpod.diagnostics import CompileError, Locus, shorten, show
from comfy2runpod.errors import model_lock as errors
from comfy2runpod.ir.interface import Interface, Model
from comfy2runpod.strict_json import strict_json
from comfy2runpod_contract.hashes import sha256_hex
from comfy2runpod_contract.json_types import Json, json_type
from comfy2runpod_contract.limits import LARGEST_FILE_BYTES
from comfy2runpod_contract.model_urls import ModelUrlRefused, model_url
from comfy2runpod_contract.texts import is_plain

VERSION = 1
_MOST_FILES = 10_000
LONGEST_LICENCE = 200
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class LockedFile:
    """The facts of one file at the hub.

    Attributes:
        revision: the commit.
        size: in bytes.
        licence: its repository's, one line; None if the hub names none.
        gated: whether its repository wants a token of somebody who accepted its terms; None if the hub does not say.
    """

    url: str
    revision: str | None
    size: int
    sha256: str | None
    licence: str | None = None
    gated: bool | None = None


def lock_text(locked: Sequence[LockedFile]) -> str:
    """The lock file's text."""
    files = {
        item.url: {
            "revision": item.revision,
            "size": item.size,
            "sha256": item.sha256,
            "licence": item.licence,
            "gated": item.gated,
        }
        for item in sorted(locked, key=lambda item: item.url)
    }
    return json.dumps({"version": VERSION, "files": files}, indent=2) + "\n"


def read_lock(data: bytes, file: str, hub: str | None = None) -> tuple[LockedFile, ...]:
    """A lock file's content.

    Args:
        data: the file.
        file: its name, for messages.
        hub: the address of the user's own hub, which may be anywhere.

    Raises:
        CompileError: it is not a lock, or one of another version; the entry that is wrong is named.
    """
    try:
        return tuple(_files(strict_json(data.decode("utf-8-sig")), hub))
    except ValueError as error:
        raise CompileError([errors.BadLock(at=Locus(file), problem=str(error))]) from None


def is_commit(text: str) -> bool:
    """Whether it is a commit as the hub writes it: 40 hex digits."""
    return _COMMIT.fullmatch(text) is not None


def is_licence(text: str) -> bool:
    """Whether it is a licence's name as a lock holds it: one line, not empty, that can be seen."""
    return 0 < len(text) <= LONGEST_LICENCE and is_plain(text) and text == " ".join(text.split())


def _files(raw: Json, hub: str | None) -> Iterator[LockedFile]:
    files = raw.get("files") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(files, dict):
        raise ValueError("expected an object with `version` and `files`")  # noqa: TRY004 - a fault of the file
    version = raw.get("version")
    if version != VERSION or isinstance(version, bool):
        raise ValueError(f"it has the version {show(version)}; this comfy2runpod reads version {VERSION}")
    if len(files) > _MOST_FILES:
        raise ValueError(f"it has {len(files):,} files; {_MOST_FILES:,} are read at most")
    for number, (url, entry) in enumerate(files.items(), 1):
        try:
            model_url(url, hub)
        except ModelUrlRefused as refused:
            # Not the URL, which may hold a token.
            raise ValueError(f"the URL of entry {number} is refused: {refused.reason.removesuffix('.')}") from None
        yield _file(url, entry)


def _file(url: str, entry: Json) -> LockedFile:
    at = shorten(url, 200)
    if not isinstance(entry, dict):
        raise ValueError(f"{at}: expected an object, found {json_type(entry)}")  # noqa: TRY004 - a fault of the file
    revision, size, sha256 = entry.get("revision"), entry.get("size"), entry.get("sha256")
    if revision is not None and not (isinstance(revision, str) and is_commit(revision)):
        raise ValueError(f"{at}: revision is {show(revision)}; expected a commit of 40 hex digits, or null")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= LARGEST_FILE_BYTES:
        raise ValueError(f"{at}: size is {show(size)}; expected a number of bytes, 1 to {LARGEST_FILE_BYTES:,}")
    digest = sha256_hex(sha256) if isinstance(sha256, str) else None
    if digest is None and sha256 is not None:
        raise ValueError(f"{at}: sha256 is {show(sha256)}; expected 64 hex digits, or null")
    licence, gated = entry.get("licence"), entry.get("gated")
    if licence is not None and not (isinstance(licence, str) and is_licence(licence)):
        raise ValueError(
            f"{at}: licence is {shorten(show(licence), 200)}; expected a text on one line, "
            f"{LONGEST_LICENCE} characters at most, or null"
        )
    if gated is not None and not isinstance(gated, bool):
        raise ValueError(f"{at}: gated is {show(gated)}; expected true, false or null")
    return LockedFile(url, revision, size, digest, licence, gated)


def merge_lock(interface: Interface, locked: Sequence[LockedFile]) -> Interface:
    """The interface, with the lock's facts about its models; the author's word on a licence is above the hub's."""
    by_url = {item.url: item for item in locked}
    models = tuple(_merged(model, by_url.get(model.url)) for model in interface.models)
    return replace(interface, models=models)


def _merged(model: Model, known: LockedFile | None) -> Model:
    if known is None:
        return model
    return replace(
        model,
        revision=known.revision,
        size=known.size,
        sha256=known.sha256,
        licence=model.licence or known.licence,
        gated=model.gated if known.gated is None else known.gated,
    )
