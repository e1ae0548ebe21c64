"""A hostile server in the place of a ComfyUI or a hub: each route is one kind of attack."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = Callable[[socket.socket, threading.Event], None]


def plain(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def says(data: bytes) -> Answer:
    """These bytes, and the end."""

    def answer(connection: socket.socket, _stop: threading.Event) -> None:
        connection.sendall(data)

    return answer


def goes_on(head: bytes, piece: bytes, seconds: float) -> Answer:
    """A beginning, and then for ever a piece every so many seconds."""

    def answer(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(head)
        while not stop.wait(seconds):
            connection.sendall(piece)

    return answer


def bomb(megabytes: int) -> bytes:
    """A small answer that unpacks to a large one."""
    return plain(gzip.compress(b" " * (megabytes << 20), 9), "200 OK", "Content-Encoding: gzip")


_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

WAYS: dict[str, Answer] = {
    "says nothing": goes_on(b"", b"", 0.05),
    "trickles its head": goes_on(b"HTTP/1.1 200 OK\r\nX-A: ", b"a", 0.05),
    "trickles its body": goes_on(_OK, b"1\r\n \r\n", 0.05),
    "never ends": goes_on(_OK, b"100000\r\n" + b" " * 0x100000 + b"\r\n", 0.0),
    "has a head without end": goes_on(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 60_000 + b"\r\n", 0.0),
    "is a gzip bomb": says(bomb(200)),
    "is no gzip": says(plain(b"\x1f\x8b" + b"a" * 100, "200 OK", "Content-Encoding: gzip")),
    "is packed otherwise": says(plain(b"aaaa", "200 OK", "Content-Encoding: br, gzip, gzip")),
    "breaks off": says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"),
    "is no HTTP": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "hangs up": says(b""),
    "redirects to itself": says(plain(b"", "302 Found", "Location: /object_info")),
    "redirects to a file": says(plain(b"", "302 Found", "Location: file:///etc/passwd")),
    "redirects to no host": says(plain(b"", "302 Found", "Location: http://[::1")),
    "is a log-in page": says(plain(b"<html>Log in</html>", "200 OK", "Content-Type: text/html")),
    "nests": says(plain(b"[" * 200_000)),
    "holds a number of 10,000 digits": says(plain(b'{"A": {"input": {}, "x": ' + b"9" * 10_000 + b"}}")),
    "is a list": says(plain(b"[]")),
    "refuses": says(plain(b"", "503 Service Unavailable")),
    "is odd text": says(plain(json.dumps({"\x1b[2J\ud800": 1}).encode())),
    "has odd headers": says(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\nX: \xff\x00\r\n\r\n"),
}


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """A server that answers every request so; its address."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                connection.settimeout(5)
                connection.recv(65536)
                answer(connection, stop)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=serve, args=[connection], daemon=True)
            threads.append(thread)
            thread.start()

    threads: list[threading.Thread] = []
    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        accepting.join()
        listener.close()
        deadline = time.monotonic() + 10
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
