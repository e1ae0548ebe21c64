"""Model files on this machine: verification records, RunPod's repository cache, and locks between workers."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from comfy2runpod_contract.hashes import sha256_hex
from comfy2runpod_runtime.errors import ModelUnavailable
from comfy2runpod_runtime.models.hub import ExpectedFile, sha256_of
from comfy2runpod_runtime.models.lock import LockedModel
from comfy2runpod_runtime.models.own_files import open_own, read_own, write_own

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
# A record has some 130 bytes.
_MAX_RECORD_BYTES = 1000


class _VerificationRecord(BaseModel):
    """The contents of `.<name>.checked`: a verified file is not read again while its size and time are the same."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    size: int
    modified_ns: int
    sha256: str | None


def part_path(target: Path) -> Path:
    """Returns the path of a partial download."""
    return target.with_name(target.name + ".part")


def record_verified(target: Path, sha256: str | None) -> None:
    """Records that a file was verified."""
    status = target.stat()
    record = _VerificationRecord(size=status.st_size, modified_ns=status.st_mtime_ns, sha256=sha256)
    write_own(_record_path(target), record.model_dump_json().encode())


def is_recorded(target: Path, model: LockedModel) -> bool:
    """Returns whether a file was verified before, has not changed, and matches the lock. Does not read the file."""
    try:
        record = _VerificationRecord.model_validate_json(read_own(_record_path(target), _MAX_RECORD_BYTES))
        status = target.stat()
    except (OSError, ValidationError):
        return False
    return (
        (record.size, record.modified_ns) == (status.st_size, status.st_mtime_ns)
        and model.size in (None, record.size)
        and (model.sha256 is None or model.sha256 == record.sha256)
    )


def verify(target: Path, expected: ExpectedFile) -> bool:
    """Reads a file that someone else stored; if it is the expected one, records that and returns True."""
    if not target.is_file() or expected.size is None or target.stat().st_size != expected.size:
        return False
    if expected.sha256 is not None and sha256_of(target) != expected.sha256:
        return False
    record_verified(target, expected.sha256)
    return True


def link_cached(target: Path, model: LockedModel, expected: ExpectedFile, hf_cache: Path | None) -> bool:
    """Links a file from RunPod's cache of Hugging Face repositories, if the cache has it; returns whether it has.

    Args:
        target: where to create the symbolic link.
        model: the file's repository and path.
        expected: the file's size and sha256.
        hf_cache: the cache's folder.
    """
    if hf_cache is None or model.repo is None or model.path is None or expected.size is None:
        return False
    snapshots = hf_cache / f"models--{model.repo.replace('/', '--')}" / "snapshots"
    for snapshot in sorted(snapshots.glob("*")):
        cached = snapshot / model.path
        if not cached.is_file() or cached.stat().st_size != expected.size:
            continue
        # The cache names large files by their sha256, so another revision is detected without reading the file.
        blob = cached.resolve().name
        if expected.sha256 is not None and sha256_hex(blob) is not None and blob != expected.sha256:
            continue
        link = target.with_name(f".{target.name}.link")
        link.unlink(missing_ok=True)
        link.symlink_to(cached)
        link.replace(target)
        record_verified(target, expected.sha256)
        log.info("%s: linked from the repository cache", model.file)
        return True
    return False


def remove_notes(target: Path) -> None:
    """Removes what the provisioner notes beside a file, which is not to be provisioned again."""
    for note in (_record_path(target), _lock_path(target)):
        note.unlink(missing_ok=True)


@contextmanager
def file_lock(target: Path, wait_seconds: float) -> Iterator[None]:
    """Locks a model file against other processes, also on a shared volume.

    Args:
        target: the model file.
        wait_seconds: how long to wait for another process.

    Raises:
        ModelUnavailable: another process holds the lock for longer.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    with open_own(_lock_path(target), append=False) as lock:
        logged = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ModelUnavailable(
                        f"{target.name} is being downloaded by another worker for over {wait_seconds:g} s."
                    ) from None
            if not logged:
                log.info("%s: another worker downloads it; waiting", target.name)
                logged = True
            time.sleep(_POLL_SECONDS)
        yield


def _record_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.checked")


def _lock_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.lock")
