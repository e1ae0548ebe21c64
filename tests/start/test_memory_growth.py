"""A worker whose ComfyUI really takes more memory with each job: it is replaced before the limit, and no job is lost.

The stand-in for ComfyUI keeps tens of megabytes of each prompt, resident. The control group is a stand-in: a folder
that is mounted over /sys/fs/cgroup, with a limit, and with what the kernel says that the container's processes take
(`Pss`). So the kernel enforces nothing, and the test asserts that the limit was never reached.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.standins.runpod_queue import RunPodQueue

from .conftest import Run
from .container import JOB, Place, Process, below, wait_for

pytestmark = pytest.mark.slice

JOBS = 10
LEAKED_BYTES = 40_000_000
# A worker brings modules with its first job. What it then has, and this many jobs' memory, is what it may use.
GROWTH_JOBS = 5
SHARE = 0.8
_LOOK_SECONDS = 0.2
_UNREACHED = 4_000_000_000


@dataclass
class Group:
    """The files of a control group of version 1.

    Attributes:
        root: to be mounted over /sys/fs/cgroup.
        most: the largest number of bytes that was seen.
    """

    root: Path
    limit: int = _UNREACHED
    most: int = 0

    def write(self, used: int) -> None:
        self.most = max(self.most, used)
        files = {"usage_in_bytes": used, "limit_in_bytes": self.limit, "stat": "total_inactive_file 0"}
        (self.root / "memory").mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            new = self.root / "new"
            new.write_text(f"{content}\n")
            new.replace(self.root / "memory" / f"memory.{name}")


def resident(one: Process) -> int:
    """What a container's processes take, from its first one on, in bytes: a page that some share counts once."""
    total = 0
    for process in (one, *below(one.pid)):
        # One that has just ended has none.
        with suppress(OSError):
            rows = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:")) * 1024
    return total


@contextmanager
def accounted(group: Group, one: Process) -> Iterator[None]:
    """The group's files say what the container takes, for as long as the context is open."""
    ended = threading.Event()

    def account() -> None:
        while not ended.wait(_LOOK_SECONDS):
            if used := resident(one):
                group.write(used)

    thread = threading.Thread(target=account)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_worker_whose_memory_grows_is_replaced_and_no_job_is_lost(
    run: Run, place: Place, queue: RunPodQueue, tmp_path: Path
) -> None:
    place.behave(leaked_bytes=LEAKED_BYTES)
    group = Group(tmp_path / "group")
    group.write(1)
    mounts = [("--bind", str(group.root), "/sys/fs/cgroup"), ("--bind", str(place.volume), str(place.volume))]
    jobs = [f"job-{number}" for number in range(JOBS)]
    left, replaced = list(jobs), 0
    while left:
        with run(mounts=mounts, name=f"worker-{replaced}", MEMORY_SHARE=str(SHARE)) as container:
            container.idle()
            one = container.one
            with accounted(group, one):
                container.answers(left.pop(0))
                if not replaced:
                    group.limit = int((resident(one) + GROWTH_JOBS * LEAKED_BYTES) / SHARE)
                while left and not stopped(queue, replaced):
                    queue.submit(left[0], JOB)
                    wait_for(lambda: queue.of(left[0]) or container.ended, left[0])
                    if not queue.of(left[0]):
                        # Nobody took it: the next worker does.
                        assert left[0] not in queue.taken
                        queue.waiting.clear()
                        break
                    left.pop(0)
                if stopped(queue, replaced):
                    assert container.exit_code() == 0, container.log[-4000:]
                    assert "over MEMORY_SHARE" in container.log
                    replaced += 1
    bodies = [queue.of(job) for job in jobs]
    assert [len(posted) for posted in bodies] == [1] * JOBS
    assert all("output" in posted[0] for posted in bodies), bodies
    assert replaced >= 1
    # It was asked to free its memory first, and did not.
    assert place.state.seen("freed")
    assert SHARE * group.limit * 0.9 < group.most < group.limit


def stopped(queue: RunPodQueue, before: int) -> bool:
    """Whether a further worker has said that it is to be replaced."""
    return sum(bool(body.get("stopPod")) for _, _, body in queue.results) > before
