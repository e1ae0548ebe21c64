"""A stand-in for ComfyUI that misbehaves on demand, in this process or as a program in the place of its `main.py`.

What it does of the real server (0.21.0): queueing, websocket events in ComfyUI's order, history, the queue, interrupts,
uploads, `/view`, `/free` and `/system_stats`; one prompt runs at a time. Each SaveImage node saves a PNG of noise, each
SaveVideo node an mp4 of the size and length that the prompt has.

What it does not do: check prompts, know node classes, run models, keep files for long.

How it behaves is read from a file before each act, and what it saw is written to a log (`State`): tests change it while
it runs, and read the log after it died. As a program: `python comfyui.py --state DIR --port N`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import dataclasses
import functools
import io
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from aiohttp import web
from PIL import Image

if TYPE_CHECKING:
    import av

PROGRAM = Path(__file__)
LOG = "log.jsonl"
BEHAVIOUR = "behaviour.json"
# How many files, prompts and requests it keeps.
_KEPT = 50


@dataclass(frozen=True)
class Behaviour:
    """How it behaves.

    Attributes:
        websocket: whole; refused; mute (no answer); silent (no events); no_finish; early (an end at the beginning);
            late; repeated; reordered; foreign (another prompt's events between); odd (frames that ComfyUI never sends);
            dropped, dropped_always, reset, gap (the connection breaks).
        prompt: taken; refused; node_errors; 500; 502; html; lost (no answer, not queued); answer_lost; slow.
        run: well; error; out_of_memory; disk_full; interrupted; hangs; stuck; slow; dies; freezes; forgotten (it
            ends, and neither events nor history say so).
        history: prompt; late; lost; garbled; 500; list; reset (of a prompt that has ended); dead (each connection).
        file: png or mp4, by the node; huge; large; empty; half; text; video; none; two; gone; temp; other_key; reset,
            500, slow, short (while it is fetched).
        upload: taken; slow; 500; reset.
        start: well; slow; exits; deaf; gated (it waits until `State.open_gate`).
        stats: well; 500; slow.
        times: how many of the faulty acts happen before it behaves well again; 0 for all of them.
        seconds: how long a prompt runs.
        steps: how many steps each node that is told of has.
        nodes: ids of the nodes that are told of; none for the first two of the prompt.
        cached: ids of the nodes that are told of as cached.
        history_seconds: from the success event to the history's entry.
        slow_seconds: how long what is slow takes, and of a slow file each 2,000 bytes; none for each one's own.
        busy_seconds: another prompt runs before ours, as long as this.
        system: what `/system_stats` adds to `system`.
        previews: base64 of binary frames, sent after the steps of a prompt that asks for previews; the last one stays.
        message: what a node that fails with `error` says; empty for its usual message.
        leaked_bytes: how much memory each prompt takes and never gives back, whatever `/free` asks for.
    """

    websocket: str = "whole"
    prompt: str = "taken"
    run: str = "well"
    history: str = "prompt"
    file: str = "png"
    upload: str = "taken"
    start: str = "well"
    stats: str = "well"
    times: int = 0
    seconds: float = 0.12
    steps: int = 3
    nodes: Sequence[str] = ()
    cached: Sequence[str] = ()
    history_seconds: float = 0.01
    slow_seconds: float | None = None
    busy_seconds: float = 0.0
    system: Mapping[str, str] = field(default_factory=dict)
    previews: Sequence[str] = ()
    message: str = ""
    leaked_bytes: int = 0


class State:
    """A folder: how to behave, and what happened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._version = 0
        self._behaviour: dict[str, Any] = {}

    def behave(self, behaviour: Behaviour) -> None:
        """From now on; the count of faulty acts begins anew."""
        self.note("behaviour", **dataclasses.asdict(behaviour))
        new = self.folder / "new.json"
        new.write_text(json.dumps(dataclasses.asdict(behaviour)))
        new.replace(self.folder / BEHAVIOUR)

    @property
    def behaviour(self) -> Behaviour:
        try:
            version = (self.folder / BEHAVIOUR).stat().st_mtime_ns
            if version != self._version:
                self._version, self._behaviour = version, json.loads((self.folder / BEHAVIOUR).read_text())
        except FileNotFoundError:
            return Behaviour()
        return Behaviour(**self._behaviour)

    @property
    def gate(self) -> Path:
        """The file for which a gated start waits."""
        return self.folder / "gate"

    def open_gate(self) -> None:
        """Lets starts that wait go on."""
        self.gate.touch()

    def note(self, what: str, **more: Any) -> None:
        with (self.folder / LOG).open("a") as log:
            log.write(json.dumps({"what": what, "at": time.time(), **more}) + "\n")

    def events(self) -> list[dict[str, Any]]:
        """What happened since the behaviour was set last."""
        try:
            lines = (self.folder / LOG).read_text().splitlines()
        except FileNotFoundError:
            return []
        events = [json.loads(line) for line in lines]
        last = max((n for n, event in enumerate(events) if event["what"] == "behaviour"), default=0)
        return events[last:]

    def processes(self) -> list[int]:
        """The process ids of the own ones that were started, in order."""
        lines = map(json.loads, (self.folder / LOG).read_text().splitlines())
        return [event["pid"] for event in lines if event["what"] == "process"]

    def seen(self, what: str) -> list[dict[str, Any]]:
        return [event for event in self.events() if event["what"] == what]

    def faulty(self, act: str) -> bool:
        """Whether an act is to go wrong once more; counted."""
        times = self.behaviour.times
        if times and len(self.seen(f"fault: {act}")) >= times:
            return False
        self.note(f"fault: {act}")
        return True


@functools.cache
def image(width: int = 64, height: int = 64) -> bytes:
    """A PNG of noise, stored as it is: about three bytes a pixel."""
    file = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    return file.getvalue()


@functools.cache
def video(width: int, height: int, frames: int, rate: int = 24, *, sound: bool = True) -> bytes:
    """A whole mp4 of noise: h264, with aac sound if wanted."""
    import av  # noqa: PLC0415 - most of the time to start, and only this needs it

    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        # The index comes first, so that a file that is cut short still opens.
        with av.open(file.name, "w", format="mp4", options={"movflags": "faststart"}) as out:
            _encode(out, width, height, frames, rate, sound=sound)
        return Path(file.name).read_bytes()


def _encode(out: av.container.OutputContainer, width: int, height: int, frames: int, rate: int, *, sound: bool) -> None:
    import av  # noqa: PLC0415

    stream = out.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    audio = out.add_stream("aac", rate=48000) if sound else None
    noise = np.random.default_rng(0)
    for _ in range(frames):
        pixels = noise.integers(0, 255, (height, width, 3), dtype=np.uint8)
        out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
    out.mux(stream.encode())
    if audio is not None:
        samples = np.zeros((2, 48000 * frames // rate), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate = 48000
        out.mux(audio.encode(frame))
        out.mux(audio.encode())


def _wanted_video(prompt: dict[str, Any]) -> bytes:
    """As long and as large as the node says that has all three."""
    names = ("width", "height", "length")
    # A prompt that takes a video apart names no size: this one then stands for it.
    sizes = {"width": 64, "height": 64, "length": 9}
    asked = next((node["inputs"] for node in prompt.values() if all(name in node["inputs"] for name in names)), sizes)
    return video(*(asked[name] for name in names))


class ComfyUI:
    """One server on loopback.

    In the test's own process, `usual` is the behaviour that `behave` changes,
    `content` makes what is saved from the prompt (None: nothing), and `prompts`, `requests`,
    `interrupted`, `deleted` and `most_queued` say what came.
    """

    def __init__(self, state: State, port: int = 0, outputs: Path | None = None, inputs: Path | None = None) -> None:
        self.state = state
        self.port = port
        self.usual = Behaviour()
        self.content: Callable[[dict[str, Any]], bytes | None] | None = None
        self.prompts: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.interrupted: list[str] = []
        self.deleted: list[str] = []
        self.most_queued = 0
        self._outputs, self._inputs = outputs, inputs
        self._files: dict[tuple[str, str], bytes] = {}
        self._history: dict[str, dict[str, Any]] = {}
        self._leaked: list[bytes] = []
        self._pending: list[tuple[str, dict[str, Any], str]] = []
        self._more = asyncio.Event()
        self._running: tuple[str, asyncio.Task[None]] | None = None
        self._interrupted = False
        self._saved = 0
        self._stopping = False
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._held: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self._wants_previews: set[str] = set()
        self._gap = asyncio.Event()
        self._gap.set()
        self._later: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether a prompt runs."""
        return self._running is not None

    def behave(self, **behaviour: Any) -> None:
        """From now on so, and in all else as is usual."""
        self.state.behave(dataclasses.replace(self.usual, **behaviour))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        app = web.Application(client_max_size=256 << 20, middlewares=[self._note])
        app.add_routes(
            [
                web.get("/", self._root),
                web.post("/prompt", self._prompt),
                web.get("/ws", self._ws),
                web.get("/history/{id}", self._get_history),
                web.get("/queue", self._get_queue),
                web.post("/queue", self._delete),
                web.post("/interrupt", self._interrupt),
                web.post("/free", self._free),
                web.post("/upload/image", self._upload),
                web.get("/view", self._view),
                web.get("/system_stats", self._stats),
                web.get("/object_info", self._stats),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self._worker = asyncio.create_task(self._work())
        self.state.note("started", port=self.port)

    async def stop(self) -> None:
        self._stopping = True
        self._worker.cancel()
        for task in [*self._later, self._worker, *([self._running[1]] if self._running else [])]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for socket in list(self._sockets.values()):
            with contextlib.suppress(Exception):
                if socket._req is not None and socket._req.transport is not None:
                    socket._req.transport.abort()
        await self._runner.cleanup()

    async def hang_up(self) -> None:
        """Closes every websocket."""
        for socket in list(self._sockets.values()):
            await socket.close()

    # -- the queue -------------------------------------------------------------------------------------------------

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests = [*self.requests[-_KEPT:], f"{request.method} {request.path.split('/')[1]}"]
        return await handler(request)

    async def _prompt(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        prompt_id = body.get("prompt_id") or os.urandom(8).hex()
        how = self.state.behaviour
        faulty = how.prompt != "taken" and self.state.faulty("prompt")
        node_errors: dict[str, Any] = {}
        if faulty:
            some = _refusal(body["prompt"])
            match how.prompt:
                case "slow":
                    await asyncio.sleep(how.slow_seconds or 0.8)
                case "refused":
                    error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
                    return web.json_response({"error": error, "node_errors": some}, status=400)
                case "node_errors":
                    node_errors = some
                case "500" | "502":
                    return web.Response(status=int(how.prompt), text="<html>Bad gateway")
                case "html":
                    return web.Response(status=200, text="<html>It works!</html>", content_type="text/html")
                case "lost":
                    assert request.transport is not None
                    request.transport.abort()
                    return web.Response()
        self.state.note("prompt", id=prompt_id)
        self.prompts[prompt_id] = body["prompt"]
        if "preview_method" in body.get("extra_data", {}):
            self._wants_previews.add(prompt_id)
        while len(self.prompts) > _KEPT:
            del self.prompts[next(iter(self.prompts))]
        if how.busy_seconds:
            self._pending.append(("another", {}, "another"))
        self._pending.append((prompt_id, body["prompt"], body.get("client_id", "")))
        self.most_queued = max(self.most_queued, len(self._pending) + self.running)
        self._more.set()
        if faulty and how.prompt == "answer_lost":
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"prompt_id": prompt_id, "number": 0, "node_errors": node_errors})

    async def _work(self) -> None:
        while True:
            await self._more.wait()
            if not self._pending:
                self._more.clear()
                continue
            prompt_id, prompt, client_id = self._pending.pop(0)
            self._interrupted = False
            task = asyncio.create_task(self._execute(prompt_id, prompt, client_id))
            self._running = (prompt_id, task)
            await asyncio.wait([task])
            self._running = None

    async def _execute(self, prompt_id: str, prompt: dict[str, Any], client_id: str) -> None:
        how, here = self.state.behaviour, {"prompt_id": prompt_id}
        if prompt_id == "another":
            until = time.monotonic() + how.busy_seconds
            while time.monotonic() < until and self.state.behaviour == how:
                await asyncio.sleep(0.02)
            return
        self.state.note("running", id=prompt_id)
        # Written to, so that it is resident.
        self._leaked.append(b"\x01" * how.leaked_bytes)
        try:
            await self._send(client_id, "execution_start", here)
            await self._send(client_id, "execution_cached", {**here, "nodes": [*how.cached]})
            if how.websocket == "early":
                await self._send(client_id, "executing", {**here, "node": None})
            faulty = how.run != "well" and self.state.faulty("run")
            nodes = [*how.nodes] or list(prompt)[:2]
            for node in nodes:
                await self._send(client_id, "executing", {**here, "node": node, "display_node": node})
                for step in range(how.steps):
                    await asyncio.sleep(how.seconds / how.steps / len(nodes))
                    data = {**here, "node": node, "value": step + 1, "max": how.steps}
                    await self._send(client_id, "progress", data)
                    if how.previews and prompt_id in self._wants_previews and (socket := self._sockets.get(client_id)):
                        frames = how.previews[step : step + 1] or how.previews[-1:]
                        with contextlib.suppress(ConnectionError):
                            await socket.send_bytes(base64.b64decode(frames[0]))
                    if faulty and node == nodes[-1] and step == 1:
                        await self._go_wrong(how.run, prompt_id, client_id, node, prompt[node]["class_type"])
            await self._finish(prompt_id, client_id, prompt)
        except asyncio.CancelledError:
            if self._interrupted:
                await self._send(client_id, "execution_interrupted", here)
                self._remember(prompt_id, "error", {}, [["execution_interrupted", here]])
                await self._send(client_id, "executing", {**here, "node": None})
                return
            raise
        except _Failed:
            await self._send(client_id, "executing", {**here, "node": None})
        except _Forgotten:
            pass

    async def _go_wrong(self, how: str, prompt_id: str, client_id: str, node: str, class_type: str) -> None:
        texts = {
            "error": (
                "safetensors.SafetensorError",
                "Error while reading /opt/comfyui/models/loras/tiny.safetensors: header too large",
            ),
            "out_of_memory": ("torch.OutOfMemoryError", "Allocation on device 0 would exceed allowed memory."),
            "disk_full": ("OSError", "[Errno 28] No space left on device: '/tmp/outputs/comfy2runpod/x.png'"),
        }
        match how:
            case "hangs":
                await asyncio.sleep(3600)
            case "stuck":
                # A node in native code: an interrupt sets a flag that is not checked.
                while not self._stopping:
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.sleep(3600)
            case "slow":
                await asyncio.sleep(2.5)
            case "dies":
                os._exit(9)
            case "freezes":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "forgotten":
                raise _Forgotten
            case "interrupted":
                await self._send(client_id, "execution_interrupted", {"prompt_id": prompt_id})
                self._remember(prompt_id, "error", {}, [["execution_interrupted", {"prompt_id": prompt_id}]])
                raise _Failed
            case _:
                kind, text = texts[how]
                text = self.state.behaviour.message or text
                detail = {
                    "prompt_id": prompt_id,
                    "node_id": node,
                    "node_type": class_type,
                    "exception_type": kind,
                    "exception_message": text,
                    "traceback": ["File /opt/comfyui/execution.py"],
                }
                await self._send(client_id, "execution_error", detail)
                self._remember(prompt_id, "error", {}, [["execution_error", detail]])
                raise _Failed

    async def _finish(self, prompt_id: str, client_id: str, prompt: dict[str, Any]) -> None:
        how, here = self.state.behaviour, {"prompt_id": prompt_id}
        outputs = {}
        for node_id, node in prompt.items():
            if node["class_type"] in ("SaveImage", "SaveVideo") and (saved := self._save(node, prompt)):
                outputs[node_id] = saved
                await self._send(client_id, "executed", {**here, "node": node_id, "output": saved})
        await self._send(client_id, "execution_success", here)

        def remember() -> None:
            if how.history != "lost":
                self._remember(prompt_id, "success", outputs, [["execution_success", here]])
            self._gap.set()

        if how.history == "late":
            self._in(0.8, remember)
        else:
            await asyncio.sleep(how.history_seconds)
            remember()
        await self._send(client_id, "executing", {**here, "node": None})
        for kind, data in reversed(self._held.pop(client_id, [])):
            await self._send_now(client_id, kind, data)

    def _save(self, node: dict[str, Any], prompt: dict[str, Any]) -> dict[str, Any]:
        folder, _, stem = node["inputs"]["filename_prefix"].rpartition("/")
        how, moves = self.state.behaviour.file, node["class_type"] == "SaveVideo"
        usual = functools.partial(_wanted_video, prompt) if moves else image
        content = (
            self.content(prompt)
            if self.content is not None
            else {
                "huge": lambda: image(2000, 2000),
                "large": lambda: image(800, 800),
                "empty": lambda: b"",
                "half": lambda: image()[:6000],
                "text": lambda: b"<html><body>502 Bad Gateway</body></html>",
                "video": lambda: b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + b"\0" * 4000,
            }.get(how, usual)()
        )
        if how == "none" or content is None:
            return {}
        items = []
        for _ in range(2 if how == "two" else 1):
            self._saved += 1
            name = f"{stem}_{self._saved:05}_.{'mp4' if moves else 'png'}"
            if how != "gone":
                self._files[folder, name] = content
                while len(self._files) > _KEPT:
                    del self._files[next(iter(self._files))]
                if self._outputs is not None:
                    (self._outputs / folder).mkdir(parents=True, exist_ok=True)
                    (self._outputs / folder / name).write_bytes(content)
            items.append({"filename": name, "subfolder": folder, "type": "temp" if how == "temp" else "output"})
        return {"gifs" if how == "other_key" else "images": items, **({"animated": [True]} if moves else {})}

    def _remember(self, prompt_id: str, status: str, outputs: dict[str, Any], messages: list[Any]) -> None:
        self._history[prompt_id] = {
            "outputs": outputs,
            "status": {"status_str": status, "completed": status == "success", "messages": messages},
        }

    def _in(self, seconds: float, act: Any) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            result = act()
            if asyncio.iscoroutine(result):
                await result

        task = asyncio.create_task(later())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    # -- events ----------------------------------------------------------------------------------------------------

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        how = self.state.behaviour.websocket
        if how == "refused":
            return web.Response(status=403)
        if how == "mute":
            await asyncio.sleep(30)
        await self._gap.wait()
        socket = web.WebSocketResponse()
        try:
            await socket.prepare(request)
        except ConnectionError:
            # Who was kept waiting has gone.
            return web.Response()
        self._sockets[request.query["clientId"]] = socket
        self.state.note("connected")
        with contextlib.suppress(ConnectionError):
            await socket.send_json({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}}})
        async for _ in socket:
            pass
        return socket

    async def _send(self, client_id: str, kind: str, data: dict[str, Any]) -> None:
        how = self.state.behaviour.websocket
        ends = kind in ("execution_success", "execution_error") or (kind == "executing" and data["node"] is None)
        if how == "silent" or (how == "no_finish" and ends):
            return
        if how == "reordered":
            self._held.setdefault(client_id, []).append((kind, data))
            return
        if how == "late":
            self._in(1.0, lambda: self._send_now(client_id, kind, data))
            return
        if how == "repeated":
            await self._send_now(client_id, kind, data)
            await self._send_now(client_id, kind, data)
        if how == "foreign" and kind == "executing":
            await self._send_now(client_id, "executing", {"prompt_id": "another", "node": None})
            await self._send_now(client_id, "execution_error", {**data, "prompt_id": "another"})
        await self._send_now(client_id, kind, data)
        cut = kind == "progress" and data["value"] == data["max"]
        socket = self._sockets.get(client_id)
        if socket is None:
            return
        if how == "gap" and cut and self._gap.is_set():
            # The connection breaks, and comes back when all is over: the end is never told.
            self._gap.clear()
            await self._abort(client_id)
        elif (how == "dropped" and cut) or how == "dropped_always":
            with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
                await asyncio.wait_for(socket.close(), 0.2)
        elif how == "reset" and cut:
            await self._abort(client_id)

    async def _abort(self, client_id: str) -> None:
        socket = self._sockets.pop(client_id)
        if socket._req is not None and socket._req.transport is not None:
            socket._req.transport.abort()

    async def _send_now(self, client_id: str, kind: str, data: dict[str, Any]) -> None:
        socket = self._sockets.get(client_id)
        if socket is None or socket.closed:
            return
        with contextlib.suppress(ConnectionError):
            if self.state.behaviour.websocket == "odd":
                await socket.send_bytes(b"\x00\x00\x00\x01\xff\xd8 a preview")
                for frame in ("not JSON", "[" * 50_000, "null", "[]", '{"type": 3}', '{"type": "executing"}'):
                    await socket.send_str(frame)
                for odd in ([], None, "text", {"node": 3}, {"prompt_id": None, "node": None}):
                    await socket.send_json({"type": "executing", "data": odd})
                await socket.send_json({"type": "progress", "data": {"value": "x" * 200_000}})
            await socket.send_json({"type": kind, "data": data})

    # -- what is asked ---------------------------------------------------------------------------------------------

    async def _root(self, _request: web.Request) -> web.Response:
        return web.Response(text="ComfyUI")

    async def _get_history(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["id"]
        entry = self._history.get(prompt_id)
        how = self.state.behaviour.history
        if how == "dead":
            assert request.transport is not None
            request.transport.abort()
        if how in ("garbled", "500", "reset", "list") and entry is not None and self.state.faulty("history"):
            match how:
                case "garbled":
                    return web.Response(text='{"' + prompt_id + '": {"outputs": {', content_type="application/json")
                case "500":
                    return web.Response(status=500, text="500 Internal Server Error")
                case "list":
                    return web.json_response([1, 2, 3])
                case _:
                    assert request.transport is not None
                    request.transport.abort()
        return web.json_response({prompt_id: entry} if entry is not None else {})

    async def _get_queue(self, _request: web.Request) -> web.Response:
        running = [[0, self._running[0], {}, {}, ["20"]]] if self._running else []
        late = self.state.behaviour.history == "late" and self._later
        still = [[0, event["id"], {}, {}, ["20"]] for event in self.state.seen("prompt")] if late else []
        pending = [[0, prompt_id, {}, {}, ["20"]] for prompt_id, _, _ in self._pending]
        return web.json_response({"queue_running": running + still, "queue_pending": pending})

    async def _delete(self, request: web.Request) -> web.Response:
        for prompt_id in (await request.json())["delete"]:
            self.state.note("deleted", id=prompt_id)
            self.deleted.append(prompt_id)
            self._pending = [entry for entry in self._pending if entry[0] != prompt_id]
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        prompt_id = (await request.json())["prompt_id"]
        self.state.note("interrupted", id=prompt_id)
        self.interrupted.append(prompt_id)
        if self._running is not None and self._running[0] == prompt_id:
            self._interrupted = True
            self._running[1].cancel()
        return web.Response()

    async def _free(self, request: web.Request) -> web.Response:
        self.state.note("freed", **(await request.json()))
        return web.Response()

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        image, subfolder = form["image"], str(form.get("subfolder", ""))
        content = image.file.read()  # type: ignore[union-attr]
        how = self.state.behaviour.upload
        # Emptying a file is how a worker without the folder takes an image away again.
        if content and how != "taken" and self.state.faulty("upload"):
            match how:
                case "slow":
                    await asyncio.sleep(0.8)
                case "500":
                    return web.Response(status=500, text="500 Internal Server Error")
                case "reset":
                    assert request.transport is not None
                    request.transport.abort()
        name = image.filename  # type: ignore[union-attr]
        self.state.note("uploaded", name=name, size=len(content))
        if self._inputs is not None:
            (self._inputs / subfolder).mkdir(parents=True, exist_ok=True)
            (self._inputs / subfolder / name).write_bytes(content)
        return web.json_response({"name": name, "subfolder": subfolder, "type": "input"})

    async def _view(self, request: web.Request) -> web.StreamResponse:
        content = self._files.get((request.query["subfolder"], request.query["filename"]))
        self.state.note("viewed")
        how = self.state.behaviour.file
        if content is None:
            return web.Response(status=404)
        if how in ("reset", "500", "slow", "short") and self.state.faulty("file"):
            if how == "500":
                return web.Response(status=500, text="500 Internal Server Error")
            response = web.StreamResponse(headers={"Content-Length": str(len(content))})
            await response.prepare(request)
            await response.write(content[:4000])
            if how == "slow":
                for start in range(4000, len(content), 2000):
                    await asyncio.sleep(self.state.behaviour.slow_seconds or 0.1)
                    with contextlib.suppress(ConnectionError):
                        await response.write(content[start : start + 2000])
                return response
            assert request.transport is not None
            request.transport.abort() if how == "reset" else request.transport.close()
            return response
        return web.Response(body=content)

    async def _stats(self, _request: web.Request) -> web.Response:
        how = self.state.behaviour.stats
        if how == "500" and self.state.faulty("stats"):
            return web.Response(status=500, text="500 Internal Server Error")
        if how == "slow" and self.state.faulty("stats"):
            await asyncio.sleep(self.state.behaviour.slow_seconds or 0.6)
        system = {"comfyui_version": "0.21.0", **self.state.behaviour.system}
        return web.json_response({"system": system, "devices": []})


class _Failed(Exception):
    """The prompt has failed, and the history says so."""


class _Forgotten(Exception):
    """The prompt has ended, and nothing says so."""


def _refusal(prompt: dict[str, Any]) -> dict[str, Any]:
    """ComfyUI's `node_errors` for a prompt whose first model file is absent."""
    node_id, name = next(
        (node_id, name)
        for node_id, node in prompt.items()
        for name in node["inputs"]
        if "Loader" in node["class_type"] and name.endswith("_name")
    )
    node = prompt[node_id]
    fault = {
        "type": "value_not_in_list",
        "message": "Value not in list",
        "details": f"{name}: {node['inputs'][name]!r} not in ['/opt/comfyui/models/checkpoints/other.safetensors']",
        "extra_info": {"input_name": name},
    }
    return {node_id: {"errors": [fault], "dependent_outputs": [], "class_type": node["class_type"]}}


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--output-directory", type=Path)
    parser.add_argument("--input-directory", type=Path)
    options, rest = parser.parse_known_args()
    print("stand-in started with", json.dumps(rest), flush=True)
    state = State(options.state)
    state.note("process", pid=os.getpid())
    how = state.behaviour.start
    if how != "well" and state.faulty("start"):
        if how == "slow":
            await asyncio.sleep(2)
        while how == "gated" and not state.gate.exists():
            await asyncio.sleep(0.05)
        if how == "exits":
            print("RuntimeError: no CUDA GPUs are available in /opt/comfyui", flush=True)
            sys.exit(1)
        if how == "deaf":
            await asyncio.sleep(3600)
    await ComfyUI(state, options.port, options.output_directory, options.input_directory).start()
    await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(_main())
