"""What a handler adds to the SDK's own time for a job: ours, worker-comfyui's, and one that does nothing.

    python benchmarks/overhead.py --worker-comfyui CHECKOUT

All three run at the same time in worker loops of their own, beside stand-ins whose jobs take no time; in
each round each gets one job, one after the other. Measured from the moment when RunPod's queue hands out the job to the
moment when it has the result. Medians, and ratios of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.faults.harness import OURS, Rival, Session
from tests.faults.table import SUCCESS, Fault
from tests.standins.comfyui import Behaviour

ROUNDS = 60
RESULTS = Path(__file__).parent / "results.md"
HEADING = "## What a handler adds to the SDK's time"
JOB = Fault(
    "job",
    "Nothing goes wrong.",
    SUCCESS,
    Behaviour(seconds=0.0, history_seconds=0.0),
    {"STARTS_FILE": "starts.jsonl", "PROGRESS_SECONDS": "1"},
)


async def measure(checkout: Path, rounds: int, folder: Path) -> dict[str, list[float]]:
    rivals = (Rival("nothing"), OURS, Rival("worker-comfyui", checkout))
    sessions = {rival.kind: Session(folder / rival.kind, rival, JOB) for rival in rivals}
    times: dict[str, list[float]] = {kind: [] for kind in sessions}
    try:
        for session in sessions.values():
            session.state.behave(JOB.behaviour)
            await session.start()
        for number in range(rounds + 1):
            for kind, session in sessions.items():
                job = session.submit()
                body = await session.result(job)
                if body is None or "error" in body:
                    raise SystemExit(f"{kind}: {body}")
                done = next(at for posted, at, _ in session.queue.results if posted == job)
                # The first job of each warms it up.
                if number:
                    lines = (session.folder / "starts.jsonl").read_text().splitlines()
                    times[kind].append(done - dict(map(json.loads, lines))[job])
                # The SDK's loop looks for a job once a second while one is in work: all are idle again in time.
            await asyncio.sleep(0.2)
    finally:
        for session in sessions.values():
            await session.close()
    return times


def report() -> list[str]:
    """The section of results.md. Without a checkout of worker-comfyui nothing is measured, and what is there stays."""
    checkout = os.environ.get("WORKER_COMFYUI")
    if not checkout:
        _, heading, rest = RESULTS.read_text("utf-8").partition(HEADING)
        return [heading, *rest.partition("\n## ")[0].splitlines()[1:]]
    with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        times = asyncio.run(measure(Path(checkout).resolve(), ROUNDS, Path(folder)))
    medians = {kind: statistics.median(values) * 1000 for kind, values in times.items()}
    base = medians["nothing"]
    added = {kind: median - base for kind, median in medians.items()}
    rows = [
        f"| {kind} | {medians[kind]:.1f} ms | {added[kind]:.1f} ms | {added[kind] / added['worker-comfyui']:.2f}x |"
        for kind in ("nothing", "ours", "worker-comfyui")
    ]
    how = (
        "From the call of the handler to the moment when RunPod's queue has the result, beside stand-ins whose jobs "
        f"take no time; medians of {ROUNDS} jobs, all three running at once and taking turns. The load was "
        f"{os.getloadavg()[0]:.0f}."
    )
    return [
        HEADING,
        "",
        how,
        "",
        "| handler | a job | beyond the SDK's own | of worker-comfyui's |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker-comfyui", required=True)
    os.environ["WORKER_COMFYUI"] = parser.parse_args().worker_comfyui
    print("\n".join(report()))


if __name__ == "__main__":
    main()
