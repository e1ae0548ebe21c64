"""Files on the Hugging Face hub, or at any other URL: what they must be, and their bytes.

A token goes to its own site and nowhere else (HF_TOKEN to the hub, CIVITAI_TOKEN to Civitai): where these redirect to,
the URL itself is the permission.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from comfy2runpod_contract.hashes import sha256_hex
from comfy2runpod_runtime.errors import ModelUnavailable

log = logging.getLogger(__name__)

HUB = "https://huggingface.co"
_CIVITAI = ("civitai.com", "www.civitai.com")
_CHUNK = 1 << 20
# Tries in a row that bring nothing new; a slow but moving download is never given up.
_TRIES = 5
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_TIMEOUT_SECONDS = 60.0
_REDIRECTS = 5
_SIZE = re.compile(r"[0-9]{1,16}")
# Of a file whose size nobody tells: more than any model has, and what the disk keeps for others.
_MOST_BYTES = 200 * 10**9
_SPARE_BYTES = 100 * 10**6
_WEB_PAGES = ("text/html", "application/xhtml+xml")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a whole file must be: bytes, and sha256 in hex; None where nobody knows."""

    size: int | None
    sha256: str | None


class _TryAgain(Exception):
    """A failure that may pass: what happened, for the log and the final message."""


# What a connection, a server that is no HTTP server, or a redirect to no address makes of a request.
_FAILED = (_TryAgain, httpx.HTTPError, httpx.InvalidURL, UnicodeError)


