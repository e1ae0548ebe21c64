"""The local server: the endpoints and pages of several packages on one port."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from comfy2runpod.local_endpoint.connection_limits import CLIENT_ERRORS, ConnectionLimits, http_log
from comfy2runpod.local_endpoint.jobs import Jobs
from comfy2runpod.local_endpoint.operations import Handler, Operations, refusal
from comfy2runpod.local_endpoint.packages import Package, read_package
from comfy2runpod.local_endpoint.webhooks import Webhooks
from comfy2runpod.local_endpoint.worker import Worker
from comfy2runpod.package_folder import package_catalog

# The default API key: callers send `Authorization: Bearer local`.
API_KEY = "local"
# So many endpoints are named to a caller that asks for another.
_MOST_NAMED = 50
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@dataclass(slots=True)
class LocalServer:
    """The endpoints of packages on one port. It is an asynchronous context manager that returns the server's URL.

    Attributes:
        packages: the packages.
        host: the address to listen on.
        port: the port; 0 for any free one.
        comfyui: the URL of a ComfyUI; None starts the simulator, one more for each package that carries node packs.
        api_key: what callers must send as bearer token.
        seconds_per_step: how long a sampling step of the simulator takes.
        worker_log: a file for the workers' output; None for standard error.
        environment: additional environment variables of the workers.
        pages: media type and content of the pages, by path.
        url: the server's URL.
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
    _limits: ConnectionLimits = field(default_factory=ConnectionLimits)

    async def __aenter__(self) -> str:
        """Starts the server. Workers start with their first job.

        Raises:
            CompileError: what a package carries of node packs is not a catalog.
            OSError: the address is not available.
        """
        async with AsyncExitStack() as stack:
            app = web.Application(middlewares=[self._middleware])
            simulators: dict[tuple[Path, tuple[str, ...]] | None, str] = {}
            for package in self.packages:
                carried = (package.folder, package.catalogs) if package.catalogs else None
                comfyui = self.comfyui or simulators.get(carried)
                if comfyui is None:
                    # Packages may carry different releases of one node pack.
                    simulator = _simulator(package, self.seconds_per_step)
                    comfyui = simulators[carried] = await stack.enter_async_context(simulator)
                await self._add(package, comfyui, app, stack)
            for path, (media_type, content) in self.pages.items():
                # Not `add_get`, to which braces in a path are a pattern.
                resource = web.PlainResource(f"/{path}")
                app.router.register_resource(resource)
                for method in ("GET", "HEAD"):
                    resource.add_route(method, _page(media_type, content))
            runner = web.AppRunner(app, shutdown_timeout=0.5, access_log=None, logger=http_log())
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            factory = self._limits.protocol_factory(runner)
            server = await asyncio.get_running_loop().create_server(factory, self.host, self.port)
            stack.callback(server.close)
            self.port = server.sockets[0].getsockname()[1]
            shown = f"[{self.host}]" if ":" in self.host else self.host
            self.url = f"http://{shown}:{self.port}"
            self._stack = stack.pop_all()
        return self.url

    async def __aexit__(self, *_: object) -> None:
        """Ends the workers and the server."""
        await self._stack.aclose()

    async def _add(self, package: Package, comfyui: str, app: web.Application, stack: AsyncExitStack) -> None:
        webhooks = Webhooks()
        stack.push_async_callback(webhooks.close)
        clock = asyncio.get_running_loop().time
        jobs = Jobs(clock, package.execution_seconds, webhooks.job_ended)
        worker = Worker(package.folder, jobs, comfyui, self.worker_log, self.environment)
        await stack.enter_async_context(worker)
        app.add_routes(Operations(jobs, worker, self.api_key).routes(package.name))

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Checks the host against DNS rebinding, and returns errors as JSON."""
        self._limits.request_started(request)
        try:
            return await self._respond(request, handler)
        finally:
            self._limits.request_ended(request)

    async def _respond(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # Not `request.host`, which has a default if the header is missing.
        if not self._is_ours(request.headers.get("Host", "")):
            return refusal(421, "The Host header does not name this server.")
        try:
            response = await handler(request)
        except CLIENT_ERRORS:
            response = refusal(
                400, "The body cannot be read: the connection broke, or the body does not match its headers."
            )
            response.force_close()
        except TimeoutError:
            response = refusal(408, "The body did not arrive in time.")
            response.force_close()
        except web.HTTPException as error:
            if error.status < web.HTTPBadRequest.status_code:
                raise
            unknown = error.status == web.HTTPNotFound.status_code
            response = refusal(error.status, self._no_such() if unknown else error.reason)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def _no_such(self) -> str:
        named = [f"/v2/{package.name}" for package in self.packages[:_MOST_NAMED]]
        more = len(self.packages) - len(named)
        return f"There is no such endpoint, operation or page here. The endpoints are: {', '.join(named)}" + (
            f" and {more:,} more." if more else "."
        )

    def _is_ours(self, host: str) -> bool:
        name = (host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host).lower()
        # A server that listens on all addresses may be reached by any name.
        return self.host in ("0.0.0.0", "::") or name.strip("[]") in ("localhost", "127.0.0.1", "::1", self.host)  # noqa: S104


class LocalEndpoint:
    """One package as an endpoint on loopback: `async with LocalEndpoint(package) as url`, where url ends in /v2/<name>.

    Args:
        package: the package's folder.
        comfyui: a running ComfyUI; None starts the simulator.
        api_key: what callers must send as bearer token.
        seconds_per_step: how long a sampling step of the simulator takes.
        worker_log: a file for the worker's output; None for standard error.
        environment: additional environment variables of the worker.

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
        """Starts the endpoint, and returns its URL.

        Raises:
            OSError: the address is not available.
        """
        return f"{await self._server.__aenter__()}/v2/{self._package.name}"

    async def __aexit__(self, *error: object) -> None:
        """Ends the worker and the server."""
        await self._server.__aexit__(*error)


@contextmanager
def running_endpoint(endpoint: LocalEndpoint | LocalServer) -> Iterator[str]:
    """Runs an endpoint or server on a thread, for callers that are not async; returns its URL."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop, urls, failed = asyncio.Event(), list[str](), list[BaseException]()

    async def host() -> None:
        try:
            async with endpoint as url:
                urls.append(url)
                ready.set()
                await stop.wait()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
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
async def _simulator(package: Package, seconds_per_step: float) -> AsyncIterator[str]:
    """Runs a simulator on a thread, so that making media does not block the queue."""
    from comfy2runpod.simulator import running_simulator  # noqa: PLC0415 - imports media libraries

    with running_simulator(package_catalog(package.folder), seconds_per_step=seconds_per_step) as simulator:
        yield simulator.url


def _page(media_type: str, content: bytes) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        charset = "utf-8" if media_type.startswith("text/") or media_type == "application/json" else None
        return web.Response(body=content, content_type=media_type, charset=charset)

    return answer
