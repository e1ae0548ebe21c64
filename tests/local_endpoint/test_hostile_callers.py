"""Hostile and broken callers: raw sockets to the local server, which keeps serving, with a quiet log."""

from __future__ import annotations

import gzip
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from comfy2runpod.local_endpoint import LocalEndpoint, connection_limits, operations, running_endpoint
from tests.patience import HANG_SECONDS

HOST = b"Host: 127.0.0.1\r\n"
KEY = b"Authorization: Bearer local\r\n"


def post(body: bytes, *headers: bytes, path: bytes = b"run", length: int | None = None) -> bytes:
    """A request to an operation; of another length than its body's, if that is said."""
    size = b"Content-Length: %d\r\n" % (len(body) if length is None else length)
    return b"POST PLACE/" + path + b" HTTP/1.1\r\n" + HOST + KEY + size + b"".join(headers) + b"\r\n" + body


def get(path: bytes, *headers: bytes) -> bytes:
    return b"GET PLACE/" + path + b" HTTP/1.1\r\n" + HOST + b"".join(headers) + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked\r\n"
# What is sent, and the status of the answer; None where there may be none.
RAW: dict[str, tuple[bytes, int | None]] = {
    "nothing": (b"", None),
    "garbage": (bytes(range(256)) * 40, 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), 400),
    "half a line": (b"POST PLACE/ru", None),
    "half a head": (b"POST PLACE/run HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", None),
    "no version": (b"GET /\r\n\r\n", None),
    "a strange version": (b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", None),
    "a long line": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a long header": (get(b"health", b"X: " + b"a" * 100_000 + b"\r\n"), 400),
    "many headers": (get(b"health", *(b"X-%d: a\r\n" % number for number in range(5000))), None),
    "a header without a colon": (get(b"health", b"no colon\r\n"), 400),
    "NUL in a header": (get(b"health", b"X: a\x00b\r\n"), 400),
    "a key in bytes": (get(b"health", b"Authorization: Bearer \xff\xfe\x80\r\n"), 401),
    "a key in UTF-8": (get(b"health", "Authorization: Bearer schl\u00fcssel\r\n".encode()), 401),
    "no key": (get(b"health"), 401),
    "another scheme": (get(b"health", b"Authorization: Basic bG9jYWw=\r\n"), 401),
    "an expectation": (post(b"{}", b"Expect: miracles\r\n"), None),
    "another host": (get(b"health", KEY).replace(b"127.0.0.1", b"evil.example"), 421),
    "another host and port": (get(b"health", KEY).replace(b"127.0.0.1", b"evil.example:80"), 421),
    "a host of nonsense": (get(b"health", KEY).replace(b"127.0.0.1", b"[[:::\xff"), 421),
    "no host": (get(b"health", KEY).replace(HOST, b""), 400),
    "a host in capitals": (get(b"health", KEY).replace(b"127.0.0.1", b"LocalHost:80"), 200),
    "a page of another site": (get(b"health", KEY, b"Origin: http://evil.example\r\n"), 200),
    "a question of another site": (
        b"OPTIONS PLACE/run HTTP/1.1\r\n" + HOST + b"Origin: http://evil.example\r\n\r\n", 405
    ),
    "another method": (b"BREW PLACE/run HTTP/1.1\r\n" + HOST + b"\r\n", None),
    "a path up": (get(b"../../../../etc/passwd", KEY), 404),
    "a path of bytes": (get(b"status/%ff%00%0a", KEY), 404),
    "no JSON": (post(b"<html>"), 400),
    "an empty body": (post(b""), 400),
    "no UTF-8": (post(b'{"input": {"a": "\xff"}}'), 400),
    "NaN": (post(b'{"input": {"a": NaN}}'), 400),
    "beyond a double": (post(b'{"input": {"a": 1e999}}'), 400),
    "100,000 deep": (post(b'{"input": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001), 400),
    "700 deep": (post(b'{"input": ' + b'{"a":' * 700 + b"1" + b"}" * 701), 400),
    "100,000 digits": (post(b'{"input": {"a": ' + b"9" * 100_000 + b"}}"), 400),
    "a wait of digits": (post(b'{"input": {}}', path=b"runsync?wait=" + b"9" * 5000), 400),
    "longer than taken": (post(b" " * 10_000_001), 413),
    "longer than taken, as it says": (post(b"{", length=10**15), 413),
    "a negative length": (post(b"{}", length=-5), 400),
    "two lengths": (post(b"{}", b"Content-Length: 5\r\n"), 400),
    "length and chunks": (post(b"2\r\n{}\r\n0\r\n\r\n", CHUNKED), 400),
    "chunks of nonsense": (post(b"zz\r\nabc\r\n", CHUNKED).replace(b"Content-Length: 9\r\n", b""), None),
    "a chunk of a terabyte": (
        post(b"ffffffffffff\r\nabc", CHUNKED).replace(b"Content-Length: 17\r\n", b""), None
    ),
    "chunks beyond what is taken": (
        post(b"a00000\r\n" + b" " * 0xA00000 + b"\r\n0\r\n\r\n", CHUNKED).replace(b"Content-Length: 10485775\r\n", b""),
        413,
    ),
    "no gzip": (post(b"{}", b"Content-Encoding: gzip\r\n"), 400),
    "a gzip bomb": (post(gzip.compress(bytes(200_000_000)), b"Content-Encoding: gzip\r\n"), None),
    "a body that is cut off": (post(b'{"input"', length=100), None),
    "garbage behind a request": (get(b"health", KEY) + bytes(range(128, 256)) * 10, None),
    "a thousand requests at once": (get(b"health", KEY) * 1000, 200),
}  # fmt: skip


@pytest.fixture(scope="module")
def url(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("hostile") / "worker.log"
    with running_endpoint(LocalEndpoint(package, worker_log=log)) as running:
        yield running


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 0), timeout=HANG_SECONDS)


def said(link: socket.socket) -> bytes:
    """What comes until the other side hangs up, or has answered once."""
    found = b""
    try:
        while b"\r\n\r\n" not in found and (more := link.recv(1 << 16)):
            found += more
    except ConnectionError:
        pass
    return found


@pytest.fixture(autouse=True)
def quiet_and_alive(url: str, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After whatever it was, the server answers others, and has no traceback to tell of it."""
    with caplog.at_level(logging.INFO):
        yield
        health = httpx.get(f"{url}/health", headers={"Authorization": "Bearer local"}, timeout=HANG_SECONDS)
        assert health.status_code == 200
        # A connection's end is noticed a moment later.
        time.sleep(0.05)
    assert not [record.getMessage() for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


@pytest.mark.parametrize("name", RAW)
def test_raw(url: str, name: str) -> None:
    content, status = RAW[name]
    with connected(url) as link:
        try:
            link.sendall(content.replace(b"PLACE", urlsplit(url).path.encode()))
            if status is None:
                link.shutdown(socket.SHUT_WR)
        except ConnectionError:
            # It has answered before all was there.
            pass
        answer = said(link)
    if status is not None:
        assert answer.startswith((b"HTTP/1.1 %d " % status, b"HTTP/1.0 %d " % status)), answer[:300]
    assert b"Traceback" not in answer
    # No site but its own reads an answer.
    assert b"access-control" not in answer.lower()


def test_a_connection_that_breaks_at_any_point_is_no_news(url: str) -> None:
    request = post(b'{"input": {"prompt": "a"}}', path=b"runsync?wait=1000").replace(
        b"PLACE", urlsplit(url).path.encode()
    )
    for end in (1, 20, len(request) // 2, len(request) - 1, len(request)):
        with connected(url) as link:
            link.sendall(request[:end])
            # With a reset instead of a close.
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@pytest.mark.parametrize("head", [b"", b"POST ", b"POST PLACE/run HTTP/1.1\r\nX: a\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(url: str, head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "HEAD_SECONDS", 0.5)
    with connected(url) as link:
        link.sendall(head.replace(b"PLACE", urlsplit(url).path.encode()))
        assert said(link) == b""


def test_a_body_that_does_not_come_is_answered(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "BODY_SECONDS", 0.5)
    with connected(url) as link:
        link.sendall(post(b'{"input"', length=100).replace(b"PLACE", urlsplit(url).path.encode()))
        assert said(link).startswith(b"HTTP/1.1 408 ")


def test_connections_are_bounded_in_number(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 10)
    links = [connected(url) for _ in range(10)]
    try:
        with connected(url) as one_more:
            assert said(one_more) == b""
    finally:
        for link in links:
            link.close()
    # The server hears of their ends a moment later.
    time.sleep(0.5)
