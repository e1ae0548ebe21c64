"""Causes faults on a real ComfyUI, for our handler in the real worker loop.

    COMFYUI_DIR=… COMFYUI_PYTHON=… python -m tests.faults.real [--report PAGE] [--only NAME …] [--folder DIR]
    COMFYUI_URL=… python -m tests.faults.real

With COMFYUI_DIR and COMFYUI_PYTHON the worker starts its own, with an empty folder of its own for models, inputs and
outputs; COMFYUI_ARGS is added (`--cpu`, on a machine without a GPU). With COMFYUI_URL it is attached to one that runs,
and what needs a process of ours is omitted. Exit code 1 if a fault does not end as it should.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import os
import signal
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.standins.serving import free_port

from .harness import OURS, Outcome, Session, judge
from .real_table import REAL_FAULTS, SHORT, WIDTH, RealFault, real_package
from .report import write_real_report
from .table import STOPPED, SUCCESS, UNFIT

# A real server on a busy machine is slower than a stand-in, and starts in ten seconds and more.
REAL_SETTINGS = {
    "REQUEST_TIMEOUT_SECONDS": "5",
    "COMFYUI_SILENCE_SECONDS": "6",
    "COMFYUI_STALL_SECONDS": "8",
    "COMFYUI_INTERRUPT_SECONDS": "3",
    "COMFYUI_START_TIMEOUT_SECONDS": "180",
    "JOB_TIMEOUT_SECONDS": "240",
}
_PATIENCE_SECONDS = 300.0
_STOPPED_SECONDS = 5.0
_IMAGE = (40, 24)


@dataclass(frozen=True)
class Server:
    """Which ComfyUI: one at a URL, or one that the worker starts from a folder by a Python."""

    url: str = ""
    folder: str = ""
    python: str = ""
    arguments: str = ""

    @classmethod
    def of_environment(cls) -> Server | None:
        """The one that the environment names, if it does."""
        url, folder, python = (os.environ.get(f"COMFYUI_{name}", "") for name in ("URL", "DIR", "PYTHON"))
        if not url and not (folder and python):
            return None
        return cls("" if folder and python else url, folder, python, os.environ.get("COMFYUI_ARGS", ""))

    @property
    def own(self) -> bool:
        return not self.url

    @property
    def faults(self) -> tuple[RealFault, ...]:
        """What can be caused on it."""
        return tuple(fault for fault in REAL_FAULTS if self.own or not fault.own)


class RealSession(Session):
    """One worker process with its queue, and a real ComfyUI."""

    def __init__(self, folder: Path, server: Server, fault: RealFault) -> None:
        super().__init__(folder, replace(OURS, patience_seconds=_PATIENCE_SECONDS), fault)
        self.server = server
        self.version = ""
        # Prompts that the harness itself queued, and all that have been seen to run.
        self.others: set[str] = set()
        self.ran: set[str] = set()
        self._package = real_package(folder)
        self._http = httpx.AsyncClient(timeout=3, trust_env=False)
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await super().start()
        self._watcher = asyncio.create_task(self._watch())

    async def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        await super().close()
        await self._http.aclose()

    def _handler(self) -> Path:
        return self._package

    async def _comfyui(self) -> dict[str, str]:
        if not self.server.own:
            self.port = httpx.URL(self.server.url).port or 80
            return {**REAL_SETTINGS, "COMFYUI_URL": self.server.url}
        self.port = free_port()
        base = self.folder / "comfyui"
        for name in ("custom_nodes", "models", "output", "temp", "user"):
            (base / name).mkdir(exist_ok=True)
        # So that a test can take the program away.
        python = self.folder / "python"
        python.write_text(f'#!/bin/sh\nexec {self.server.python} "$@"\n')
        python.chmod(0o755)
        arguments = (
            f"--base-directory {base} --input-directory {base}/input --database-url sqlite:///{base}/user/comfyui.db"
        )
        return {
            **REAL_SETTINGS,
            "COMFYUI_URL": "",
            "COMFYUI_DIR": self.server.folder,
            "COMFYUI_PYTHON": str(python),
            "COMFYUI_PORT": str(self.port),
            "COMFYUI_ARGS": f"{arguments} {self.server.arguments}",
        }

    # -- jobs --------------------------------------------------------------------------------------------------------

    def ask(self, asked: dict[str, Any], job_id: str = "") -> str:
        """A job; nothing of it is in ComfyUI's cache."""
        self._count += 1
        job_id = job_id or f"{self.fault.name}-{self._count}"
        image = io.BytesIO()
        Image.new("RGB", _IMAGE, (self._count % 256, 80, 20)).save(image, "PNG")
        image = base64.b64encode(image.getvalue()).decode()
        # Also not in that of a server that has run this suite before.
        color = {"color": int.from_bytes(os.urandom(3))}
        self.queue.submit(job_id, {"image": image, **color, **asked})
        return job_id

    async def succeeds(self) -> bool:
        return judge_real(await self.result(self.ask(dict(SHORT))), SHORT)[0] == SUCCESS

    # -- the server --------------------------------------------------------------------------------------------------

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """What it answers as JSON; None if it does not."""
        base = self.server.url or f"http://127.0.0.1:{self.port}"
        with suppress(httpx.HTTPError, ValueError):
            return (await self._http.request(method, f"{base}{path}", json=body)).json()
        return None

    async def queued(self) -> tuple[set[str], set[str]]:
        """Which prompts run, and which wait."""
        told = await self.call("GET", "/queue") or {}
        return tuple({entry[1] for entry in told.get(f"queue_{name}", [])} for name in ("running", "pending"))  # type: ignore[return-value]

    async def _watch(self) -> None:
        while True:
            with suppress(RuntimeError):
                running, _ = await self.queued()
                self.ran |= running - self.others
            await asyncio.sleep(0.1)

    async def where(self, place: str) -> bool:
        """Waits until a job's prompt runs or waits (`running`, `pending`)."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until and self.alive:
            running, pending = await self.queued()
            if {"running": running, "pending": pending}[place] - self.others:
                return True
            await asyncio.sleep(0.05)
        return False

    async def busy(self) -> str:
        """Has another's prompt run for a few seconds: its id, once it runs."""
        prompt: dict[str, Any] = {
            "0": {"class_type": "EmptyImage", "inputs": {"width": WIDTH, "height": 512, "batch_size": 1}},
        }
        prompt["0"]["inputs"]["color"] = int.from_bytes(os.urandom(3))
        for number in range(30):
            inputs = {"image": [str(number), 0], "blur_radius": 31, "sigma": 10.0}
            prompt[str(number + 1)] = {"class_type": "ImageBlur", "inputs": inputs}
        prompt["31"] = {"class_type": "PreviewImage", "inputs": {"images": ["30", 0]}}
        prompt_id = str(uuid.uuid4())
        self.others.add(prompt_id)
        await self.call("POST", "/prompt", {"prompt": prompt, "prompt_id": prompt_id, "client_id": "another"})
        while prompt_id not in (await self.queued())[0]:
            await asyncio.sleep(0.05)
        return prompt_id

    async def free(self) -> bool:
        """Whether it lets go of every job's prompt; one that was killed has."""
        for _ in range(100):
            running, pending = await self.queued()
            if not (running | pending) - self.others:
                return True
            await asyncio.sleep(0.1)
        return False

    def child(self) -> int:
        """The process of the worker's own ComfyUI; 0 if there is none."""
        assert self.process is not None
        return _child(self.process.pid)

    async def left(self) -> tuple[str, ...]:
        found = list(await super().left())
        if not self.server.own:
            found += [f"input file {name}" for name in await self._inputs()]
        running, pending = await self.queued()
        return (*found, *(f"prompt {name}" for name in (running | pending) - self.others))

    async def _inputs(self) -> list[str]:
        """Images of the jobs that can still be read from a server that is reached by HTTP alone."""
        found = []
        for prompt_id in self.ran:
            where = {"filename": "image.png", "subfolder": f"comfy2runpod/{prompt_id}", "type": "input"}
            answer = await self._http.get(f"{self.server.url}/view", params=where)
            if answer.status_code == httpx.codes.OK and answer.content:
                found.append(prompt_id)
        return found