class Hub:
    """The HTTP side of downloads, for as long as the context is open."""

    def __init__(self, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self.timeout_seconds = timeout_seconds
        # A compressed answer would have other bytes than those that size and hash are of.
        headers = {"Accept-Encoding": "identity"}
        self._http = httpx.Client(timeout=timeout_seconds, follow_redirects=False, headers=headers)

    def __enter__(self) -> Hub:
        """Opens nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connections."""
        self._http.close()

    def expected(self, url: str, name: str) -> Expected:
        """What the server says that a file is, in one HEAD request.

        Raises:
            ModelUnavailable: it has no such file, does not give it to us, or cannot be reached.
        """
        failure = ""
        for attempt in range(_TRIES):
            _pause(attempt)
            try:
                return self._in_time(lambda: self._head(_at_endpoint(url), name))
            except _FAILED as error:
                failure = _reason(error)
        raise ModelUnavailable(f"{name}: {urlsplit(_at_endpoint(url)).netloc} cannot be reached: {failure}.")

    def download(self, url: str, name: str, part: Path, size: int | None) -> str:
        """Brings a part to its full size, from wherever it is; its sha256.

        Raises:
            ModelUnavailable: it could not be had; the part is kept for the next time, unless it has no end.
        """
        digest, have = _hash_of(part)
        failures, failure = 0, ""
        while size is None or have < size:
            _pause(failures)
            before = have
            try:
                with part.open("ab") as file:
                    for start, chunk in self._bytes_from(_at_endpoint(url), name, have, told=size is not None):
                        if start == 0 and have:
                            digest, have = hashlib.sha256(), 0
                            file.truncate(0)
                        file.write(chunk)
                        digest.update(chunk)
                        have += len(chunk)
                        if size is None:
                            _check_end(part, name, have)
                        elif have > size:
                            # More than it should be: whoever asked sees that it is another file.
                            break
            except _FAILED as error:
                failure = _reason(error)
                log.warning("%s: %s after %s bytes", name, failure, f"{have:,}")
            else:
                if size is None and not have:
                    raise ModelUnavailable(f"{name}: {urlsplit(_at_endpoint(url)).hostname} gives an empty file.")
                if size is None:
                    break
            failures = 0 if have > before else failures + 1
            if failures >= _TRIES:
                raise ModelUnavailable(
                    f"{name} could not be downloaded whole: after {have:,} bytes, {failure or 'nothing came'}. "
                    "What there is is kept; the next start goes on from it."
                )
        return digest.hexdigest()

    def _head(self, url: str, name: str) -> Expected:
        for _ in range(_REDIRECTS):
            response = self._http.head(url, headers=_token(url))
            location = response.headers.get("location", "")
            # A relative redirect stays with the hub (a renamed repository); an absolute one leads to the bytes.
            if response.is_redirect and location.startswith("/") and response.next_request is not None:
                url = str(response.next_request.url)
                continue
            if response.is_redirect and "x-linked-size" not in response.headers and response.next_request is not None:
                url = str(response.next_request.url)
                continue
            _raise_status(response, name)
            size = response.headers.get("x-linked-size") or response.headers.get("content-length") or ""
            digest = response.headers.get("x-linked-etag", "").removeprefix("W/").strip('"')
            return Expected(
                # No model is empty: a server that has no size for a HEAD says 0.
                size=int(size) or None if _SIZE.fullmatch(size) else None,
                sha256=sha256_hex(digest),
            )
        raise ModelUnavailable(f"{name}: {urlsplit(url).netloc} redirects without end.")

    def _in_time(self, ask: Callable[[], Answer], drop: Callable[[Answer], None] = lambda _answer: None) -> Answer:
        """An answer that is there within so many seconds, whatever trickles in; one that comes later is dropped.

        Raises:
            _TryAgain: it is not; and whatever `ask` raises.
        """
        asked: Future[Answer] = Future()

        def work() -> None:
            try:
                asked.set_result(ask())
            except Exception as error:  # noqa: BLE001 - raised again where it is waited for
                asked.set_exception(error)

        def too_late(done: Future[Answer]) -> None:
            if done.exception() is None:
                drop(done.result())

        # A daemon: what waits for a connection for ever does not keep the worker.
        threading.Thread(target=work, daemon=True).start()
        if not wait([asked], self.timeout_seconds).done:
            asked.add_done_callback(too_late)
            raise _TryAgain(f"no whole answer within {self.timeout_seconds:g} seconds")
        return asked.result()

    def _bytes_from(self, url: str, name: str, have: int, *, told: bool) -> Iterator[tuple[int, bytes]]:
        """Chunks from `have` on, each with where it belongs: a server without ranges begins at 0.

        `told` is whether the file's size is known: where it is not, the answer must have an end of its own.
        """
        for _ in range(_REDIRECTS):
            headers = _token(url) | ({"Range": f"bytes={have}-"} if have else {})
            request = self._http.build_request("GET", url, headers=headers)
            response = self._in_time(partial(self._http.send, request, stream=True), httpx.Response.close)
            with closing(response):
                if response.is_redirect and response.next_request is not None:
                    url = str(response.next_request.url)
                    continue
                if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    # All of it is there already; the caller's check of size and hash says if it is the right one.
                    return
                _raise_status(response, name)
                _raise_no_file(response, name, told=told)
                start = _start_of(response, have)
                for chunk in response.iter_raw(_CHUNK):
                    yield start, chunk
                    start += len(chunk)
                return
        raise ModelUnavailable(f"{name}: the server redirects without end.")


def _check_end(part: Path, name: str, have: int) -> None:
    """That what has no known size does not fill the disk.

    Raises:
        ModelUnavailable: it would; what there is of it is deleted.
    """
    if have > _MOST_BYTES or shutil.disk_usage(part.parent).free < _SPARE_BYTES:
        part.unlink()
        raise ModelUnavailable(
            f"{name}: {have:,} bytes arrived without an end, and the server gives no size. The partial file was "
            "deleted. Use a larger volume, or a server that gives the file's size."
        )


def _raise_no_file(response: httpx.Response, name: str, *, told: bool) -> None:
    """Refuses an answer that holds no file, whatever its status is called."""
    code, host = response.status_code, response.url.host
    if not response.is_success:
        raise _TryAgain(f"HTTP {code}")
    if code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        raise ModelUnavailable(f"{name}: {host} answered HTTP {code}, which holds no file.")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _WEB_PAGES:
        raise ModelUnavailable(
            f"{name}: {host} answered with a web page, such as a log-in page, instead of the file. Open the URL in a "
            "browser, and use one that leads to the file itself."
        )
    if not told and not {"content-length", "transfer-encoding"} & {key.lower() for key in response.headers}:
        raise ModelUnavailable(
            f"{name}: {host} gives neither the file's size nor a marked end, so a cut-off download cannot be "
            "noticed. Use a server that gives the file's size."
        )


def _start_of(response: httpx.Response, asked: int) -> int:
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    start = response.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    if start != str(asked):
        raise _TryAgain("an answer with another part of the file than the one asked for")
    return asked


def _raise_status(response: httpx.Response, name: str) -> None:
    code, host = response.status_code, response.url.host
    if code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise ModelUnavailable(
            f"{name}: {host} refuses access (HTTP {code}). Accept the model's licence there, and set "
            f"{'CIVITAI_TOKEN' if host in _CIVITAI else 'HF_TOKEN'} to a token that may read it."
        )
    if code == httpx.codes.NOT_FOUND:
        raise ModelUnavailable(f"{name} is not at its URL (HTTP 404). Check `properties.models` of its loader.")
    if code in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS) or response.is_server_error:
        raise _TryAgain(f"HTTP {code}")
    if response.is_error:
        raise ModelUnavailable(f"{name}: {host} answered HTTP {code}.")


def _at_endpoint(url: str) -> str:
    """The URL at the hub that HF_ENDPOINT names, as huggingface_hub has it."""
    return _endpoint() + url.removeprefix(HUB) if url.startswith(HUB + "/") else url


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")


def _token(url: str) -> dict[str, str]:
    hub, asked = urlsplit(_endpoint()), urlsplit(url)
    name = None
    if (asked.scheme, asked.netloc) == (hub.scheme, hub.netloc):
        name = "HF_TOKEN"
    elif asked.scheme == "https" and asked.netloc in _CIVITAI:
        name = "CIVITAI_TOKEN"
    # A secret that was pasted often ends in a line end, which no header may hold.
    token = os.environ.get(name, "").strip() if name is not None else ""
    return {"Authorization": f"Bearer {token}"} if token else {}


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, _TryAgain) else type(error).__name__


def _pause(failures: int) -> None:
    if failures:
        time.sleep(min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (failures - 1)))


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex."""
    return _hash_of(path)[0].hexdigest()


def _hash_of(path: Path) -> tuple[hashlib._Hash, int]:
    """The running hash and the size of what there is of a file."""
    digest, size = hashlib.sha256(), 0
    if path.exists():
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    return digest, size
