"""A worker whose memory grows over its jobs is replaced after an answer, and no job is lost."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from comfy2runpod_runtime.job.memory_watchdog import MemoryWatchdog
from comfy2runpod_runtime.operations.memory import Memory, host_memory
from comfy2runpod_runtime.settings import Settings
from tests.patience import HANG_SECONDS
from tests.standins.comfyui import ComfyUI
from tests.standins.runpod_queue import RunPodQueue

from .conftest import PACKAGE

MACHINE = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    400 kB\n"
JOBS = 9


def files(folder: Path, **contents: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_the_nearest_limit_counts_and_droppable_pages_are_free(tmp_path: Path) -> None:
    meminfo = files(tmp_path, meminfo=MACHINE) / "meminfo"
    stat = "anon 5\ninactive_file 100000\ntotal_inactive_file 100000\n"
    second = files(tmp_path / "2", memory__current="300000\n", memory__max="500000\n", memory__stat=stat)
    assert host_memory(second, meminfo) == Memory(200_000, 500_000)
    unlimited = files(tmp_path / "3", memory__current="300000\n", memory__max="max\n")
    assert host_memory(unlimited, meminfo) == Memory(600 * 1024, 1000 * 1024)
    first = tmp_path / "1"
    files(first / "memory", memory__usage_in_bytes="9", memory__limit_in_bytes="10", memory__stat="x y\n\n")
    assert host_memory(first, meminfo) == Memory(9, 10)
    files(first / "memory", memory__limit_in_bytes="9223372036854771712")
    assert host_memory(first, meminfo) == Memory(600 * 1024, 1000 * 1024)
    assert host_memory(tmp_path / "none", tmp_path / "none") is None


def test_this_machines_memory_is_known() -> None:
    memory = host_memory()
    assert memory is not None
    assert 0 < memory.used < memory.limit


@pytest.mark.parametrize(
    ("readings", "asked", "replaced"),
    [
        ([10, 20, 30], 0, False),
        ([89], 1, False),
        ([96, 50], 1, False),
        ([96, 96], 1, True),
        # What is left after ComfyUI freed its models is no reason to have them loaded for every job.
        ([88, 87, 88, 88], 1, False),
        ([88, 87, 90, 89], 2, False),
        ([88, 87, 96, 95.5], 2, True),
    ],
)
async def test_comfyui_is_asked_first_and_not_for_every_job(
    readings: list[float], asked: int, *, replaced: bool
) -> None:
    left, calls = list(readings), []

    def read() -> Memory:
        return Memory(int(10 * (left.pop(0) if len(left) > 1 else left[0])), 1000)

    async def free() -> None:
        calls.append(1)

    watchdog = MemoryWatchdog(0.95, read)
    reasons = [await watchdog.check(free) for _ in range(2 if len(readings) > 2 else 1)]
    assert (len(calls), any(reasons)) == (asked, replaced)


async def test_one_that_is_off_reads_nothing() -> None:
    def read() -> Memory:
        raise AssertionError

    async def free() -> None:
        raise AssertionError

    assert await MemoryWatchdog(0, read).check(free) is None


@pytest.mark.parametrize(
    ("environment", "share"),
    [
        ({}, 0.95),
        ({"MEMORY_SHARE": "0"}, 0),
        # Another's ComfyUI is not asked to unload its models, nor is a worker ended for a full desktop.
        ({"COMFYUI_URL": "http://127.0.0.1:8188"}, 0),
        ({"COMFYUI_URL": "http://127.0.0.1:8188", "MEMORY_SHARE": "0.5"}, 0.5),
    ],
)
def test_memory_is_watched_where_it_is_the_workers_own(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], share: float
) -> None:
    for name in ("MEMORY_SHARE", "COMFYUI_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings.read().watched_memory_share() == share


@pytest.mark.slow
async def test_a_worker_whose_memory_grows_is_replaced_and_no_job_is_lost(comfyui: ComfyUI) -> None:
    comfyui.behave(seconds=0.05)
    ended = 0
    async with RunPodQueue() as queue:
        for number in range(JOBS):
            queue.submit(f"job-{number}", {"prompt": "a cat", "frame_count": 25, "seed": number})
        while len(queue.results) < JOBS:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, str(Path(__file__).with_name("ramping_memory.py"))),
                cwd=PACKAGE,
                env={
                    **os.environ, **queue.environment(), "COMFYUI_URL": comfyui.url, "PYTHONDONTWRITEBYTECODE": "1",
                    "MEMORY_SHARE": "0.95",
                },
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            try:
                if JOBS - len(queue.results) < 4:
                    await queue.result_of(f"job-{JOBS - 1}", HANG_SECONDS)
                    break
                out, _ = await asyncio.wait_for(process.communicate(), HANG_SECONDS)
                assert b"this worker is to be replaced" in out, out.decode()
                assert process.returncode == 0, out.decode()
                ended += 1
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.communicate()
        posted = [body for _, _, body in queue.results]
        assert sorted(job for job, _, _ in queue.results) == [f"job-{number}" for number in range(JOBS)]
    assert all("output" in body for body in posted), posted
    assert sum(bool(body.get("stopPod")) for body in posted) == ended >= 1
    assert comfyui.state.seen("freed")
