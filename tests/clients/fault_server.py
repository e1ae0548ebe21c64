"""A stand-in for RunPod's front: it answers as a script says, so that every fault can be had on demand."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakSet

from aiohttp import web


@dataclass
class Answer:
    """One scripted answer; `drop` closes the connection without one."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    seconds: float = 0.0


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class FaultServer:
    """Answers to `run`, `status`, `cancel` and `file` in the order of their scripts; the last one stays."""

    def __init__(self) -> None:
        self.url = ""
        self.script: dict[str, list[Answer]] = {}
        self.seen: list[Seen] = []
        self._news = threading.Condition()

    def answers(self, **scripts: list[Answer]) -> None:
        self.script = {name: list(answers) for name, answers in scripts.items()}

    def wait_for(self, kind: str, seconds: float = 30) -> Seen:
        """The first request of a kind, if it does not take too long to come."""
        with self._news:
            assert self._news.wait_for(lambda: self.count(kind) > 0, seconds), f"nobody asked for {kind}"
        return next(one for one in self.seen if one.path.strip("/").split("/")[0] == kind)

    def count(self, kind: str) -> int:
        return sum(one.path.strip("/").split("/")[0] == kind for one in self.seen)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        kind = request.path.strip("/").split("/")[0]
        seen = Seen(request.method, request.path, dict(request.headers), await request.read())
        with self._news:
            self.seen.append(seen)
            self._news.notify_all()
        answers = self.script.get(kind, [Answer(404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        await asyncio.sleep(answer.seconds)
        if answer.drop:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        return web.Response(status=answer.status, body=body, headers=answer.headers)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{rest:.*}", self._answer)
        return app


@contextmanager
def serving(app: web.Application) -> Iterator[str]:
    """Runs an app on a loop and thread of its own; its address."""
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
        # An answer that nobody waits for any more is still on its way.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        # And so are the bytes of one that was not read to its end.
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


@contextmanager
def fault_server() -> Iterator[FaultServer]:
    server = FaultServer()
    with serving(server.app()) as url:
        server.url = url
        yield server


def closed_port() -> int:
    """A port that nobody listens on."""
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
