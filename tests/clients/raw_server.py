"""A stand-in for a hostile endpoint: it writes the bytes of a script, at the script's speed."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

Act = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """Answers to `run`, `status`, `cancel`, `file` and `health`, each as its act does; once, and then it hangs up."""

    url: str = ""
    acts: dict[str, Act] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    def does(self, **acts: Act) -> None:
        self.acts, self.seen = acts, []

    def count(self, kind: str) -> int:
        return sum(_kind(path) == kind for path, _ in self.seen)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
                await reader.readexactly(int(headers.get("content-length", "0")))
                path = head[0].split(" ")[1]
                self.seen.append((path, headers))
                await self.acts[_kind(path)](writer)
                await writer.drain()
        finally:
            self._open.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def end(self) -> None:
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


def _kind(path: str) -> str:
    return path.strip("/").split("/")[0].split("?")[0]


@contextlib.contextmanager
def raw_server() -> Iterator[RawServer]:
    """The server, on a loop and thread of its own."""
    server, loop = RawServer(), asyncio.new_event_loop()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(server.connected, "127.0.0.1", 0, limit=1 << 24)

    async def end(listening: asyncio.Server) -> None:
        listening.close()
        await server.end()
        if sys.version_info >= (3, 13):
            # Connections that were taken a moment ago, whose handlers have not begun.
            listening.abort_clients()
        await listening.wait_closed()

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        listening = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(end(listening), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
