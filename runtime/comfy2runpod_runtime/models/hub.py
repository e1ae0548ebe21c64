"""Downloads model files over HTTP: from the Hugging Face hub, Civitai or any other URL."""

from __future__ import annotations

import hashlib
import logging
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
from comfy2runpod_runtime.models.own_files import open_own, remove_foreign
from comfy2runpod_runtime.models.responses import (
    RetryableError,
    check_body,
    check_status,
    endpoint_url,
    range_start,
    redirect_url,
    token_header,
)

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
# Failed attempts in a row without a new byte. A slow download that makes progress is never given up.
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_TIMEOUT_SECONDS = 60.0
_REDIRECTS = 5
_SIZE = re.compile(r"[0-9]{1,16}")
# For a file of unknown size: larger than any model, and the disk space to leave for others.
_MAX_BYTES = 200 * 10**9
_SPARE_BYTES = 100 * 10**6

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """What a complete file must be: its size in bytes and its sha256 in hexadecimal; None if unknown."""

    size: int | None
    sha256: str | None


# What a failed connection, a broken server or an invalid redirect raises.
_RETRYABLE = (RetryableError, httpx.HTTPError, httpx.InvalidURL, UnicodeError)


class Hub:
    """An HTTP client for downloads. It is a context manager.

    Args:
        timeout_seconds: to connect, and between two chunks.
    """

    def __init__(self, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self.timeout_seconds = timeout_seconds
        # Size and hash are those of the uncompressed file.
        headers = {"Accept-Encoding": "identity"}
        self._http = httpx.Client(timeout=timeout_seconds, follow_redirects=False, headers=headers)

    def __enter__(self) -> Hub:
        """Returns the client. Connections are opened on first use."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connections."""
        self._http.close()

    def expected(self, url: str, name: str) -> ExpectedFile:
        """Returns the size and sha256 that the server states for a file, by a HEAD request.

        Args:
            url: the file's URL.
            name: the file's name, for messages.

        Raises:
            ModelUnavailable: the server does not have the file, denies access, or cannot be reached.
        """
        failure = ""
        for attempt in range(_ATTEMPTS):
            _pause(attempt)
            try:
                return self._with_timeout(lambda: self._head(endpoint_url(url), name))
            except _RETRYABLE as error:
                failure = _reason(error)
        raise ModelUnavailable(f"{name}: {urlsplit(endpoint_url(url)).netloc} cannot be reached: {failure}.")

    def download(self, url: str, name: str, part: Path, size: int | None) -> str:
        """Downloads a file, or the rest of a partial one.

        Args:
            url: the file's URL.
            name: the file's name, for messages.
            part: the partial file, which is extended.
            size: the file's size in bytes; None if unknown.

        Returns:
            The sha256 of the complete file.

        Raises:
            ModelUnavailable: the download failed; the partial file is kept, unless it grew without end.
        """
        remove_foreign(part)
        digest, have = _hash_and_size(part)
        failures, failure = 0, ""
        while size is None or have < size:
            _pause(failures)
            before = have
            try:
                with open_own(part, append=True) as file:
                    for start, chunk in self._chunks_from(endpoint_url(url), name, have, size_known=size is not None):
                        if start == 0 and have:
                            digest, have = hashlib.sha256(), 0
                            file.truncate(0)
                        file.write(chunk)
                        digest.update(chunk)
                        have += len(chunk)
                        if size is None:
                            _check_growth(part, name, have)
                        elif have > size:
                            # Too long: the caller sees that it is another file.
                            break
            except _RETRYABLE as error:
                failure = _reason(error)
                log.warning("%s: %s after %s bytes", name, failure, f"{have:,}")
            else:
                if size is None and not have:
                    raise ModelUnavailable(f"{name}: {urlsplit(endpoint_url(url)).hostname} sent an empty file.")
                if size is None:
                    break
            failures = 0 if have > before else failures + 1
            if failures >= _ATTEMPTS:
                raise ModelUnavailable(
                    f"{name} could not be downloaded completely: after {have:,} bytes, {failure or 'no data arrived'}. "
                    "The partial file is kept; the next start resumes it."
                )
        return digest.hexdigest()

    def _head(self, url: str, name: str) -> ExpectedFile:
        for _ in range(_REDIRECTS):
            response = self._http.head(url, headers=token_header(url))
            location = response.headers.get("location", "")
            # A relative redirect stays on the hub (a renamed repository); an absolute one leads to the storage.
            if response.next_request is not None and (
                location.startswith("/") or "x-linked-size" not in response.headers
            ):
                url = redirect_url(response, response.next_request, name)
                continue
            check_status(response, name)
            size = response.headers.get("x-linked-size") or response.headers.get("content-length") or ""
            digest = response.headers.get("x-linked-etag", "").removeprefix("W/").strip('"')
            return ExpectedFile(
                # No model is empty: some servers state a size of 0 for HEAD requests.
                size=int(size) or None if _SIZE.fullmatch(size) else None,
                sha256=sha256_hex(digest),
            )
        raise ModelUnavailable(f"{name}: {urlsplit(url).netloc} redirects too often.")

    def _with_timeout(
        self, send: Callable[[], Answer], discard: Callable[[Answer], None] = lambda _answer: None
    ) -> Answer:
        """Sends a request with a time limit for the whole response, against servers that send a byte at a time.

        Args:
            send: sends the request.
            discard: closes a response that arrives too late.

        Raises:
            RetryableError: the time limit was reached; and whatever `send` raises.
        """
        response: Future[Answer] = Future()

        def run() -> None:
            try:
                response.set_result(send())
            except Exception as error:  # noqa: BLE001 - raised again by result()
                response.set_exception(error)

        def discard_late(late: Future[Answer]) -> None:
            if late.exception() is None:
                discard(late.result())

        # A daemon thread: one that hangs in a connection must not keep the worker from exiting.
        threading.Thread(target=run, daemon=True).start()
        if not wait([response], self.timeout_seconds).done:
            response.add_done_callback(discard_late)
            raise RetryableError(f"no complete answer within {self.timeout_seconds:g} seconds")
        return response.result()

    def _chunks_from(self, url: str, name: str, have: int, *, size_known: bool) -> Iterator[tuple[int, bytes]]:
        """Downloads a file from the offset `have`: chunks with their offsets. A server without ranges starts at 0."""
        for _ in range(_REDIRECTS):
            headers = token_header(url) | ({"Range": f"bytes={have}-"} if have else {})
            request = self._http.build_request("GET", url, headers=headers)
            response = self._with_timeout(partial(self._http.send, request, stream=True), httpx.Response.close)
            with closing(response):
                if response.next_request is not None:
                    url = redirect_url(response, response.next_request, name)
                    continue
                if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    # The file is complete already; the caller checks its size and hash.
                    return
                check_status(response, name)
                check_body(response, name, size_known=size_known)
                start = range_start(response, have)
                for chunk in response.iter_raw(_CHUNK):
                    yield start, chunk
                    start += len(chunk)
                return
        raise ModelUnavailable(f"{name}: the server redirects too often.")


def _check_growth(part: Path, name: str, have: int) -> None:
    """Checks that a file of unknown size does not fill the disk.

    Raises:
        ModelUnavailable: it would; the partial file is deleted.
    """
    if have > _MAX_BYTES or shutil.disk_usage(part.parent).free < _SPARE_BYTES:
        part.unlink()
        raise ModelUnavailable(
            f"{name}: {have:,} bytes arrived without an end, and the server sends no size. The partial file was "
            "deleted. Use a larger volume, or a server that sends the file's size."
        )


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, RetryableError) else type(error).__name__


def _pause(failures: int) -> None:
    if failures:
        time.sleep(min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (failures - 1)))


def sha256_of(path: Path) -> str:
    """Returns the sha256 of a file, in hexadecimal."""
    return _hash_and_size(path)[0].hexdigest()


def _hash_and_size(path: Path) -> tuple[hashlib._Hash, int]:
    """Returns the running sha256 and the size of a file, which may not exist."""
    digest, size = hashlib.sha256(), 0
    if path.exists():
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    return digest, size
