"""Kill -9 of `serve`, `run`, `batch` and of a worker with a ComfyUI of its own: none of their processes continues.

All of it is real but for ComfyUI, whose stand-in starts a process that wants to be let alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.standins.runpod_queue import RunPodQueue
from tests.standins.serving import free_port

from . import Seen, below, left_of, marked, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to whom we say")

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "generated" / "t2i_klein_4b"
ENDS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
JOB = {"prompt": "a cat", "width": 256, "height": 256, "seed": 1}


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """For a process of a test's own, with a mark in it; whoever is left at the end is killed."""
    mark, folder = f"ENDS_TEST={uuid.uuid4()}", tmp_path / "tmp"
    folder.mkdir()
    given = {name: value for name, value in os.environ.items() if not name.startswith(("RUNPOD_", "COMFYUI_"))}
    yield {**given, **dict([mark.split("=")]), "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    for seen in marked(mark):
        os.kill(seen.pid, signal.SIGKILL)


def all_of(process: subprocess.Popen[str] | asyncio.subprocess.Process, environment: dict[str, str]) -> set[Seen]:
    """A process's own, found both ways: what hides from one does not hide from the other."""
    mark = f"ENDS_TEST={environment['ENDS_TEST']}"
    return below(process.pid) | {one for one in marked(mark) if one.pid != process.pid}


def command(*arguments: str, environment: dict[str, str], folder: Path) -> subprocess.Popen[str]:
    with (folder / "command.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "comfy2runpod", *arguments],
            env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("number", "busy"),
    [(signal.SIGKILL, False), (signal.SIGKILL, True), (signal.SIGTERM, True), (signal.SIGINT, False)],
)
def test_serve(tmp_path: Path, environment: dict[str, str], number: signal.Signals, busy: bool) -> None:
    steps = ("--seconds-per-step", "600" if busy else "0")
    with command("serve", str(PACKAGE), "--port", "0", *steps, environment=environment, folder=tmp_path) as process:
        url = process.stdout.readline().split()[2]
        headers = {"Authorization": "Bearer local"}
        endpoint = f"{url}/v2/{PACKAGE.name}"
        job = httpx.post(f"{endpoint}/run", json={"input": JOB}, headers=headers, timeout=60).json()["id"]
        wanted = "IN_PROGRESS" if busy else "COMPLETED"

        def reached() -> bool:
            return bool(httpx.get(f"{endpoint}/status/{job}", headers=headers, timeout=60).json()["status"] == wanted)

        wait_for(reached)
        started = all_of(process, environment)
        # The tether, the worker, and the process from which the SDK pings.
        assert len(started) >= 3
        process.send_signal(number)
        process.wait(60)
        assert left_of(started) == []
    # The SDK's loop asks again at once, and logs each time that there is no answer.
    assert (tmp_path / "command.log").read_text().count("Failed to get job") <= 1


@pytest.mark.parametrize("number", ENDS)
def test_run(tmp_path: Path, environment: dict[str, str], number: signal.Signals) -> None:
    # A ComfyUI that takes the prompt and never answers: the run continues until it is ended.
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        arguments = ("run", str(PACKAGE), "--input", json.dumps(JOB), "-o", str(tmp_path / "out"), "--comfyui", url)
        with command(*arguments, environment=environment, folder=tmp_path) as process:
            taken, _ = deaf.accept()
            started = all_of(process, environment)
            assert len(started) >= 2
            process.send_signal(number)
            process.wait(60)
            assert left_of(started) == []
            taken.close()


def test_batch(tmp_path: Path, environment: dict[str, str]) -> None:
    inputs = tmp_path / "inputs.jsonl"
    inputs.write_text(json.dumps(JOB) + "\n")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v2/x"
        given = {**environment, "RUNPOD_API_KEY": "k"}
        with command("batch", url, str(inputs), "-o", "out", environment=given, folder=tmp_path) as process:
            taken, _ = deaf.accept()
            started = all_of(process, environment)
            process.kill()
            process.wait(60)
            assert left_of(started) == []
            taken.close()


@pytest.fixture
async def queue() -> AsyncIterator[RunPodQueue]:
    async with RunPodQueue() as running:
        yield running


@pytest.fixture
async def worker(tmp_path: Path, environment: dict[str, str], queue: RunPodQueue) -> AsyncIterator[Any]:
    """A worker in the real loop of the SDK, with a ComfyUI of its own that starts others, after its first job."""
    comfyui = tmp_path / "comfyui"
    (comfyui / "input").mkdir(parents=True)
    (comfyui / "main.py").symlink_to(Path(__file__).with_name("comfyui_that_starts_others.py"))
    settings = {
        "COMFYUI_DIR": str(comfyui),
        "COMFYUI_PYTHON": sys.executable,
        "COMFYUI_PORT": str(free_port()),
        "STANDIN_STATE": str(tmp_path / "state"),
        "POLL_SECONDS": "0.3",
    }
    queue.submit("first", JOB)
    with (tmp_path / "worker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(PACKAGE / "handler.py"),
            env={**environment, **settings, **queue.environment()}, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        for _ in range(1200):
            if queue.of("first") or process.returncode is not None:
                break
            await asyncio.sleep(0.05)
        assert ["output" in body for body in queue.of("first")] == [True], (tmp_path / "worker.log").read_text()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("number", ENDS)
async def test_a_worker_with_a_comfyui_of_its_own(
    worker: asyncio.subprocess.Process, environment: dict[str, str], number: signal.Signals
) -> None:
    started = all_of(worker, environment)
    commands = [one.command for one in started]
    assert any("main.py" in text and "tether.py" not in text for text in commands)
    assert any("SIG_IGN" in text for text in commands)
    # And the process from which the SDK pings, a fork of the worker.
    assert sum("handler.py" in text for text in commands) >= 1
    worker.send_signal(number)
    await worker.wait()
    assert await asyncio.to_thread(left_of, started) == []


async def test_a_comfyui_that_ends_takes_what_it_started_along(
    worker: asyncio.subprocess.Process, environment: dict[str, str]
) -> None:
    started = all_of(worker, environment)
    (comfyui,) = [one for one in started if "main.py" in one.command and "tether.py" not in one.command]
    os.kill(comfyui.pid, signal.SIGKILL)
    stubborn = [one for one in started if "SIG_IGN" in one.command]
    assert len(stubborn) == 1
    assert await asyncio.to_thread(left_of, stubborn) == []
