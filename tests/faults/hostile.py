"""Hostile media and broken decoders in the real worker loop: each affects one job, and the others succeed.

    python -m tests.faults.hostile [--media 20] [--good 100] [--seed 1] [--cpu 30] [--wall 120] [--kind video]

One worker takes them all. Exit code 1 if a hostile medium is not `invalid_input` on its field within the limit and 5 s,
if a good job fails, or if a process, thread, task, socket or file is left.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.pipeline import Options, compile_graph
from comfy2runpod.write import write_package
from tests.processes import Seen, below

from . import media, video_media
from .decoder_standin import WAYS, marked
from .harness import HERE, OURS, Session, judge
from .table import SUCCESS, WELL, Fault

# On top of the limit: the rest of a job, and the queue's own turns.
LATE_SECONDS = 5.0
# DECODE_IMAGE_MEMORY_BYTES, as it is by default.
MEMORY_BYTES = 2_500_000_000
_SETTLE_SECONDS = 15.0


@dataclass(frozen=True)
class Sent:
    """A job with a file; `kind` in words, whether the file is to be taken, and the field that it is for."""

    kind: str
    data: bytes
    good: bool
    field: str = "image"


@dataclass(frozen=True)
class Told:
    """What came of a job: a result as the harness says it, how long it took, and what is wrong with that."""

    sent: Sent
    result: str
    seconds: float
    wrong: str


def jobs(media_count: int, good_count: int, seed: int, most_pixels: int, ways: list[str]) -> list[Sent]:
    """Hostile ones spread over good ones, by seed; a good one is first and last."""
    chance = random.Random(seed)
    bad = [Sent(kind, data, good=False) for kind, data in itertools.islice(media.hostile(seed), media_count)]
    bad += [Sent(f"decoder {way}", marked(media.image("png", 20_000, chance), way), good=False) for way in ways]
    chance.shuffle(bad)
    good = [Sent(kind, data, good=True) for kind, data in itertools.islice(media.good(seed, most_pixels), good_count)]
    places = sorted(chance.choices(range(1, good_count), k=len(bad)))
    for place, one in reversed(list(zip(places, bad, strict=True))):
        good.insert(place, one)
    return good


def video_jobs(media_count: int, good_count: int, seed: int, ways: list[str]) -> list[Sent]:
    """The same of videos."""
    chance = random.Random(seed)
    bad = [Sent(kind, data, good=False) for kind, data in itertools.islice(video_media.hostile(seed), media_count)]
    bad += [Sent(f"decoder {way}", marked(video_media.video(chance), way), good=False) for way in ways]
    chance.shuffle(bad)
    good = [Sent(kind, data, good=True) for kind, data in itertools.islice(video_media.good(seed), good_count)]
    for one in bad:
        good.insert(chance.randrange(1, len(good)), one)
    return [replace(one, field="video") for one in good]


def video_package(folder: Path) -> Path:
    """A package that takes a video, compiled into a folder."""
    graph = Path(__file__).parents[1] / "end_to_end" / "copy_video.json"
    write_package(compile_graph(graph.read_bytes(), graph.name, load_catalog(), Options()).files, folder)
    return folder


async def send(session: Session, sent: Sent, number: int, wall_seconds: float) -> Told:
    """Runs one job until it has ended."""
    name = f"{number}-{'good' if sent.good else 'bad'}"
    text = base64.b64encode(sent.data).decode()
    more = {"prompt": "a cat", "seed": number} if sent.field == "image" else {}
    session.queue.submit(name, {sent.field: text, **more})
    body = await session.result(name, patience=wall_seconds + 180)
    posted = next((at for job, at, _ in session.queue.results if job == name), time.monotonic())
    seconds = posted - session.queue.taken.get(name, posted)
    result, told = judge(body)
    wrong = ""
    if sent.good:
        wrong = "" if result == SUCCESS else f"{result} instead of success: {told[:200]}"
    elif result != "invalid_input":
        wrong = f"{result} instead of invalid_input: {told[:200]}"
    elif [detail["field"] for detail in json.loads(told)["details"]] != [sent.field]:
        wrong = f"it does not say which field: {told[:200]}"
    elif seconds > wall_seconds + LATE_SECONDS:
        wrong = f"only after {seconds:.1f} s"
    return Told(sent, result, seconds, wrong)


def session_of(
    folder: Path, cpu_seconds: float, wall_seconds: float, memory_bytes: int, package: Path | None = None
) -> Session:
    """A worker whose decoder goes wrong where a file says so; of another package than that for images, if given."""
    kind = "DECODE_IMAGE" if package is None else "DECODE_VIDEO"
    settings = {
        f"{kind}_CPU_SECONDS": str(cpu_seconds),
        f"{kind}_TIMEOUT_SECONDS": str(wall_seconds),
        f"{kind}_MEMORY_BYTES": str(memory_bytes),
        "JOB_TIMEOUT_SECONDS": str(wall_seconds + 120),
        "FAULT_DECODER": str(HERE / "decoder_standin.py"),
    }
    fault = Fault("hostile", "Hostile media.", SUCCESS, settings=settings, image=True, package=package)
    return Session(folder, replace(OURS, patience_seconds=180), fault)


async def run(
    sent: list[Sent], session: Session, wall_seconds: float, *, loud: bool = False
) -> tuple[list[Told], list[str]]:
    """All jobs on one worker, one after the other; and what is left at the end."""
    told: list[Told] = []
    try:
        session.state.behave(replace(WELL, seconds=0.0))
        await session.start()
        if not await session.warm():
            return [], ["not even a first job succeeds"]
        base = _processes(session)
        for number, one in enumerate(sent, start=1):
            told.append(await send(session, one, number, wall_seconds))
            if loud:
                last = told[-1]
                print(
                    f"{'FAIL' if last.wrong else 'ok  '} {one.kind:28} {last.seconds:7.2f} s  {last.wrong}", flush=True
                )
            if not session.alive:
                return told, ["the worker has ended"]
        left = list(await session.left())
        until = time.monotonic() + _SETTLE_SECONDS
        while (more := _more(_processes(session), base)) and time.monotonic() < until:
            await asyncio.sleep(0.25)
        return told, left + more
    finally:
        await session.close()


def _processes(session: Session) -> list[Seen]:
    """The worker's own, and decoders that lost their parent."""
    assert session.process is not None
    parent = f" {session.process.pid} "
    lost = [one for one in below(1) if "decoder_standin" in one.command and parent in one.command]
    return [*{*below(session.process.pid), *lost}]


