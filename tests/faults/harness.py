"""Causes faults for a handler in the real worker loop, and returns the result of each."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import re
import shutil
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
from PIL import Image

from tests.patience import HANG_SECONDS
from tests.standins.comfyui import PROGRAM, ComfyUI, State
from tests.standins.runpod_queue import RunPodQueue
from tests.standins.serving import free_port

from .table import STOPPED, SUCCESS, UNFIT, WELL, Fault

HERE = Path(__file__).parent
GENERATED = HERE.parents[1] / "generated"
PACKAGES = {False: "t2i_klein_4b", True: "i2i_klein_9b"}
# Bounds made small, so that a suite of faults takes a minute and not an hour.
SETTINGS = {
    "POLL_SECONDS": "0.3",
    "PROGRESS_SECONDS": "0.05",
    "REQUEST_TIMEOUT_SECONDS": "3",
    "COMFYUI_SILENCE_SECONDS": "3",
    "COMFYUI_STALL_SECONDS": "5",
    "COMFYUI_INTERRUPT_SECONDS": "1",
    "COMFYUI_START_TIMEOUT_SECONDS": "8",
    "JOB_TIMEOUT_SECONDS": "30",
    # The same for worker-comfyui, as far as it has any.
    "WEBSOCKET_RECONNECT_DELAY_S": "1",
}


@dataclass(frozen=True)
class Rival:
    """Whose handler: `ours`, or `worker-comfyui` from a checkout, or one that does `nothing`."""

    kind: str = "ours"
    checkout: Path | None = None
    patience_seconds: float = 25.0


OURS = Rival()


@dataclass(frozen=True)
class Outcome:
    """What came of a fault. `result`: as in the table, or `hangs`, `broken` (a result that is none), `dead`."""

    result: str
    seconds: float
    told: str = ""
    next: bool | None = None
    left: tuple[str, ...] = ()
    leaves: bool = False
    eats: bool = False
    runs: int = 0
    interrupted: bool = False

    def faults(self, fault: Fault, kind: str = "ours") -> list[str]:
        """What is wrong with it; nothing, if all is as the table wants it."""
        found = []
        # Others have no codes of ours: any error is right where an error is.
        wanted, got = fault.expected, self.result
        if kind != "ours" and wanted not in (SUCCESS, STOPPED, UNFIT) and got == "error":
            got = wanted
        if kind != "ours" and fault.theirs == got:
            wanted = got
        if got != wanted:
            found.append(f"{self.result} instead of {wanted}" + (f" ({self.told[:160]})" if self.told else ""))
        if fault.leaves and not self.leaves and (kind == "ours" or not self.next):
            found.append("the worker stays, and cannot serve")
        if fault.leaves and self.leaves and self.eats:
            found.append("the worker says that it leaves, and takes another job")
        if self.leaves and not fault.leaves:
            found.append("the worker leaves, and need not")
        elif self.next is False:
            found.append("the next job fails")
        if fault.expected == STOPPED and not self.interrupted:
            found.append("ComfyUI is not told to stop")
        if fault.once and self.runs > 1:
            found.append(f"it ran {self.runs} times")
        if re.search(r"/(opt|tmp|root|usr|home|work)/|Traceback|File \"", self.told):
            found.append("a path or traceback of the host in the answer")
        return found + [f"left: {thing}" for thing in self.left]


class Session:
    """One worker process with its queue and its ComfyUI, all of it in one folder."""

    def __init__(self, folder: Path, rival: Rival, fault: Fault) -> None:
        self.folder, self.rival, self.fault = folder, rival, fault
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("tmp", "comfyui/input"):
            (folder / name).mkdir(parents=True)
        self.state = State(folder / "state")
        self.queue = RunPodQueue()
        self.comfyui: ComfyUI | None = None
        self.process: asyncio.subprocess.Process | None = None
        self.broken = False
        self.base: Held | None = None
        self.jobs: dict[str, dict[str, Any]] = {}
        self.port = 0
        self._count = 0

    async def start(self) -> None:
        await self.queue.start()
        comfyui = await self._comfyui()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RUNPOD_")},
            **SETTINGS,
            **self.queue.environment(),
            **comfyui,
            **self.fault.settings,
            "TMPDIR": str(self.folder / "tmp"),
            "PROBE_FILE": str(self.folder / "probe.json"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }
        with (self.folder / "worker.log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, str(HERE / "drive.py"), self.rival.kind, str(self._handler())),
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _handler(self) -> Path:
        return self.rival.checkout or self._package()

    def _package(self) -> Path:
        return self.fault.package or GENERATED / PACKAGES[self.fault.image]

    async def _comfyui(self) -> dict[str, str]:
        """Starts the stand-in, or has the worker start it; what the worker is to know of it."""
        inputs = self.folder / "comfyui" / "input"
        if self.fault.own:
            self.port = free_port()
            main = self.folder / "comfyui" / "main.py"
            main.write_text(
                f"import runpy, sys\nsys.argv += ['--state', {str(self.state.folder)!r}]\n"
                f"runpy.run_path({str(PROGRAM)!r}, run_name='__main__')\n"
            )
            return {
                "COMFYUI_DIR": str(main.parent),
                "COMFYUI_PYTHON": sys.executable,
                "COMFYUI_PORT": str(self.port),
                "FAULT_COMFYUI": f"127.0.0.1:{self.port}",
                "FAULT_COMFYUI_COMMAND": json.dumps([sys.executable, str(main), "--port", str(self.port)]),
            }
        self.comfyui = ComfyUI(self.state, inputs=inputs)
        await self.comfyui.start()
        self.port = self.comfyui.port
        return {
            "COMFYUI_URL": f"http://127.0.0.1:{self.port}",
            "COMFYUI_INPUT_DIR": str(inputs),
            "FAULT_COMFYUI": f"127.0.0.1:{self.port}",
        }

    async def close(self) -> None:
        if self.process is not None:
            # It and its children: the SDK pings from a process that continues after its parent was killed.
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()
        if self.comfyui is not None:
            await self.comfyui.stop()
        await self.queue.close()

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    def submit(self, job_id: str = "") -> str:
        self._count += 1
        job_id = job_id or f"{self.fault.name}-{self._count}"
        self.queue.waiting.append(self.jobs.setdefault(job_id, {"id": job_id, "input": self._input()}))
        return job_id

    def _input(self) -> dict[str, Any]:
        package = self._package()
        sample: dict[str, Any] = json.loads((package / "test_input.json").read_text())["input"]
        if self.fault.package is not None:
            return sample
        if self.rival.kind != "worker-comfyui":
            return {**sample, "seed": self._count}
        workflow = json.loads((package / "workflow_api.json").read_text())
        for node in workflow.values():
            if node["class_type"] == "SaveImage":
                node["inputs"]["filename_prefix"] = "ComfyUI"
        images = {"images": [{"name": "a.png", "image": sample["image"]}]} if self.fault.image else {}
        return {"workflow": workflow, **images}

    async def result(self, job_id: str, count: int = 1, patience: float | None = None) -> dict[str, Any] | None:
        """What was posted for a job; None if nothing came, or the worker ended without."""
        until = time.monotonic() + (self.rival.patience_seconds if patience is None else patience)
        while time.monotonic() < until:
            posted = self.queue.of(job_id)
            if len(posted) >= count:
                return posted[count - 1]
            if not self.alive:
                return None
            await asyncio.sleep(0.02)
        return None

    async def seen(self, what: str) -> bool:
        until = time.monotonic() + self.rival.patience_seconds
        while time.monotonic() < until and self.alive:
            if self.state.seen(what):
                return True
            await asyncio.sleep(0.02)
        return False

    async def warm(self) -> bool:
        """A first job, after which everything that stays for good is there."""
        # Nothing has gone wrong yet: only a machine with much else to do lets it wait.
        good = await self.succeeds(max(HANG_SECONDS, self.rival.patience_seconds))
        if good:
            await asyncio.sleep(0.2)
            self.base = await self.held()
        return good

    async def succeeds(self, patience: float | None = None) -> bool:
        """Whether a job that finds all well is finished."""
        return judge(await self.result(self.submit(), patience=patience))[0] == SUCCESS

    async def held(self) -> Held:
        assert self.process is not None
        probe = self.folder / "probe.json"
        probe.unlink(missing_ok=True)
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGUSR1)
        for _ in range(50):
            if probe.exists():
                break
            await asyncio.sleep(0.02)
        told = json.loads(probe.read_text()) if probe.exists() else {"tasks": [], "threads": []}
        # Threads of the loop's own pool stay for reuse; the SDK's tasks come and go with its polls.
        threads = [name for name in told["threads"] if not name.startswith("asyncio_")]
        sockets, files = _descriptors(self.process.pid, self.port)
        return Held(
            tasks=Counter(name for name in told["tasks"] if name not in _SDK_TASKS),
            threads=Counter(threads),
            sockets=sockets,
            files=files,
            temporary=frozenset(str(path.relative_to(self.folder)) for path in self._files()),
        )

    def _files(self) -> list[Path]:
        places = [self.folder / "tmp", self.folder / "comfyui" / "input"]
        return [path for place in places for path in place.rglob("*") if path.is_file()]

    async def left(self) -> tuple[str, ...]:
        """What the jobs left behind, once everything has had a moment to end."""
        if self.base is None or not self.alive:
            return ()
        for _ in range(8):
            held = await self.held()
            found = held.beyond(self.base)
            if not found:
                return ()
            await asyncio.sleep(0.25)
        return found


_SDK_TASKS = frozenset({"get_job", "get_stop_signals", "AsyncClient.__aexit__"})


@dataclass(frozen=True)
class Held:
    """What a worker holds: tasks, threads, sockets to ComfyUI, open files, and files on disk."""

    tasks: Counter[str]
    threads: Counter[str]
    sockets: int
    files: int
    temporary: frozenset[str]

    def beyond(self, base: Held) -> tuple[str, ...]:
        found = [f"task {name}" for name in self.tasks - base.tasks]
        found += [f"thread {name}" for name in self.threads - base.threads]
        if self.sockets > base.sockets:
            found.append(f"{self.sockets - base.sockets} sockets to ComfyUI")
        if self.files > base.files:
            found.append(f"{self.files - base.files} open files")
        return (*found, *(f"file {re.sub('[0-9a-f-]{36}', '…', name)}" for name in self.temporary - base.temporary))


def _descriptors(pid: int, port: int) -> tuple[int, int]:
    """How many sockets a process holds to a port, and how many descriptors that are no sockets."""
    inodes = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[2].split(":")[1], 16) == port:
            inodes.add(fields[9])
    sockets = files = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            target = str(entry.readlink())
            if target.startswith("socket:["):
                sockets += target[8:-1] in inodes
            else:
                files += 1
    return sockets, files


def judge(body: dict[str, Any] | None) -> tuple[str, str]:
    """A posted result as the table says it, and what it tells the caller."""
    if body is None:
        return "hangs", ""
    if "error" in body:
        text = str(body["error"])
        try:
            return json.loads(text)["code"], text
        except (ValueError, KeyError, TypeError):
            return "error", text
    output = body.get("output")
    if not isinstance(output, dict):
        return "broken", json.dumps(body)[:300]
    if "video_out" in output:
        return _judge_video(output["video_out"])
    images = output.get("images")
    ours = output.get("image", output.get("image_edited"))
    texts = [item.get("data") for item in images] if isinstance(images, list) else [ours]
    try:
        if not texts:
            return "broken", f"no image in the answer: {json.dumps(output)[:200]}"
        for text in texts:
            with Image.open(io.BytesIO(base64.b64decode(text))) as opened:
                opened.load()
    except (OSError, TypeError, ValueError, SyntaxError) as error:
        return "broken", f"a broken image as a success ({type(error).__name__})"
    if len(json.dumps(body)) > 10_000_000:
        return "broken", "a result of over 10 MB, which RunPod refuses"
    return SUCCESS, "" if len(texts) == 1 else f"{len(texts)} files"


def _judge_video(text: Any) -> tuple[str, str]:
    try:
        with av.open(io.BytesIO(base64.b64decode(text))) as opened:
            frames = sum(1 for _ in opened.decode(video=0))
    except (av.FFmpegError, TypeError, ValueError) as error:
        return "broken", f"a broken video as a success ({type(error).__name__})"
    return (SUCCESS, "") if frames else ("broken", "a video without frames")


async def cause(fault: Fault, session: Session) -> Outcome:
    """One fault, then a job that finds all well, on the same worker."""
    began = time.monotonic()
    session.state.behave(fault.behaviour)
    await _before(fault, session)
    job = session.submit(fault.name)
    await _meanwhile(fault, session, job)
    stopped = fault.expected == STOPPED
    body = await session.result(job, patience=2.5 if stopped else None)
    result, told = judge(body)
    if body is None and not session.alive:
        result = "dead"
    elif body is None and stopped:
        result = STOPPED
    outcome = Outcome(result, round(time.monotonic() - began, 2), told)
    if fault.act == "duplicate" and result == SUCCESS:
        session.submit(job)
        if await session.result(job, count=2) != body:
            outcome = replace(outcome, result="another answer")
    events = session.state.events()
    outcome = replace(
        outcome,
        leaves=body is not None and bool(body.get("stopPod")),
        runs=sum(event["what"] == "running" for event in events),
        interrupted=any(event["what"] in ("interrupted", "deleted") for event in events),
    )
    return await _after(fault, session, outcome)


async def _before(fault: Fault, session: Session) -> None:
    if fault.act == "kill_idle":
        os.kill(session.state.processes()[-1], signal.SIGKILL)
        await asyncio.sleep(0.2)
    if fault.act == "hang_up" and session.comfyui is not None:
        await session.comfyui.hang_up()
        await asyncio.sleep(0.2)
    if fault.act == "down_idle" and session.comfyui is not None:
        await session.comfyui.stop()


async def _meanwhile(fault: Fault, session: Session, job: str) -> None:
    kind, _, place = fault.act.partition(":")
    if kind not in ("cancel", "sigterm", "down"):
        return
    await session.seen(place or "running")
    await asyncio.sleep(0.05)
    if kind == "cancel":
        session.queue.to_stop.append(job)
    elif kind == "sigterm" and session.process is not None:
        session.process.send_signal(signal.SIGTERM)
    elif session.comfyui is not None:
        await session.comfyui.stop()


async def _after(fault: Fault, session: Session, outcome: Outcome) -> Outcome:
    """What the worker is like after it: gone, as it should be, or fit for the next job."""
    assert session.process is not None
    session.broken = True
    if fault.leaves and outcome.leaves:
        other = session.submit()
        with suppress(TimeoutError):
            await asyncio.wait_for(session.process.wait(), 4)
        return replace(outcome, eats=session.alive or other in session.queue.taken)
    if fault.act == "sigterm":
        with suppress(TimeoutError):
            await asyncio.wait_for(session.process.wait(), 10)
        code = session.process.returncode
        return outcome if code == 0 else replace(outcome, result=f"ends with {code}")
    if session.comfyui is None or fault.act not in ("down", "down_idle"):
        session.state.behave(WELL)
    good = await session.succeeds()
    session.broken = not good
    return replace(outcome, next=good, left=await session.left() if good else ())


async def cause_at_start(fault: Fault, session: Session) -> Outcome:
    """A fault that is there before the worker is."""
    began = time.monotonic()
    session.broken = True
    session.submit(fault.name)
    body = await session.result(fault.name)
    result, told = judge(body)
    if session.queue.unhealthy and not session.queue.taken and not session.alive:
        result = UNFIT
    return Outcome(result, round(time.monotonic() - began, 2), told)


async def run(faults: tuple[Fault, ...], folder: Path, rival: Rival = OURS, lanes: int = 4) -> dict[str, Outcome]:
    """Causes faults, in so many lanes at once; those that need no worker of their own share one in their lane."""
    together = [fault for fault in faults if not fault.alone]
    batches = [[fault] for fault in faults if fault.alone]
    batches += [batch for n in range(lanes) if (batch := together[n::lanes])]
    # The long ones first.
    batches.sort(key=len, reverse=True)
    outcomes: dict[str, Outcome] = {}
    gate = asyncio.Semaphore(lanes)

    async def lane(batch: list[Fault]) -> None:
        async with gate:
            await _batch(batch, folder, rival, outcomes)

    await asyncio.gather(*(lane(batch) for batch in batches))
    return {fault.name: outcomes[fault.name] for fault in faults}


async def _batch(batch: list[Fault], folder: Path, rival: Rival, outcomes: dict[str, Outcome]) -> None:
    session: Session | None = None
    try:
        for fault in batch:
            if session is None:
                session = Session(folder / fault.name, rival, fault)
                if fault.act == "at_start" or fault.behaviour.start == "slow":
                    session.state.behave(fault.behaviour)
                await session.start()
                if fault.act == "at_start":
                    outcomes[fault.name] = await cause_at_start(fault, session)
                    continue
                if not await session.warm():
                    outcomes[fault.name] = Outcome("not even a first job succeeds", 0.0)
                    session.broken = True
            if fault.name not in outcomes:
                outcomes[fault.name] = await cause(fault, session)
            if session.broken:
                await session.close()
                session = None
    finally:
        if session is not None:
            await session.close()
