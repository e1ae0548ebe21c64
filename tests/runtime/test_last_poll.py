"""A job that RunPod hands out while an idle worker is told to end: whoever has it finishes it, or RunPod still has it.

Each worker is the package's handler.py under the real SDK, in a fork of a process that has imported everything.
RunPod's queue is the stand-in, at the end of a network with a delay: answers and ends of connections are under way.
"""

from __future__ import annotations

import asyncio
import os
import runpy
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fork_server import ForkServer
from tests.patience import HANG_SECONDS
from tests.standins.comfyui import ComfyUI
from tests.standins.raw_poll import job_answer, raw_poll, write_certificate
from tests.standins.runpod_queue import RunPodQueue
from tests.standins.slow_network import slow_network

from .conftest import PACKAGE
from .test_sdk import worker

pytestmark = pytest.mark.slow

DELAY = 0.15
# Handed out so long after the signal; before it if negative. The answer, and the end of the poll, take DELAY.
OFFSETS = [-0.3, -0.2, -0.16, -0.15, -0.14, -0.12, -0.1, -0.07, -0.05, -0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.05,
           0.07, 0.1, 0.12, 0.14, 0.145, 0.15, 0.155, 0.16, 0.2, 0.3]  # fmt: skip
ASK = {"prompt": "a cat", "frame_count": 9}


def prepare(environment: dict[str, str]) -> None:
    """In the server of forks: what a worker imports, with RunPod's addresses, which the SDK reads on import."""
    os.environ.update(environment)
    os.chdir(PACKAGE)
    import runpod.serverless.modules.rp_scale  # noqa: F401, PLC0415

    import comfy2runpod_runtime.endpoint  # noqa: F401, PLC0415


def work(environment: dict[str, str], pid_file: str) -> None:
    """In a fork: `python handler.py`."""
    os.environ.update(environment)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    import sys  # noqa: PLC0415

    sys.argv = ["handler.py"]
    sys.path.insert(0, str(PACKAGE))
    Path(pid_file).write_text(str(os.getpid()))
    runpy.run_path("handler.py", run_name="__main__")


@pytest.fixture
def forks() -> Iterator[ForkServer]:
    with ForkServer() as server:
        yield server


async def test_whatever_the_moment_a_job_that_is_handed_out_is_answered(
    comfyui: ComfyUI, forks: ForkServer, tmp_path: Path
) -> None:
    outcomes: Counter[str] = Counter()
    async with RunPodQueue(long_poll_seconds=90.0) as queue, slow_network(queue.url, DELAY) as url:
        environment = {name: value.replace(queue.url, url) for name, value in queue.environment().items()}
        environment |= {"COMFYUI_URL": comfyui.url, "PYTHONDONTWRITEBYTECODE": "1"}
        await asyncio.to_thread(forks.prepare, prepare, environment)
        for number, offset in enumerate(OFFSETS):
            job, before, pid_file = f"job-{number}", queue.polls, tmp_path / str(number)
            ended = asyncio.create_task(asyncio.to_thread(forks.call, work, environment, str(pid_file)))
            await until(lambda before=before, ended=ended: queue.polls > before or ended.done())
            tell = asyncio.create_task(
                after(-offset, lambda pid=pid_file: os.kill(int(pid.read_text()), signal.SIGTERM))
            )
            give = asyncio.create_task(after(offset, lambda job=job: queue.submit(job, ASK)))
            await asyncio.gather(tell, give)
            async with asyncio.timeout(HANG_SECONDS):
                assert (await ended)[0] == 0, offset
            if job in queue.taken:
                assert [list(body) for body in queue.of(job)] == [["output"]], f"lost, {offset} s after the signal"
            else:
                assert [one["id"] for one in queue.waiting] == [job], offset
                queue.waiting.clear()
            outcomes["run" if job in queue.taken else "left"] += 1
    # Both sides of the window were met, whatever the machine's load.
    assert outcomes["run"] > 1
    assert outcomes["left"] > 1


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("sent", ["nothing", "all-late", "half-before"])
async def test_a_server_that_does_not_see_the_worker_go(
    comfyui: ComfyUI, tmp_path: Path, sent: str, *, tls: bool
) -> None:
    """It holds the poll open, or hands out a job after all, or has begun to."""
    certificate = write_certificate(tmp_path / "key.pem") if tls else None
    answer = job_answer("late", ASK)
    async with RunPodQueue() as queue:
        with raw_poll(certificate) as polls:
            take = f"{polls.url}/job-take/$ID?gpu=X"
            environment = {**queue.environment(), "RUNPOD_WEBHOOK_GET_JOB": take, "COMFYUI_URL": comfyui.url}
            if certificate is not None:
                environment["SSL_CERT_FILE"] = str(certificate)
            async with worker(**environment) as process:
                await until(lambda: polls.asked.is_set() or process.returncode is not None)
                if sent == "half-before":
                    polls.send(answer[:-20])
                    # It has read this before the signal comes, or after: both are right.
                    await asyncio.sleep(0.2)
                process.send_signal(signal.SIGTERM)
                if sent != "nothing":
                    # Longer than a worker waits for a poll of which nothing has come.
                    await asyncio.sleep(1.0 if sent == "all-late" else 5.0)
                    polls.send(answer if sent == "all-late" else answer[-20:])
                async with asyncio.timeout(HANG_SECONDS):
                    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    assert b"Failed to get job" not in out
    assert b"Traceback" not in out
    assert [list(body) for body in queue.of("late")] == ([] if sent == "nothing" else [["output"]]), out.decode()


async def after(seconds: float, do: Callable[[], object]) -> None:
    await asyncio.sleep(max(0.0, seconds))
    do()


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not what():
            await asyncio.sleep(0.01)