def _more(now: list[Seen], base: list[Seen]) -> list[str]:
    """Beyond the SDK's own and the decoder that waits."""
    if len(now) <= len(base):
        return []
    return [f"process {one.command}" for one in now if one not in base]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=int, default=20, help="hostile media from the generator")
    parser.add_argument("--good", type=int, default=100, help="good jobs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cpu", type=float, default=30, help="DECODE_IMAGE_CPU_SECONDS")
    parser.add_argument("--wall", type=float, default=120, help="DECODE_IMAGE_TIMEOUT_SECONDS")
    parser.add_argument("--kind", choices=("image", "video"), default="image")
    parser.add_argument("--folder", type=Path, help="keep what the worker wrote here")
    options = parser.parse_args()
    began = time.monotonic()
    videos = options.kind == "video"
    if videos:
        sent = video_jobs(options.media, options.good, options.seed, list(WAYS))
    else:
        sent = jobs(options.media, options.good, options.seed, media.MOST_PIXELS, list(WAYS))
    with tempfile.TemporaryDirectory(prefix="hostile-") as temporary:
        folder = options.folder or Path(temporary)
        package = video_package(folder / "copy_video") if videos else None
        session = session_of(folder / "worker", options.cpu, options.wall, MEMORY_BYTES, package)
        told, left = asyncio.run(run(sent, session, options.wall, loud=True))
    bad, good = [one for one in told if not one.sent.good], [one for one in told if one.sent.good]
    kinds, slowest = len({one.sent.kind for one in bad}), max((one.seconds for one in bad), default=0)
    print(
        f"{sum(not one.wrong for one in bad)} of {len(bad)} hostile media and decoders, of {kinds} kinds, refused "
        f"within {options.wall + LATE_SECONDS:g} s, the slowest in {slowest:.1f} s; "
        f"{sum(not one.wrong for one in good)} of {len(good)} good jobs succeeded; {len(left)} things left; "
        f"{time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.0f}"
    )
    for thing in left:
        print(f"left: {thing}")
    return bool(left or len(told) < len(sent) or any(one.wrong for one in told))


if __name__ == "__main__":
    sys.exit(main())
