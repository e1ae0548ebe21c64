"""Model files, as the lock lists them: whole under their names, or not there at all.

    python -m comfy2runpod_runtime.provision models.lock.json --models-dir DIR

A file is downloaded to `<name>.part` beside its place, resumed where it stopped, also by another process, checked by
size and sha256, and renamed. What the lock does not know (before `comfy2runpod lock` has been run) the hub itself
tells: the size and hash that it stores for the file.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from comfy2runpod_runtime.errors import ModelUnavailable
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger(__name__)

HUB = "https://huggingface.co"
_CHUNK = 8 << 20
_TRIES = 5
_TIMEOUT_SECONDS = 60.0


class LockedModel(BaseModel):
    """One file of the lock. `size` in bytes; None where `comfy2runpod lock` has not been run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str
    directory: str
    url: str
    repo: str | None = None
    path: str | None = None
    revision: str | None = None
    size: int | None = None
    sha256: str | None = None


class ModelLock(BaseModel):
    """models.lock.json."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    models: tuple[LockedModel, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a whole file must be. `url` is where its bytes are, after redirects have been told."""

    url: str
    size: int | None
    sha256: str | None


def read_lock(path: Path) -> ModelLock:
    """The lock file.

    Raises:
        ModelUnavailable: it cannot be read.
    """
    try:
        return ModelLock.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelUnavailable(f"{path.name} cannot be read: {type(error).__name__}.") from error


def provision(lock: ModelLock, models_dir: Path, hf_cache: Path | None = None) -> None:
    """Makes sure that every file of the lock is whole under `models_dir/<directory>/<file>`.

    Raises:
        ModelUnavailable: one of them cannot be had, or is not what the lock says.
    """
    for model in lock.models:
        target = models_dir / model.directory / model.file
        if not target.resolve().is_relative_to(models_dir.resolve()):
            raise ModelUnavailable(f"{model.directory}/{model.file} would lie outside the models folder.")
        with _locked(target):
            if not _is_whole(target, model) and not _link_cached(target, model, hf_cache):
                _fetch(target, model)


def _is_whole(target: Path, model: LockedModel) -> bool:
    """Whether the file was checked before: its size, and the hash noted then, are those of the lock."""
    try:
        noted = json.loads(_note(target).read_text("utf-8"))
        size = target.stat().st_size
    except (OSError, ValueError):
        return False
    return (
        isinstance(noted, dict)
        and noted.get("size") == size
        and model.size in (None, size)
        and model.sha256 in (None, noted.get("sha256"))
    )


def _link_cached(target: Path, model: LockedModel, hf_cache: Path | None) -> bool:
    """Uses RunPod's cache of the repository, if it holds the very file: the link is made once the file is there."""
    if hf_cache is None or model.repo is None or model.path is None or model.size is None:
        return False
    snapshots = hf_cache / f"models--{model.repo.replace('/', '--')}" / "snapshots"
    for snapshot in sorted(snapshots.glob("*")):
        cached = snapshot / model.path
        if cached.is_file() and cached.stat().st_size == model.size:
            link = _part(target)
            link.unlink(missing_ok=True)
            link.symlink_to(cached)
            link.replace(target)
            _write_note(target, model.size, model.sha256)
            log.info("%s: linked from the repository cache", model.file)
            return True
    return False


def _fetch(target: Path, model: LockedModel) -> None:
    with httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=False) as http:
        expected = _expected(http, model)
        part = _part(target)
        have = part.stat().st_size if part.exists() else 0
        if expected.size is not None:
            free = shutil.disk_usage(target.parent).free
            if free < expected.size - have:
                raise ModelUnavailable(
                    f"{model.file} needs {expected.size - have:,} bytes more; the disk has {free:,} free. "
                    "Use a larger volume or container disk."
                )
        log.info(
            "%s: downloading %s bytes, %s there already", model.file, expected.size or "an unknown number of", have
        )
        _download(http, part, model, expected)
    size, digest = part.stat().st_size, _sha256(part)
    if expected.size not in (None, size):
        part.unlink()
        raise ModelUnavailable(f"{model.file} has {size:,} bytes, expected {expected.size:,}; it was thrown away.")
    if expected.sha256 not in (None, digest):
        part.unlink()
        raise ModelUnavailable(
            f"{model.file} has the sha256 {digest}, expected {expected.sha256}; it was thrown away. "
            "If the file was changed on purpose, run comfy2runpod lock again."
        )
    part.replace(target)
    _write_note(target, size, digest)
    log.info("%s: whole, %s bytes", model.file, size)


