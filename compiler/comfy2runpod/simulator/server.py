"""The simulator's HTTP and websocket interface: ComfyUI's protocol, as far as a client of prompts needs it.

It is a stand-in for ComfyUI and says so in /system_stats.
"""

from __future__ import annotations

import asyncio
import json
import struct
import threading
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from aiohttp import WSMsgType, web

from comfy2runpod import __version__
from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.server_info import class_info, no_files, object_info
from comfy2runpod.server_check import PromptError, PromptFault, parse_prompt, validate_prompt
from comfy2runpod.simulator.engine import Engine, Submission, UnknownSize
from comfy2runpod.simulator.input_files import InputFiles
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.scratch import scratch_folder

# ComfyUI's own --max-upload-size, 100 MB, counted as it counts it.
_MAX_BODY = 100 << 20


@dataclass(slots=True)
class Simulator:
    """A simulated ComfyUI on loopback. It is an asynchronous context manager; `url` is its base URL."""

    catalog: Catalog
    port: int = 0
    seconds_per_step: float = 0.0
    metadata: bool = False
    previews: bool = False
    url: str = ""
    prompts_received: int = 0
    _engine: Engine = field(init=False)
    _inputs: InputFiles = field(init=False)
    _sockets: dict[str, set[web.WebSocketResponse]] = field(default_factory=dict)
    _sending: set[asyncio.Task[None]] = field(default_factory=set)
    _take_names: set[web.WebSocketResponse] = field(default_factory=set)
    _folder: AbstractContextManager[Path] | None = None
    _runner: web.AppRunner | None = None
    _worker: asyncio.Task[None] | None = None
    _number: int = 0

    async def __aenter__(self) -> Simulator:
        """Starts the server."""
        self._folder = scratch_folder("simulator")
        root = self._folder.__enter__()
        self._inputs = InputFiles(root / "input")
        self._inputs.folder.mkdir()
        self._engine = Engine(
            self.catalog,
            root / "output",
            self._inputs,
            self._send,
            self._send_preview,
            self.seconds_per_step,
            self.metadata,
        )
        app = web.Application(client_max_size=_MAX_BODY)
        app.add_routes(
            [
                web.post("/prompt", self._post_prompt),
                web.post("/upload/image", self._upload),
                web.get("/ws", self._websocket),
                web.get("/queue", self._get_queue),
                web.post("/queue", self._post_queue),
                web.post("/interrupt", self._interrupt),
                web.post("/free", self._free),
                web.get("/history", self._get_history),
                web.get("/history/{prompt_id}", self._get_history),
                web.get("/view", self._view),
                web.get("/system_stats", self._system_stats),
                web.get("/object_info", self._object_info),
                web.get("/object_info/{class_type}", self._object_info),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        address = self._runner.addresses[0]
        self.url = f"http://127.0.0.1:{address[1]}"
        self._worker = asyncio.create_task(self._engine.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the server, and deletes its media."""
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
        if self._runner is not None:
            await self._runner.cleanup()
        if self._folder is not None:
            self._folder.__exit__(None, None, None)

    def unknown_sizes(self) -> tuple[UnknownSize, ...]:
        """The files of the last prompt with an uncertain size, and why it is uncertain."""
        return tuple(self._engine.unknown.values())

    async def _post_prompt(self, request: web.Request) -> web.Response:
        try:
            body: Json = await request.json()
        except ValueError:
            return web.json_response({"error": "invalid JSON"}, status=400)
        body = body if isinstance(body, dict) else {}
        self.prompts_received += 1
        if "prompt" not in body:
            fault = PromptFault("no_prompt", "No prompt provided", "No prompt provided", {})
            return web.json_response({"error": fault.to_json(), "node_errors": {}}, status=400)
        try:
            prompt = parse_prompt(body["prompt"], self.catalog)
        except PromptError as error:
            return web.json_response({"error": error.fault.to_json(), "node_errors": {}}, status=400)
        verdict = validate_prompt(prompt, self.catalog, self._inputs.names_with(prompt, self.catalog))
        if verdict.error is not None:
            answer = {"error": verdict.error.to_json(), "node_errors": verdict.node_errors()}
            return web.json_response(answer, status=400)
        prompt_id, client_id = body.get("prompt_id"), body.get("client_id")
        submission = Submission(
            number=self._number,
            prompt_id=prompt_id if isinstance(prompt_id, str) else str(uuid.uuid4()),
            prompt=prompt,
            outputs=verdict.outputs,
            client_id=client_id if isinstance(client_id, str) else None,
            previews=self._wants_previews(body.get("extra_data")),
        )
        self._number += 1
        self._engine.submit(submission)
        return web.json_response(
            {"prompt_id": submission.prompt_id, "number": submission.number, "node_errors": verdict.node_errors()}
        )

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file, subfolder = form.get("image"), form.get("subfolder", "")
        if not isinstance(file, web.FileField) or not file.filename or not isinstance(subfolder, str):
            return web.Response(status=400)
        if form.get("type", "input") != "input":
            return web.Response(status=400, text="the simulator takes uploads into the input folder only")
        overwrite = form.get("overwrite") in ("true", "1")
        content = await asyncio.to_thread(file.file.read)
        name = self._inputs.store(subfolder, file.filename, content, overwrite=overwrite)
        if name is None:
            return web.Response(status=400)
        return web.json_response({"name": name, "subfolder": subfolder, "type": "input"})

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client_id = request.query.get("clientId") or uuid.uuid4().hex
        sockets = self._sockets.setdefault(client_id, set())
        sockets.add(socket)
        status: Json = {"exec_info": {"queue_remaining": self._engine.remaining()}}
        await socket.send_json({"type": "status", "data": {"status": status, "sid": client_id}})
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
                if message.type is WSMsgType.TEXT and _takes_named_previews(message.data):
                    self._take_names.add(socket)
        finally:
            sockets.discard(socket)
            self._take_names.discard(socket)
        return socket

    def _wants_previews(self, extra_data: Json) -> bool:
        """What a prompt asks for counts; otherwise what the server was started with."""
        asked = extra_data.get("preview_method") if isinstance(extra_data, dict) else None
        return self.previews if asked in (None, "default") else asked in ("auto", "latent2rgb", "taesd")

    def _send_preview(self, prompt_id: str, node_id: str, image: bytes, client_id: str | None) -> None:
        metadata: JsonObject = {"node_id": node_id, "prompt_id": prompt_id, "display_node_id": node_id}
        text = json.dumps({**metadata, "image_type": "image/jpeg"}).encode()
        for socket in self._sockets.get(client_id or "", set()):
            # 4: with metadata; 1: of a format, of which 1 is JPEG.
            named = struct.pack(">II", 4, len(text)) + text + image
            frame = named if socket in self._take_names else struct.pack(">II", 1, 1) + image
            self._start(_send_bytes(socket, frame))

    def _start(self, sending: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(sending)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _send(self, kind: str, data: JsonObject, client_id: str | None) -> None:
        text = json.dumps({"type": kind, "data": data})
        if client_id is None and kind != "status":
            return
        groups = self._sockets.values() if client_id is None else [self._sockets.get(client_id, set())]
        for socket in [socket for group in groups for socket in group]:
            self._start(_send_text(socket, text))

    async def _get_queue(self, _request: web.Request) -> web.Response:
        running = self._engine.running
        return web.json_response(
            {
                "queue_running": [_queue_entry(running)] if running is not None else [],
                "queue_pending": [_queue_entry(entry) for entry in self._engine.pending],
            }
        )

    async def _post_queue(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("clear"):
            self._engine.pending.clear()
        for prompt_id in body.get("delete", []):
            self._engine.delete(str(prompt_id))
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        self._engine.interrupt(body.get("prompt_id"))
        return web.Response()

    async def _free(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def _get_history(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info.get("prompt_id")
        history = self._engine.history
        if prompt_id is None:
            return web.json_response(history)
        return web.json_response({prompt_id: history[prompt_id]} if prompt_id in history else {})

    async def _view(self, request: web.Request) -> web.StreamResponse:
        root = self._engine.folder.resolve()
        path = (root / request.query.get("subfolder", "") / request.query.get("filename", "")).resolve()
        if not path.is_relative_to(root):
            return web.Response(status=403)
        if request.query.get("type", "output") != "output" or not path.is_file():
            return web.Response(status=404)
        return web.FileResponse(path)

    async def _system_stats(self, _request: web.Request) -> web.Response:
        system = {
            "os": "simulated",
            "comfyui_version": self.catalog.comfyui,
            "comfy2runpod_simulator": __version__,
            "argv": [],
        }
        return web.json_response({"system": system, "devices": []})

    async def _object_info(self, request: web.Request) -> web.Response:
        name = request.match_info.get("class_type")
        if name is None:
            return web.json_response(object_info(self.catalog))
        node_class = self.catalog.get(name)
        return web.json_response({} if node_class is None else {name: class_info(node_class, no_files)})


async def _send_text(socket: web.WebSocketResponse, text: str) -> None:
    with suppress(ConnectionError, RuntimeError):
        await socket.send_str(text)


async def _send_bytes(socket: web.WebSocketResponse, frame: bytes) -> None:
    with suppress(ConnectionError, RuntimeError):
        await socket.send_bytes(frame)


def _takes_named_previews(text: str) -> bool:
    """Whether a client's first message says so."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return False
    match message:
        case {"type": "feature_flags", "data": {"supports_preview_metadata": True}}:
            return True
        case _:
            return False


def _queue_entry(submission: Submission) -> list[Json]:
    return [submission.number, submission.prompt_id, {}, {}, list(submission.outputs)]


@contextmanager
def running_simulator(
    catalog: Catalog,
    *,
    port: int = 0,
    seconds_per_step: float = 0.0,
    metadata: bool = False,
    previews: bool = False,
) -> Iterator[Simulator]:
    """Runs a simulator on a thread, for callers that are not async."""
    simulator = Simulator(catalog, port, seconds_per_step, metadata, previews)
    ready, stop = threading.Event(), threading.Event()
    failed: list[OSError] = []

    async def host() -> None:
        try:
            async with simulator:
                ready.set()
                await asyncio.to_thread(stop.wait)
        except OSError as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=lambda: asyncio.run(host()), name="simulator", daemon=True)
    thread.start()
    ready.wait()
    if failed:
        raise failed[0]
    try:
        yield simulator
    finally:
        stop.set()
        thread.join()
