"""A slice of `make hostile-media`: hostile media, and decoders that go wrong, between good jobs of a real worker."""

from __future__ import annotations

import asyncio
import base64
import itertools
import signal
from dataclasses import replace
from pathlib import Path

from tests.processes import below, left_of

from . import media, video_media
from .decoder_standin import WAYS, marked
from .hostile import jobs, run, session_of, video_jobs, video_package
from .table import WELL

CPU_SECONDS, WALL_SECONDS, MEMORY_BYTES = 2, 8, 600_000_000
SLICE = ["hangs", "spins", "eats", "crashes", "floods", "lies", "leaves-a-child"]


async def test_a_hostile_medium_costs_its_job_and_nothing_more(tmp_path: Path) -> None:
    sent = jobs(8, 10, seed=4, most_pixels=300_000, ways=SLICE)
    assert len({one.kind for one in sent if not one.good}) >= 8 + len(SLICE)
    assert sum(one.kind == "progressive" for one in sent) >= 4
    session = session_of(tmp_path / "worker", CPU_SECONDS, WALL_SECONDS, MEMORY_BYTES)
    told, left = await run(sent, session, WALL_SECONDS)
    assert [f"{one.sent.kind}: {one.wrong}" for one in told if one.wrong] == []
    assert len(told) == len(sent)
    assert left == []


async def test_a_hostile_video_costs_its_job_and_nothing_more(tmp_path: Path) -> None:
    sent = video_jobs(len(video_media.HOSTILE), 8, seed=4, ways=["hangs", "eats", "crashes", "floods", "lies"])
    assert len({one.kind for one in sent if not one.good}) >= 14 + 5
    session = session_of(tmp_path / "worker", 20, WALL_SECONDS, 1_000_000_000, video_package(tmp_path / "copy_video"))
    told, left = await run(sent, session, WALL_SECONDS)
    assert [f"{one.sent.kind}: {one.wrong}" for one in told if one.wrong] == []
    assert len(told) == len(sent)
    assert left == []


async def test_a_decoder_at_work_ends_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    session = session_of(tmp_path / "worker", CPU_SECONDS, 600, MEMORY_BYTES)
    try:
        session.state.behave(replace(WELL, seconds=0.0))
        await session.start()
        assert await session.warm()
        image = marked(next(media.good(1, 10_000))[1], "sleeps-deaf")
        asked = {"image": base64.b64encode(image).decode(), "prompt": "a cat"}
        waiting = {one for one in below(session.process.pid) if "decoder_standin" in one.command}
        session.queue.submit("hangs", asked)
        while "hangs" not in session.queue.taken:
            await asyncio.sleep(0.05)
        # The one that waited has it now.
        await asyncio.sleep(1)
        started = below(session.process.pid)
        assert waiting <= started
        session.process.send_signal(signal.SIGKILL)
        await session.process.wait()
        assert await asyncio.to_thread(left_of, started) == []
    finally:
        await session.close()


def test_the_generator_gives_the_same_for_a_seed_and_other_files_for_another() -> None:
    def of(seed: int) -> list[tuple[str, bytes]]:
        return list(itertools.islice(media.hostile(seed), 2))

    assert of(2) == of(2) != of(3)
    assert len(media.HOSTILE) >= 8
    assert len(WAYS) >= 10
