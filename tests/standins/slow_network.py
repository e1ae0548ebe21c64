"""A stand-in for the network between a worker and RunPod: every byte and every end of a connection arrives later.

What it does: TCP connections to one address, each direction for itself, so that a connection which is closed for
writing can still be read, as TCP has it. What it does not do: lose, reorder or limit bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_BYTES = 1 << 16


@asynccontextmanager
async def slow_network(url: str, seconds: float) -> AsyncIterator[str]:
    """The address of a server at the end of a network on which everything takes so long, in each direction."""
    host, _, port = url.removeprefix("http://").partition(":")
    open_writers: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        open_writers.update({writer, far_writer})
        await asyncio.gather(_carry(reader, far_writer, seconds), _carry(far_reader, writer, seconds))
        for one in (writer, far_writer):
            one.close()
        open_writers.difference_update({writer, far_writer})

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        near = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{near}"
    finally:
        server.close()
        for writer in open_writers:
            writer.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """From one end to the other, until it is closed there."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def arrive(data: bytes) -> None:
        with suppress(OSError, RuntimeError):
            if data:
                writer.write(data)
            elif not writer.transport.is_closing():
                writer.write_eof()
        if not data and not ended.done():
            ended.set_result(None)

    data = b"x"
    while data:
        try:
            data = await reader.read(_BYTES)
        except OSError:
            data = b""
        loop.call_later(seconds, arrive, data)
    await ended
