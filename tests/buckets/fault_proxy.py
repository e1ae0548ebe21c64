"""A network between a worker and its storage that can be told to misbehave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import ClientSession, web
from yarl import URL

_HOP = {"connection", "content-length", "transfer-encoding", "keep-alive"}


class FaultProxy:
    """Hands requests on unchanged, the Host among them, which is signed. `faults` are used up, one a request."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.faults: list[str] = []
        self.seen: list[str] = []
        self.url = ""
        self.hanging = threading.Event()
        self.over = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        # A GET is the caller's: faults are for the worker.
        fault = self.faults.pop(0) if self.faults and request.method != "GET" else ""
        self.seen.append(f"{request.method} {fault}".strip())
        match fault:
            case "reset":
                assert request.transport is not None
                request.transport.abort()
            case "unavailable":
                return web.Response(status=503, text="<Error><Code>SlowDown</Code></Error>")
            case "hang":
                self.hanging.set()
                await self.over.wait()
                return web.Response(status=500)
            case "flip" if body:
                body = body[:-1] + bytes([body[-1] ^ 1])
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        url = URL(self._target + request.raw_path, encoded=True)
        async with (
            ClientSession(auto_decompress=False) as session,
            session.request(request.method, url, headers=headers, data=body) as answer,
        ):
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            if request.method == "HEAD":
                kept["Content-Length"] = answer.headers.get("Content-Length", "0")
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


@contextmanager
def fault_proxy(target: str) -> Iterator[FaultProxy]:
    """The proxy, on a loop of its own, for as long as the context is open."""
    proxy = FaultProxy(target)
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def run() -> None:
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(proxy.over.set)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
