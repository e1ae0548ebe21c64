"""A stand-in for the Hugging Face hub on loopback: redirects to another host name for the bytes, ranges, and faults."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" + "0" * 34


@dataclass
class HubStandIn:
    """What the hub has, what it does wrong, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    wrong: dict[str, bytes] = field(default_factory=dict)  # bytes that are served in place of the announced ones
    status: dict[str, list[int]] = field(default_factory=dict)  # answers that come before the right one
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)  # status and X-Error-Code, for good
    drop_after: list[int] = field(default_factory=list)  # bytes after which each next download breaks off
    ranges: bool = True
    linked: bool = True  # LFS: redirect, with size and sha256 in the hub's own answer
    seconds_per_megabyte: float = 0.0
    asked: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)  # method, host, range, token
    terms: dict[str, bytes] = field(default_factory=dict)  # what it says of a repository; 404 of the others
    bytes_sent: int = 0
    url: str = ""

    def downloads(self) -> list[str | None]:
        """The Range header of each request for bytes."""
        return [asked[2] for asked in self.asked if asked[0] == "GET" and asked[1] == "localhost"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubStandIn

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        host = self.headers["Host"].partition(":")[0]
        self.hub.asked.append((self.command, host, self.headers.get("Range"), self.headers.get("Authorization")))
        name = self.path.rpartition("/")[2]
        if self.path.startswith("/api/models/"):
            self._terms(self.path.removeprefix("/api/models/").partition("/revision/")[0])
        elif name in self.hub.refused:
            status, code = self.hub.refused[name]
            self._empty(status, {"X-Error-Code": code})
        elif self.hub.status.get(name):
            self._empty(self.hub.status[name].pop(0))
        elif name not in self.hub.files:
            self._empty(404)
        elif host == "localhost" or not self.hub.linked:
            self._bytes(self.hub.wrong.get(name, self.hub.files[name]))
        else:
            content = self.hub.files[name]
            port = self.server.server_address[1]
            self._empty(
                302,
                {
                    "X-Repo-Commit": COMMIT,
                    "X-Linked-Size": str(len(content)),
                    "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
                    "Location": f"http://localhost:{port}/bytes/{name}",
                },
            )

    def _terms(self, repo: str) -> None:
        content = self.hub.terms.get(repo)
        if content is None:
            self._empty(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _empty(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _bytes(self, content: bytes) -> None:
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.hub.ranges else 0
        if start >= len(content):
            self._empty(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        end = start + self.hub.drop_after.pop(0) if self.hub.drop_after else len(content)
        for position in range(start, min(end, len(content)), 1 << 18):
            piece = content[position : min(position + (1 << 18), end)]
            try:
                self.wfile.write(piece)
            except OSError:
                break
            self.hub.bytes_sent += len(piece)
            time.sleep(self.hub.seconds_per_megabyte / 4)
        if end < len(content):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(hub: HubStandIn) -> Iterator[HubStandIn]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
