"""A batch as a process of its own: it is killed, interrupted, put on a full disk, and resumed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.standins.runpod_queue import RunPodQueue, completed

from .conftest import Place
from .results import FILE, flat


def _finished(place: Place, server: RunPodQueue, count: int, *, doubted: set[str]) -> None:
    """Each input has one result, whole, and was queued once; those in doubt at most twice."""
    told = place.events()
    assert [events.count("done") for events in told.values()] == [1] * count
    for number in range(1, count + 1):
        folder = place.out / f"{number}"
        assert sorted(path.name for path in folder.iterdir()) == ["image.png", "response.json"]
        assert (folder / "image.png").read_bytes() == FILE
        assert place.response(f"{number}")["image"] == "image.png"
    assert all(server.queued[name] == 1 for name in told if name not in doubted)
    assert all(server.queued[name] <= 2 for name in doubted)


def _doubted(place: Place) -> set[str]:
    return {name for name, events in place.events().items() if events[-1] == "sending"}


@pytest.mark.parametrize("number", [1, 9])
@pytest.mark.parametrize("moment", ["before", "run", "status"])
def test_a_batch_that_is_killed_goes_on(place: Place, server: RunPodQueue, moment: str, number: int) -> None:
    place.prompts(20)
    # Before it is killed, another one may not have the folder.
    refused: list[str] = []
    process = place.start("--in-flight", "6")

    def kill(at: int) -> None:
        if at == number and not refused:
            refused.append(place.run().stderr)
            process.kill()
            process.wait(30)

    if moment == "before":
        server.on_run = kill
    else:
        server.answered = lambda kind, at: kill(at) if kind == moment else None
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert [told.startswith("error[batch-running]") for told in refused] == [True]
    finished = {name for name, events in place.events().items() if events[-1] == "done"}
    doubted = _doubted(place)
    assert len(doubted) <= 4
    posted = dict(server.queued)
    first = place.run()
    assert first.returncode == (1 if doubted else 0)
    assert f"{20 - len(doubted)} of 20 done" in first.stdout
    assert place.run("--resend-uncertain").returncode == 0
    assert all(server.queued[name] == posted[name] for name in finished)
    _finished(place, server, 20, doubted=doubted)


def test_a_batch_that_is_killed_again_and_again_completes(place: Place, server: RunPodQueue) -> None:
    place.prompts(32)
    doubted: set[str] = set()
    for result in (3, 9, 15):
        process = place.start("--in-flight", "5", stdout=subprocess.DEVNULL)

        def kill(_kind: str, _number: int, process: subprocess.Popen[str] = process, result: int = result) -> None:
            # Others are being written meanwhile.
            if len(list(place.out.glob("*/image.png"))) >= result:
                process.kill()

        server.answered = kill
        assert process.wait(60) == -signal.SIGKILL
        doubted |= _doubted(place)
    server.answered = lambda _kind, _number: None
    assert place.run("--resend-uncertain").returncode == 0
    _finished(place, server, 32, doubted=doubted)


def test_ctrl_c_leaves_what_is_queued_to_the_next_call(place: Place, server: RunPodQueue) -> None:
    place.prompts(20)
    server.polls_at_work = 1_000_000
    process = place.start("--in-flight", "6")
    stopping = threading.Event()

    def interrupt(number: int) -> None:
        if number == 6:
            # It is on its way, and its answer comes when all else has stopped.
            process.send_signal(signal.SIGINT)
            stopping.wait(60)

    server.on_run = interrupt
    assert process.stdout is not None
    assert any("Stopping" in line for line in process.stdout)
    stopping.set()
    said = process.stdout.read()
    process.stdout.close()
    assert process.wait(60) == 130, said
    assert ("6 queued" in said, "14 not sent" in said, "uncertain" in said) == (True, True, False)
    server.polls_at_work = 0
    assert place.run().returncode == 0
    _finished(place, server, 20, doubted=set())


def test_a_second_ctrl_c_ends_at_once(place: Place, server: RunPodQueue) -> None:
    place.prompts(5)
    sending, ended = threading.Event(), threading.Event()

    def hang(_number: int) -> None:
        sending.set()
        ended.wait(60)

    server.on_run = hang
    process = place.start()
    told: list[str] = []
    assert process.stdout is not None
    assert sending.wait(60)
    process.send_signal(signal.SIGINT)
    while "Stopping" not in "".join(told):
        told.append(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    ended.set()
    assert _doubted(place)
    process.stdout.close()


def test_a_terminal_gets_one_line_that_changes(place: Place, server: RunPodQueue) -> None:
    place.prompts(4)
    server.polls_at_work = 2
    terminal, theirs = os.openpty()
    process = place.start(stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    # The other side's end is an error here, and not an end of file.
    with suppress(OSError):
        while more := os.read(terminal, 4096):
            shown += more
    os.close(terminal)
    assert process.wait(60) == 0
    text = shown.decode()
    drawn = re.findall(r"Batch\S* .*?(\d)/4", text)
    assert len(drawn) > 2
    assert sorted(drawn) == drawn
    # Every line that was begun was taken back: the bar has left nothing, and the cursor is there again.
    assert text.count("\n") == len(re.findall(r"\x1b\[1A\x1b\[2K", text))
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")


@pytest.mark.parametrize("room", [len(FILE) - 1, 700])
def test_a_full_disk_stops_all_and_loses_nothing(place: Place, server: RunPodQueue, room: int) -> None:
    place.prompts(12)
    process = place.start(largest_file=room)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, "error[cannot-keep]" in said, "Traceback" in said) == (3, True, False), said
    assert not list(place.out.glob("*/.*"))
    journal = (place.out / "journal.jsonl").read_bytes()
    assert (len(journal) <= room, journal.endswith(b"\n")) == (True, True)
    doubted = _doubted(place)
    assert place.run("--resend-uncertain").returncode == 0
    _finished(place, server, 12, doubted=doubted)


def _most_memory(place: Place, server: RunPodQueue) -> int:
    """The batch's largest size in bytes."""
    process = place.start(stdout=subprocess.DEVNULL)
    sizes = [0]

    def measure(_kind: str, _number: int) -> None:
        # Not what wait4 tells: that counts what was there before exec.
        status = Path(f"/proc/{process.pid}/status").read_text("ascii")
        sizes.append(1024 * int(status.partition("VmHWM:")[2].split()[0]))

    server.answered = measure
    assert process.wait(120) == 0
    return max(sizes)


def test_a_thousand_inputs_need_no_more_memory_than_fifty(tmp_path: Path, server: RunPodQueue) -> None:
    file = os.urandom(150_000)
    server.result = lambda _one: completed(flat(file))
    sizes = {}
    for count in (50, 1000):
        folder = tmp_path / f"{count}"
        folder.mkdir()
        place = Place(folder, server.url)
        place.write(*({"prompt": f"{count}-{number}", "more": "x" * 20_000} for number in range(count)))
        sizes[count] = _most_memory(place, server)
        assert len(list(place.out.glob("*/image.png"))) == count
    assert set(server.queued.values()) == {1}
    # 1,000 inputs and results are 220 MB.
    assert sizes[1000] - sizes[50] < 30_000_000, sizes
