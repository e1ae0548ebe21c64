"""A stand-in for ComfyUI that can be told to misbehave, and media files as ComfyUI saves them.

It speaks just enough of ComfyUI 0.21.0's protocol for a job, in ComfyUI's order of events. It validates nothing and
draws nothing: the video that it "saves" has the size and length that node 3 of the package in this folder asks for.
As a program (`python standin.py --port N`) it takes ComfyUI's place as the worker's own process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from aiohttp import WSMsgType, web


def make_video(width: int, height: int, frames: int, rate: int = 24, *, sound: bool = True) -> bytes:
    """A whole mp4: h264, with aac sound if wanted."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        # The index comes first, so that a file that is cut short still opens.
        with av.open(file.name, "w", format="mp4", options={"movflags": "faststart"}) as out:
            _encode(out, width, height, frames, rate, sound=sound)
        return Path(file.name).read_bytes()


def _encode(out: av.container.OutputContainer, width: int, height: int, frames: int, rate: int, *, sound: bool) -> None:
    video = out.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
    video.width, video.height, video.pix_fmt = width, height, "yuv420p"
    audio = out.add_stream("aac", rate=48000) if sound else None
    noise = np.random.default_rng(0)
    for _ in range(frames):
        image = noise.integers(0, 255, (height, width, 3), dtype=np.uint8)
        out.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
    out.mux(video.encode())
    if audio is not None:
        samples = np.zeros((2, 48000 * frames // rate), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate = 48000
        out.mux(audio.encode(frame))
        out.mux(audio.encode())


@dataclass
class StandIn:
    """One ComfyUI on loopback; the attributes say how it misbehaves."""

    websocket: str = "whole"  # whole | refused | silent | dropped | noisy | no_end
    outcome: str = "success"  # success | error | interrupted | refused | node_errors | hangs | lost | garbled
    seconds: float = 0.0
    steps: int = 2
    port: int = 0
    history_resets: int = 0
    slow_queue_seconds: float = 0.0
    file: Callable[[dict[str, Any]], bytes | None] | None = None
    saved_type: str = "output"
    saved_key: str = "images"
    copies: int = 1
    kept: tuple[str, ...] = ()
    stats: dict[str, str] = field(default_factory=lambda: {"comfyui_version": "0.21.0"})
    folder: Path | None = None
    url: str = ""
    prompts: dict[str, dict[str, Any]] = field(default_factory=dict)
    interrupted: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    requests: list[str] = field(default_factory=list)
    _history: dict[str, dict[str, Any]] = field(default_factory=dict)
    _queue: list[str] = field(default_factory=list)
    _sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    _files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def __aenter__(self) -> StandIn:
        app = web.Application(client_max_size=64 << 20, middlewares=[self._note])
        app.add_routes(
            [
                web.post("/prompt", self._prompt),
                web.get("/ws", self._ws),
                web.get("/history/{id}", self._get_history),
                web.get("/queue", self._get_queue),
                web.post("/queue", self._delete),
                web.post("/interrupt", self._interrupt),
                web.get("/view", self._view),
                web.get("/system_stats", self._stats),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks.values():
            task.cancel()
        for socket in list(self._sockets.values()):
            await socket.close()
        await self._runner.cleanup()

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path.split('/')[1]}")
        return await handler(request)

    async def _prompt(self, request: web.Request) -> web.Response:
        body = await request.json()
        await asyncio.sleep(self.slow_queue_seconds)
        prompt_id = body["prompt_id"]
        self.prompts[prompt_id] = body["prompt"]
        fault = {
            "type": "value_not_in_list",
            "message": "Value not in list",
            "details": "ckpt_name: 'tiny.safetensors' not in ['/opt/comfyui/models/checkpoints/other.safetensors']",
            "extra_info": {"input_name": "ckpt_name"},
        }
        node_errors = {"4": {"errors": [fault], "dependent_outputs": ["9"], "class_type": "CheckpointLoaderSimple"}}
        if self.outcome == "refused":
            error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
            return web.json_response({"error": error, "node_errors": node_errors}, status=400)
        if self.outcome == "garbled":
            return web.Response(text="<html>Bad gateway", status=502)
        self._queue.append(prompt_id)
        self._tasks[prompt_id] = asyncio.create_task(self._execute(prompt_id, body["client_id"]))
        errors = node_errors if self.outcome == "node_errors" else {}
        return web.json_response({"prompt_id": prompt_id, "number": 0, "node_errors": errors})

    async def _execute(self, prompt_id: str, client_id: str) -> None:
        prompt, here = self.prompts[prompt_id], {"prompt_id": prompt_id}
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self._send(client_id, "execution_start", here)
            await self._send(client_id, "execution_cached", {**here, "nodes": [*self.kept]})
            for node in ("3", "7:5"):
                await self._send(client_id, "executing", {**here, "node": node, "display_node": node})
                for step in range(self.steps):
                    await asyncio.sleep(self.seconds / self.steps / 2)
                    data = {**here, "node": node, "value": step + 1, "max": self.steps}
                    await self._send(client_id, "progress", data)
            if self.outcome == "hangs":
                await asyncio.sleep(3600)
            if self.outcome == "lost":
                return
            await self._finish(prompt_id, client_id, prompt)
        except asyncio.CancelledError:
            self._remember(prompt_id, "error", {}, [["execution_interrupted", here]])
            raise
        finally:
            self.running -= 1
            self._queue.remove(prompt_id)

    async def _finish(self, prompt_id: str, client_id: str, prompt: dict[str, Any]) -> None:
        here = {"prompt_id": prompt_id}
        if self.outcome == "error":
            detail = {
                **here,
                "node_id": "7:5",
                "node_type": "SamplerCustom",
                "exception_type": "safetensors.SafetensorError",
                "exception_message": "Error while reading /opt/comfyui/models/loras/tiny.safetensors: header too large",
                "traceback": ["File /opt/comfyui/execution.py"],
            }
            await self._send(client_id, "execution_error", detail)
            self._remember(prompt_id, "error", {}, [["execution_error", detail]])
        elif self.outcome == "interrupted":
            await self._send(client_id, "execution_interrupted", here)
            self._remember(prompt_id, "error", {}, [["execution_interrupted", here]])
        else:
            output = self._save(prompt)
            await self._send(client_id, "executed", {**here, "node": "9", "output": output})
            await self._send(client_id, "execution_success", here)
            await asyncio.sleep(0.01)
            self._remember(prompt_id, "success", {"9": output} if output else {}, [["execution_success", here]])
        await self._send(client_id, "executing", {**here, "node": None})

    def _save(self, prompt: dict[str, Any]) -> dict[str, Any]:
        size = prompt["3"]["inputs"]
        content = self.file(prompt) if self.file else make_video(size["width"], size["height"], size["length"])
        if content is None:
            return {}
        folder, _, stem = prompt["9"]["inputs"]["filename_prefix"].rpartition("/")
        items = []
        for number in range(1, self.copies + 1):
            name = f"{stem}_{number:05}_.mp4"
            self._files[folder, name] = content
            if self.folder is not None:
                (self.folder / folder).mkdir(parents=True, exist_ok=True)
                (self.folder / folder / name).write_bytes(content)
            items.append({"filename": name, "subfolder": folder, "type": self.saved_type})
        return {self.saved_key: items, "animated": [True]}

    def _remember(self, prompt_id: str, status: str, outputs: dict[str, Any], messages: list[Any]) -> None:
        self._history[prompt_id] = {
            "outputs": outputs,
            "status": {"status_str": status, "completed": status == "success", "messages": messages},
        }

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        if self.websocket == "refused":
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[request.query["clientId"]] = socket
        await socket.send_json({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}}})
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        return socket

    async def _send(self, client_id: str, kind: str, data: dict[str, Any]) -> None:
        socket = self._sockets.get(client_id)
        ending = kind in ("execution_success", "execution_error") or (kind == "executing" and data["node"] is None)
        if socket is None or socket.closed or self.websocket == "silent" or (self.websocket == "no_end" and ending):
            return
        with suppress(ConnectionError):
            if self.websocket == "dropped" and kind == "progress":
                await socket.close()
                return
            if self.websocket == "noisy":
                await socket.send_bytes(b"\x00\x00\x00\x01\xff\xd8 a preview")
                for frame in ("not JSON", "[" * 100_000, "null", '{"type": 3}', '{"type": "executing", "data": []}'):
                    await socket.send_str(frame)
                await socket.send_json({"type": "executing", "data": {"prompt_id": "another", "node": None}})
            await socket.send_json({"type": kind, "data": data})

    async def _get_history(self, request: web.Request) -> web.Response:
        if self.history_resets > 0:
            self.history_resets -= 1
            assert request.transport is not None
            request.transport.abort()
        prompt_id = request.match_info["id"]
        return web.json_response({prompt_id: self._history[prompt_id]} if prompt_id in self._history else {})

    async def _get_queue(self, _request: web.Request) -> web.Response:
        running = [[0, prompt_id, {}, {}, ["9"]] for prompt_id in self._queue]
        return web.json_response({"queue_running": running, "queue_pending": []})

    async def _delete(self, request: web.Request) -> web.Response:
        self.deleted += (await request.json())["delete"]
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        prompt_id = (await request.json())["prompt_id"]
        self.interrupted.append(prompt_id)
        if prompt_id in self._queue:
            self._tasks[prompt_id].cancel()
        return web.Response()

    async def _view(self, request: web.Request) -> web.Response:
        content = self._files.get((request.query["subfolder"], request.query["filename"]))
        return web.Response(status=404) if content is None else web.Response(body=content)

    async def _stats(self, _request: web.Request) -> web.Response:
        return web.json_response({"system": self.stats, "devices": []})


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--output-directory", type=Path)
    options, rest = parser.parse_known_args()
    print("stand-in started with", json.dumps(rest), flush=True)
    if "--dies" in rest:
        print("RuntimeError: no CUDA GPUs are available", flush=True)
        sys.exit(1)
    if "--deaf" in rest:
        await asyncio.sleep(3600)
    async with StandIn(port=options.port, folder=options.output_directory) as comfyui:
        if "--dies-mid-job" in rest:
            comfyui.file = lambda _prompt: os._exit(9)
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(_main())