def _child(pid: int) -> int:
    """The first child that runs a main.py."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            with suppress(OSError):
                if b"main.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    return 0


def judge_real(body: dict[str, Any] | None, asked: Any, failed: tuple[str, ...] = ()) -> tuple[str, str]:
    """A posted result as the table says it, and what it tells the caller: each file is there, and of its size."""
    if body is None or "error" in body:
        return judge(body)
    output = body["output"]
    told = tuple(fault["output"] for fault in output.get("failed", ()))
    if told != failed:
        return "broken", f"failed: {told}"
    height = asked.get("height", 32)
    sizes = {"plain": (WIDTH, 48), "copied": _IMAGE, "worked": (WIDTH, height)}
    for name in asked["outputs"]:
        if name in failed:
            continue
        with Image.open(io.BytesIO(base64.b64decode(output[name]["data"]))) as image:
            image.load()
            if not sizes[name] == image.size == (output[name]["width"], output[name]["height"]):
                return "broken", f"{name} is {image.size}"
    return SUCCESS, ""


async def cause(fault: RealFault, session: RealSession) -> Outcome:
    """One fault, then a job that finds all well, on the same worker."""
    began = time.monotonic()
    session.fault, session.broken, session.ran = fault, True, set()
    other = await _before(fault, session)
    asked = dict(fault.input)
    if fault.act == "repeat":
        # What is drawn for each job otherwise.
        asked |= {"color": 12345, "image": _red()}
    job = session.ask(asked, fault.name)
    before = session.child() if session.server.own else 0
    meanwhile = asyncio.create_task(_meanwhile(fault, session, job))
    body = await session.result(job, patience=_STOPPED_SECONDS if fault.expected == STOPPED else None)
    if body is None and fault.expected == STOPPED:
        await meanwhile
        body = await session.result(job, patience=_STOPPED_SECONDS)
    meanwhile.cancel()
    result, told = judge_real(body, asked, fault.failed)
    if body is None:
        result = "dead" if not session.alive else STOPPED if fault.expected == STOPPED else result
    outcome = Outcome(result, round(time.monotonic() - began, 1), told)
    if fault.act == "repeat" and result == SUCCESS:
        again = await session.result(session.ask(asked))
        if _sums(body, asked) != _sums(again, asked):
            outcome = replace(outcome, result="another file")
    if fault.act == "cancel:pending" and not await _finished(other, session):
        outcome = replace(outcome, result="another's prompt does not go on")
    replaced = bool(before) and session.child() != before
    outcome = replace(
        outcome,
        leaves=body is not None and bool(body.get("stopPod")),
        runs=len(session.ran),
        interrupted=replaced or await session.free(),
    )
    return await _after(fault, session, outcome)


async def _before(fault: RealFault, session: RealSession) -> str:
    if fault.act in ("kill_idle", "break_idle"):
        if fault.act == "break_idle":
            (session.folder / "python").write_text("#!/bin/sh\nexit 1\n")
        os.kill(session.child(), signal.SIGKILL)
        await asyncio.sleep(0.2)
    return await session.busy() if fault.act == "clear" or fault.act.endswith(":pending") else ""


async def _meanwhile(fault: RealFault, session: RealSession, job: str) -> None:
    act, _, place = fault.act.partition(":")
    if act not in ("cancel", "interrupt", "clear", "kill", "kill_always", "stop", "sigterm"):
        return
    await session.where(place or ("pending" if act == "clear" else "running"))
    await asyncio.sleep(0.3)
    assert session.process is not None
    match act:
        case "cancel":
            session.queue.to_stop.append(job)
        case "interrupt":
            await session.call("POST", "/interrupt", {})
        case "clear":
            await session.call("POST", "/queue", {"clear": True})
        case "kill" | "kill_always":
            os.kill(session.child(), signal.SIGKILL)
        case "stop":
            os.kill(session.child(), signal.SIGSTOP)
        case "sigterm":
            session.process.send_signal(signal.SIGTERM)
    if act == "kill_always":
        await asyncio.sleep(1)
        await _meanwhile(fault, session, job)


async def _after(fault: RealFault, session: RealSession, outcome: Outcome) -> Outcome:
    """What the worker is like after it: gone, as it should be, or fit for the next job."""
    assert session.process is not None
    if fault.leaves and outcome.leaves:
        other = session.ask(dict(SHORT))
        with suppress(TimeoutError):
            await asyncio.wait_for(session.process.wait(), 30)
        return replace(outcome, eats=session.alive or other in session.queue.taken)
    if fault.act == "sigterm":
        with suppress(TimeoutError):
            await asyncio.wait_for(session.process.wait(), 30)
        if session.process.returncode != 0:
            return replace(outcome, result=f"ends with {session.process.returncode}")
        return outcome if await session.call("GET", "/queue") is None else replace(outcome, result="ComfyUI stays")
    good = await session.succeeds()
    session.broken = not good
    return replace(outcome, next=good, left=await session.left() if good else ())


async def _cause_at_start(fault: RealFault, session: RealSession) -> Outcome:
    began = time.monotonic()
    session.broken = True
    body = await session.result(session.ask(dict(fault.input), fault.name))
    result, told = judge(body)
    if session.queue.unhealthy and not session.queue.taken and not session.alive:
        result = UNFIT
    return Outcome(result, round(time.monotonic() - began, 1), told)


async def _finished(prompt_id: str, session: RealSession) -> bool:
    for _ in range(600):
        entry = (await session.call("GET", f"/history/{prompt_id}") or {}).get(prompt_id)
        if entry is not None:
            return bool(entry["status"]["status_str"] == "success")
        await asyncio.sleep(0.1)
    return False


def _sums(body: dict[str, Any] | None, asked: dict[str, Any]) -> list[str]:
    return [body["output"][name]["sha256"] if body and "output" in body else "" for name in asked["outputs"]]


def _red() -> str:
    image = io.BytesIO()
    Image.new("RGB", _IMAGE, "red").save(image, "PNG")
    return base64.b64encode(image.getvalue()).decode()


async def run_real(faults: tuple[RealFault, ...], folder: Path, server: Server) -> tuple[dict[str, Outcome], str]:
    """Causes faults one after the other, on one worker as long as it lasts; and the version of the server."""
    outcomes: dict[str, Outcome] = {}
    session: RealSession | None = None
    version = ""
    try:
        for fault in sorted(faults, key=lambda fault: fault.alone):
            if session is not None and fault.alone:
                await session.close()
                session = None
            if session is None:
                session = RealSession(folder / fault.name, server, fault)
                await session.start()
                if fault.act == "at_start":
                    outcomes[fault.name] = await _cause_at_start(fault, session)
                    continue
                if not await session.warm():
                    outcomes[fault.name] = Outcome("not even a first job succeeds", 0.0)
                    session.broken = True
                version = version or _version(await session.call("GET", "/system_stats"))
            if fault.name not in outcomes:
                outcomes[fault.name] = await cause(fault, session)
            if session.broken or fault.alone:
                await session.close()
                session = None
    finally:
        if session is not None:
            await session.close()
    return {fault.name: outcomes[fault.name] for fault in faults}, version


def _version(stats: Any) -> str:
    system = (stats or {}).get("system", {})
    return f"ComfyUI {system.get('comfyui_version')}, torch {system.get('pytorch_version')}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, help="the page that the table is written into")
    parser.add_argument("--only", nargs="+", help="these faults")
    parser.add_argument("--folder", type=Path, help="keep what the workers wrote here")
    options = parser.parse_args()
    server = Server.of_environment()
    if server is None:
        print("Set COMFYUI_URL, or COMFYUI_DIR and COMFYUI_PYTHON.")
        return 2
    faults = tuple(fault for fault in server.faults if not options.only or fault.name in options.only)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        outcomes, version = asyncio.run(run_real(faults, options.folder or Path(temporary), server))
    for fault in faults:
        found = outcomes[fault.name].faults(fault)
        print(
            f"{'FAIL' if found else 'ok  '} {fault.name:24} {outcomes[fault.name].seconds:6.1f} s  {'; '.join(found)}"
        )
    good = sum(not outcomes[fault.name].faults(fault) for fault in faults)
    print(f"{version}: {good} of {len(faults)} as they should be, in {time.monotonic() - began:.0f} s")
    if options.report and not options.only:
        write_real_report(options.report, faults, outcomes, version)
    return good < len(faults)


if __name__ == "__main__":
    sys.exit(main())
