"""The proof that a work folder is ours: a seal that only this user's own runs can make.

A name and a file in it prove nothing, since a downloaded repository can carry both. The seal is an HMAC of the folder's
name and inode under a key in the user's state folder, so that it holds for no copy and for nobody else's folder.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from comfy2runpod_contract.json_types import JsonObject

_KEY_SIZE = 32
_MARK: JsonObject = {"made by": "comfy2runpod", "what": "being written; the next run clears it"}
# Of `owner.json`; what is larger is not ours.
_LARGEST = 1000


def owner_of(place: Path) -> bytes:
    """The content of a work folder's `owner.json`; without a seal where the user has no state folder."""
    seal = _seal(place)
    return json.dumps(_MARK if seal is None else {**_MARK, "seal": seal}).encode()


def is_sealed(place: Path, owner: Path) -> bool:
    """Whether `owner.json` has the seal of a work folder, which only a run of this user can have written."""
    expected = _seal(place)
    given = _told(owner).get("seal")
    return expected is not None and isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())


def says_ours(owner: Path) -> bool:
    """Whether `owner.json` claims to be ours, sealed or not."""
    return _told(owner).items() >= _MARK.items()


def is_begun(owner: Path) -> bool:
    """Whether `owner.json` is one that a killed run of ours had not written to its end."""
    content = _content(owner)
    start = json.dumps(_MARK).encode()[:-1]
    return content is not None and not content.endswith(b"}") and content[: len(start)] == start[: len(content)]


def _told(owner: Path) -> JsonObject:
    with suppress(ValueError, RecursionError):
        told = json.loads(_content(owner) or b"")
        return told if isinstance(told, dict) else {}
    return {}


def _content(owner: Path) -> bytes | None:
    """What a file holds; None where it is no regular file, or too large."""
    try:
        fd = os.open(owner, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        content = file.read(_LARGEST + 1)
    return content if len(content) <= _LARGEST else None


def _seal(place: Path) -> str | None:
    """The seal of a folder, in hexadecimal; None where there is no key."""
    key = _key()
    if key is None:
        return None
    return hmac.new(key, f"{place.name}\0{place.lstat().st_ino}".encode(), "sha256").hexdigest()


def _key() -> bytes | None:
    """This user's key, made where there is none; None where it cannot be kept, or where others could read it."""
    try:
        import fcntl  # noqa: PLC0415 - not on every system

        folder = _state_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(folder / "work-folders.key", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "r+b") as file:
            fcntl.flock(fd, fcntl.LOCK_EX)
            found = os.fstat(fd)
            # No repository can carry a file that others cannot read.
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
                return None
            key = file.read(_KEY_SIZE)
            if len(key) < _KEY_SIZE:
                # New, or its maker was killed.
                key = secrets.token_bytes(_KEY_SIZE)
                file.seek(0)
                file.write(key)
                file.flush()
                os.fsync(fd)
    except (ImportError, OSError, RuntimeError):
        return None
    return key


def _state_folder() -> Path:
    """Where programs keep what is of one machine alone, by the XDG base directory specification."""
    given = os.environ.get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "comfy2runpod"
