"""Servers of tests: an aiohttp application on a loop and thread of its own, so that tests that block can call it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

from aiohttp import web


@contextmanager
def serving(app: web.Application) -> Iterator[str]:
    """Runs an app; its address."""
    loop = asyncio.new_event_loop()
    transports: WeakSet[asyncio.Transport] = WeakSet()

    async def remember(request: web.Request, _: web.StreamResponse) -> None:
        if request.transport is not None:
            transports.add(request.transport)

    app.on_response_prepare.append(remember)
    runner = web.AppRunner(app, shutdown_timeout=0.2)

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port: int = runner.addresses[0][1]
        return port

    async def end() -> None:
        await runner.cleanup()
        # An answer whose client is gone is still being sent.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        # So are the bytes of one that was not read completely.
        for transport in transports:
            transport.abort()
        # A connection that was just being taken is closed some turns of the loop later.
        await asyncio.sleep(0.05)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def free_port() -> int:
    """A port of loopback on which no process listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