def _expected(http: httpx.Client, model: LockedModel) -> Expected:
    """Where the bytes are and what they must be: the lock's word, else the hub's own."""
    url = _hub_url(model.url)
    response = _send(http, "HEAD", url, model)
    size = response.headers.get("x-linked-size") or response.headers.get("content-length")
    etag = (response.headers.get("x-linked-etag") or "").strip('"').removeprefix("W/")
    told = etag if len(etag) == 64 and response.headers.get("x-linked-size") else None  # noqa: PLR2004 - a sha256 in hex
    return Expected(
        url=url,
        size=model.size if model.size is not None else (int(size) if size and size.isdecimal() and told else None),
        sha256=model.sha256 or told,
    )


def _download(http: httpx.Client, part: Path, model: LockedModel, expected: Expected) -> None:
    """Appends to the part until it has all; a connection that breaks is taken up where it stopped."""
    for attempt in range(_TRIES):
        have = part.stat().st_size if part.exists() else 0
        if expected.size is not None and have >= expected.size:
            return
        try:
            if _append(http, part, model, expected, have):
                return
        except httpx.TransportError as error:
            log.warning("%s: %s after %s bytes", model.file, type(error).__name__, have)
        if attempt + 1 < _TRIES:
            time.sleep(min(30, 2**attempt * 0.5))
    raise ModelUnavailable(f"{model.file} could not be downloaded whole in {_TRIES} tries; the part is kept.")


def _append(http: httpx.Client, part: Path, model: LockedModel, expected: Expected, have: int) -> bool:
    """One try. True when the server has sent all that it has."""
    url, headers = expected.url, _token(expected.url)
    for _ in range(5):
        with http.stream("GET", url, headers={**headers, **({"Range": f"bytes={have}-"} if have else {})}) as response:
            if response.is_redirect:
                url = str(response.next_request.url) if response.next_request else url
                headers = _token(url)
                continue
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()
                return False
            _raise_status(response, model)
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            with part.open("ab" if resumed else "wb") as out:
                for chunk in response.iter_bytes(_CHUNK):
                    out.write(chunk)
            return expected.size is None or part.stat().st_size >= expected.size
    raise ModelUnavailable(f"{model.file}: the server redirects without end.")


def _send(http: httpx.Client, method: str, url: str, model: LockedModel) -> httpx.Response:
    for attempt in range(_TRIES):
        try:
            response = http.request(method, url, headers=_token(url))
        except httpx.TransportError as error:
            if attempt + 1 == _TRIES:
                raise ModelUnavailable(f"{model.file}: the hub cannot be reached ({type(error).__name__}).") from error
            time.sleep(min(30, 2**attempt * 0.5))
            continue
        # A relative redirect stays with the hub (a renamed repository); an absolute one leads to the bytes.
        location = response.headers.get("location", "")
        if response.is_redirect and location.startswith("/"):
            url = str(response.next_request.url) if response.next_request else url
            continue
        if not response.is_redirect:
            _raise_status(response, model)
        return response
    raise ModelUnavailable(f"{model.file}: the hub redirects without end.")


def _raise_status(response: httpx.Response, model: LockedModel) -> None:
    code = response.status_code
    if code in (401, 403):
        raise ModelUnavailable(
            f"{model.file}: the hub refuses access (HTTP {code}). Accept the model's licence there and set HF_TOKEN."
        )
    if code == httpx.codes.NOT_FOUND:
        raise ModelUnavailable(f"{model.file} is not at its URL (HTTP 404). Check `properties.models` of its loader.")
    if response.is_error:
        raise ModelUnavailable(f"{model.file}: the server answered HTTP {code}.")


def _hub_url(url: str) -> str:
    """The URL at the hub that HF_ENDPOINT names, as huggingface_hub has it."""
    endpoint = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    return endpoint + url.removeprefix(HUB) if url.startswith(HUB + "/") else url


def _token(url: str) -> dict[str, str]:
    """The token goes to the hub and nowhere else: where it redirects to, the URL itself is the permission."""
    token = os.environ.get("HF_TOKEN")
    hub = urlsplit(os.environ.get("HF_ENDPOINT", HUB)).netloc
    return {"Authorization": f"Bearer {token}"} if token and urlsplit(url).netloc == hub else {}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _note(target: Path) -> Path:
    return target.with_name(f".{target.name}.checked")


def _write_note(target: Path, size: int, digest: str | None) -> None:
    _note(target).write_text(json.dumps({"size": size, "sha256": digest}), encoding="utf-8")


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """One process at a time for a file, also over a shared volume: the second finds it whole."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = target.with_name(f".{target.name}.lock").open("w")
    except OSError as error:
        raise ModelUnavailable(f"The models folder cannot be written ({error.strerror}).") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m comfy2runpod_runtime.provision")
    parser.add_argument("lock", type=Path)
    parser.add_argument("--models-dir", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        provision(read_lock(options.lock), options.models_dir, Settings().hf_cache_dir)
    except ModelUnavailable as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
