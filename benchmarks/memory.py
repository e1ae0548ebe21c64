"""Peak memory of a worker that delivers: an inline answer beside the SDK's own, and a large video to a bucket.

    python benchmarks/memory.py

A worker in the real `runpod` loop, and a stand-in for ComfyUI whose every prompt is done at once and saves one video of
a given size. Measured is how far the process's resident memory rises over what it was between two jobs.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.buckets.swift import missing, running_swift
from tests.standins.runpod_queue import RunPodQueue

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "generated" / "t2v_ltx2"
HEADING = "## Memory of a delivery"
INLINE_TEXT, LARGE = 15_000_000, 200_000_000
_MB = 1_000_000
_HOW = (
    "How far the worker's resident memory rises during a job over what it was before, when a small job had warmed it "
    "up; in the real `runpod` loop beside a stand-in for ComfyUI. Every frame of a video is decoded on the way."
)
_JOB_SECONDS = 300
# A handler as small as can be: what the SDK itself needs to post a text.
_PLAIN = """
import runpod
runpod.serverless.start({{"handler": lambda job: {{"video": "x" * {length} * (job["id"] == "job-1")}}}})
"""


def film(path: Path, size: int) -> None:
    """An mp4 of at least `size` bytes: one frame of noise, which no codec makes smaller, over and over."""
    noise = np.random.default_rng(1).integers(0, 255, (512, 512, 3), dtype=np.uint8)
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=24, options={"qp": "0", "preset": "ultrafast", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = 512, 512, "yuv420p"
        frame = av.VideoFrame.from_ndarray(noise, format="rgb24")
        written, index = 0, 0
        while written < size:
            frame.pts, frame.time_base = index, Fraction(1, 24)
            for packet in stream.encode(frame):
                written += packet.size
                out.mux(packet)
            index += 1
        out.mux(stream.encode())


@asynccontextmanager
async def comfyui(warm: Path, file: Path) -> AsyncIterator[str]:
    """The stand-in, whose first prompt saves `warm`, and every other `file`: knows what this worker asks for."""
    done: dict[str, object] = {}

    async def prompt(request: web.Request) -> web.Response:
        body = await request.json()
        saver = next(key for key, node in body["prompt"].items() if node["class_type"] == "SaveVideo")
        saved = {"filename": "v.mp4", "subfolder": "", "type": "output"}
        status = {"status_str": "success", "completed": True, "messages": []}
        done[body["prompt_id"]] = {"status": status, "outputs": {saver: {"images": [saved], "animated": [True]}}}
        return web.json_response({"prompt_id": body["prompt_id"], "number": 1, "node_errors": {}})

    async def history(request: web.Request) -> web.Response:
        name = request.match_info["id"]
        return web.json_response({name: done[name]} if name in done else {})

    async def view(_request: web.Request) -> web.StreamResponse:
        return web.FileResponse(warm if len(done) == 1 else file)

    async def queue(_request: web.Request) -> web.Response:
        return web.json_response({"queue_running": [], "queue_pending": []})

    async def stats(_request: web.Request) -> web.Response:
        return web.json_response({"system": {}, "devices": []})

    async def socket(request: web.Request) -> web.WebSocketResponse:
        channel = web.WebSocketResponse()
        await channel.prepare(request)
        async for _ in channel:
            pass
        return channel

    app = web.Application()
    app.add_routes(
        [
            web.post("/prompt", prompt),
            web.get("/history/{id}", history),
            web.get("/view", view),
            web.get("/queue", queue),
            web.get("/system_stats", stats),
            web.get("/ws", socket),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def rise(command: list[str], environment: dict[str, str], log: Path) -> tuple[float, dict[str, object]]:
    """How many MB a worker's memory rises during a job, after a small one that warmed it up; and the job's answer."""
    queue = RunPodQueue()
    await queue.start()
    request = json.loads((PACKAGE / "test_input.json").read_text("utf-8"))["input"]
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **queue.environment(), **environment}, stdout=out, stderr=out
        )
    try:
        idle = peak = 0.0
        answer: dict[str, object] = {}
        for number in range(2):
            if number:
                idle = _idle(process.pid)
            name = f"job-{number}"
            queue.submit(name, {**request, "seed": number})
            async with asyncio.timeout(_JOB_SECONDS):
                while not queue.of(name):
                    if process.returncode is not None:
                        raise SystemExit(f"the worker ended; {log} says why")
                    await asyncio.sleep(0.02)
            (answer,) = queue.of(name)
            peak = _memory(process.pid, "VmHWM")
            await asyncio.sleep(1)
        return peak - idle, answer
    finally:
        process.kill()
        await process.wait()
        await queue.close()


def _idle(pid: int) -> float:
    """What it has now; its peak counts anew from here."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _memory(pid, "VmRSS")


def _memory(pid: int, name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024 / _MB


async def measure(folder: Path) -> list[str]:
    """The rows of the table."""
    handler = [sys.executable, str(PACKAGE / "handler.py")]
    plain = folder / "plain.py"
    plain.write_text(_PLAIN.format(length=INLINE_TEXT))
    own, _ = await rise([sys.executable, str(plain)], {}, folder / "plain.log")
    warm, small = folder / "warm.mp4", folder / "small.mp4"
    film(warm, 1)
    film(small, INLINE_TEXT * 3 // 4 - 600_000)
    async with comfyui(warm, small) as url:
        environment = {"COMFYUI_URL": url, "MAX_INLINE_BYTES": "14000000"}
        ours, answer = await rise(handler, environment, folder / "inline.log")
    text = len(_output(answer, "video"))
    rows = [
        f"| the SDK alone, a text of {INLINE_TEXT / _MB:.0f} MB | {own:.0f} MB | 1.00x |",
        f"| ours, an inline video of {text / _MB:.1f} MB as text | {ours:.0f} MB | {ours / own:.2f}x |",
    ]
    if missing():
        return [*rows, f"| ours, {LARGE / _MB:.0f} MB to a bucket | not measured: no Swift here | |"]
    large = folder / "large.mp4"
    film(large, LARGE)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(comfyui(warm, large))
        (folder / "swift").mkdir()
        swift = await asyncio.to_thread(stack.enter_context, running_swift(folder / "swift"))
        await asyncio.to_thread(swift.client().create_bucket, Bucket="results")
        environment = {"COMFYUI_URL": url, **swift.environment("results")}
        bucket, answer = await rise(handler, environment, folder / "bucket.log")
    _output(answer, "url")
    size = large.stat().st_size / _MB
    return [
        *rows,
        f"| ours, a video of {size:.0f} MB to a bucket | {bucket:.0f} MB | {bucket / size:.2f} of the file |",
    ]


def _output(answer: dict[str, object], key: str) -> str:
    output = answer.get("output")
    if not isinstance(output, dict) or key not in output:
        raise SystemExit(f"no {key} in {str(answer)[:500]}")
    return str(output[key])


def report() -> list[str]:
    """The section of results.md."""
    with tempfile.TemporaryDirectory(prefix="memory-") as folder:
        rows = asyncio.run(measure(Path(folder)))
    return [
        HEADING,
        "",
        _HOW,
        "",
        "| | memory | |",
        "| --- | --- | --- |",
        *rows,
        "",
    ]


if __name__ == "__main__":
    print("\n".join(report()))
