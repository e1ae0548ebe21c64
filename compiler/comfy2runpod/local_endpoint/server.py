"""The local server: the endpoints of some packages, and their pages, on one port."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.local_endpoint.front import OUTSIDE, Fronts, http_log
from comfy2runpod.local_endpoint.jobs import Jobs
from comfy2runpod.local_endpoint.operations import Handler, Operations, refusal
from comfy2runpod.local_endpoint.packages import Package, read_package
from comfy2runpod.local_endpoint.webhooks import Webhooks
from comfy2runpod.local_endpoint.worker import Worker

# What callers send as `Authorization: Bearer local`, unless another key is named.
API_KEY = "local"
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@dataclass(slots=True)
class LocalServer:
    """Endpoints of packages on one port, for as long as the context is open; it gives the server's URL.

    Without `comfyui` the workers use the simulator. `seconds_per_step` slows the simulator, so that progress is seen.
    `worker_log` gets what workers print; without it, standard error does. `pages` are files by path.
    """

    packages: Sequence[Package]
    host: str = "127.0.0.1"
    port: int = 0
    comfyui: str | None = None
    api_key: str = API_KEY
    seconds_per_step: float = 0.0
    worker_log: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    url: str = ""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _fronts: Fronts = field(default_factory=Fronts)

    async def __aenter__(self) -> str:
        """Starts to listen. Workers start with their first job.

        Raises:
            OSError: the address cannot be had.
        """
        async with AsyncExitStack() as stack:
            comfyui = self.comfyui
            if comfyui is None:
                comfyui = await stack.enter_async_context(_simulator(self.seconds_per_step))
            app = web.Application(middlewares=[self._middleware])
            for package in self.packages:
                await self._add(package, comfyui, app, stack)
            for path, (media_type, content) in self.pages.items():
                app.router.add_get(f"/{path}", _page(media_type, content))
            runner = web.AppRunner(app, shutdown_timeout=0.5, access_log=None, logger=http_log())
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            made = self._fronts.before(runner)
            listening = await asyncio.get_running_loop().create_server(made, self.host, self.port)
            stack.callback(listening.close)
            self.port = listening.sockets[0].getsockname()[1]
            shown = f"[{self.host}]" if ":" in self.host else self.host
            self.url = f"http://{shown}:{self.port}"
            self._stack = stack.pop_all()
        return self.url

    async def __aexit__(self, *_: object) -> None:
        """Ends the workers and stops to listen."""
        await self._stack.aclose()

    async def _add(self, package: Package, comfyui: str, app: web.Application, stack: AsyncExitStack) -> None:
        webhooks = Webhooks()
        stack.push_async_callback(webhooks.close)
        clock = asyncio.get_running_loop().time
        jobs = Jobs(clock, package.execution_seconds, webhooks.ended)
        worker = Worker(package.folder, jobs, comfyui, self.worker_log, self.environment)
        await stack.enter_async_context(worker)
        app.add_routes(Operations(jobs, worker, self.api_key).routes(package.name))

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refusals as JSON; and no page of another site gets here by a name that it makes point to us."""
        self._fronts.begun(request)
        try:
            return await self._answered(request, handler)
        finally:
            self._fronts.ended(request)

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # Not `request.host`, which makes one up where a caller says none.
        if not self._is_ours(request.headers.get("Host", "")):
            return refusal(421, "This server answers to its own address only.")
        try:
            response = await handler(request)
        except OUTSIDE:
            response = refusal(400, "The body cannot be read: the connection broke, or it is not what its headers say.")
            response.force_close()
        except TimeoutError:
            response = refusal(408, "The body did not come in time.")
            response.force_close()
        except web.HTTPException as error:
            if error.status < web.HTTPBadRequest.status_code:
                raise
            response = refusal(error.status, error.reason)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def _is_ours(self, host: str) -> bool:
        name = (host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host).lower()
        # Who listens on all addresses is reached by names that are not known here.
        return self.host in ("0.0.0.0", "::") or name.strip("[]") in ("localhost", "127.0.0.1", "::1", self.host)  # noqa: S104


class LocalEndpoint:
    """One package as an endpoint on loopback: `async with LocalEndpoint(package) as url`, where url ends in /v2/<name>.

    Args:
        package: the package's folder.
        comfyui: a running ComfyUI; None starts the simulator.
        api_key: what callers must send as bearer.
        seconds_per_step: how long a sampling step of the simulator takes.
        worker_log: a file that gets what the worker prints; None leaves it on standard error.
        environment: further variables of the worker.

    Raises:
        RunError: the folder is not a package.
    """

    def __init__(
        self,
        package: Path,
        *,
        comfyui: str | None = None,
        api_key: str = API_KEY,
        seconds_per_step: float = 0.0,
        worker_log: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._package = read_package(package)
        self._server = LocalServer(
            [self._package],
            comfyui=comfyui,
            api_key=api_key,
            seconds_per_step=seconds_per_step,
            worker_log=worker_log,
            environment=environment or {},
        )

    async def __aenter__(self) -> str:
        """The endpoint's URL."""
        return f"{await self._server.__aenter__()}/v2/{self._package.name}"

    async def __aexit__(self, *error: object) -> None:
        """Ends it."""
        await self._server.__aexit__(*error)


@contextmanager
def running_endpoint(endpoint: LocalEndpoint | LocalServer) -> Iterator[str]:
    """An endpoint or server on a thread of its own, for callers that are not async; gives its URL."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop, urls, failed = asyncio.Event(), list[str](), list[BaseException]()

    async def host() -> None:
        try:
            async with endpoint as url:
                urls.append(url)
                ready.set()
                await stop.wait()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(host()), name="local-endpoint", daemon=True)
    thread.start()
    ready.wait()
    try:
        if failed:
            raise failed[0]
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@asynccontextmanager
async def _simulator(seconds_per_step: float) -> AsyncIterator[str]:
    """A simulator on a thread of its own: drawing media does not hold up the queue."""
    from comfy2runpod.simulator import running_simulator  # noqa: PLC0415 - media libraries, which only this needs

    with running_simulator(load_catalog(), seconds_per_step=seconds_per_step) as simulator:
        yield simulator.url


def _page(media_type: str, content: bytes) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        charset = "utf-8" if media_type.startswith("text/") or media_type == "application/json" else None
        return web.Response(body=content, content_type=media_type, charset=charset)

    return answer
