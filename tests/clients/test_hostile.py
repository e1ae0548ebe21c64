"""Both clients against the table of hostile answers: each failure is a CallError, in time, and printable."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .hostile import FILE, MEASURED, MOST_BYTES, REQUEST_SECONDS, Case, answer, cases
from .node_tools import TypeScript
from .raw_server import Act, RawServer, raw_server

CASES = list(cases())
# A key as long as RunPod's, which no text of a client may repeat.
KEY = "rpa_0123456789ABCDEFGHIJKLMNOPQRSTUV"
# Far beyond the request's second and its one repetition; a client that follows drops would take for ever.
GUARD_SECONDS = 60
_RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture(scope="module")
def here() -> Iterator[RawServer]:
    with raw_server() as server:
        yield server


@pytest.fixture(scope="module")
def other() -> Iterator[RawServer]:
    """Another host, which no request may reach."""
    with raw_server() as server:
        yield server


def _placed(case: Case, here: RawServer, other: RawServer) -> dict[str, Any]:
    """The case with the servers' addresses in it."""
    other.does(run=answer(b"{}"), file=answer(b"another file"))

    def moved(act: Act) -> Act:
        async def acts(writer: asyncio.StreamWriter) -> None:
            await act(_Writer(writer, other.url.encode()))  # type: ignore[arg-type]

        return acts

    here.does(**{place: moved(act) for place, act in case.acts.items()})
    return {
        key: value.replace("HERE", here.url) if isinstance(value, str) else value for key, value in case.output.items()
    }


class _Writer:
    """A writer that puts the other server's address in its place."""

    def __init__(self, writer: asyncio.StreamWriter, other: bytes) -> None:
        self._writer, self._other = writer, other

    def write(self, content: bytes) -> None:
        self._writer.write(content.replace(b"OTHER", self._other) if len(content) < 1 << 20 else content)

    async def drain(self) -> None:
        await self._writer.drain()


@dataclass(frozen=True)
class Came:
    """How a call ended: the error's class, empty for none, what it said, whether it is a CallError, and the seconds."""

    name: str
    message: str
    ours: bool
    seconds: float


def _check(case: Case, call: Callable[[float], Came], other: RawServer, folder: Path) -> None:
    """Calls with times of so much patience, and looks at what came.

    A machine may be too busy to answer within a request's second, and then that is told: it is called again with ten.
    """
    came = call(1)
    if came.name not in case.errors and came.seconds >= REQUEST_SECONDS:
        came = call(10)
    assert came.name in case.errors, came
    assert came.ours or not came.name
    assert not _RAW.search(came.message)
    assert len(came.message) < 30_000
    assert KEY not in came.message
    assert "s3cret" not in came.message
    assert came.seconds < GUARD_SECONDS
    assert not any("authorization" in headers for _, headers in other.seen)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_python(case: Case, video: ModuleType, here: RawServer, other: RawServer, tmp_path: Path) -> None:
    def call(patience: float) -> Came:
        output = _placed(case, here, other)
        settings = video.Options(
            request_seconds=REQUEST_SECONDS * patience, call_seconds=3.0 * patience, poll_seconds=(0.01, 0.05),
            retries=1, retry_seconds=0.1, max_answer_bytes=MOST_BYTES, max_download_bytes=MOST_BYTES,
        )  # fmt: skip
        name, message, ours = "", "", False
        started = time.monotonic()
        with video.Client(here.url, KEY, settings) as client:
            try:
                match case.do:
                    case "run":
                        client.run({"prompt": "a cat"}, on_progress=str)
                    case "cancel":
                        client.cancel("j1")
                    case "save":
                        client.save(output, tmp_path)
            except Exception as error:  # noqa: BLE001 - which it is, is the question
                name, message, ours = type(error).__name__, str(error), isinstance(error, video.CallError)
        return Came(name, message, ours, time.monotonic() - started)

    _check(case, call, other, tmp_path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_typescript(case: Case, typescript: TypeScript, here: RawServer, other: RawServer, tmp_path: Path) -> None:
    def call(patience: float) -> Came:
        output = _placed(case, here, other)
        options = {
            "requestSeconds": REQUEST_SECONDS * patience, "callSeconds": 3 * patience, "retries": 1,
            "retrySeconds": 0.1, "maxAnswerBytes": MOST_BYTES, "maxDownloadBytes": MOST_BYTES,
        }  # fmt: skip
        plan: dict[str, Any] = {
            "request": {"prompt": "a cat"},
            "jobId": "j1",
            "output": output,
            "folder": str(tmp_path),
        }
        came = typescript.call("t2v_ltx2", case.do, here.url, key=KEY, options=options, **plan)
        error = came.get("error", {"name": "", "message": "", "isCallError": False})
        return Came(error["name"], error["message"], error["isCallError"], came["seconds"])

    _check(case, call, other, tmp_path)


def test_the_async_client_has_the_same_limits(video: ModuleType, here: RawServer, other: RawServer) -> None:
    """Its steps are the sync client's; what is its own is that many calls share a loop."""
    settings = video.Options(request_seconds=REQUEST_SECONDS, call_seconds=3.0, retries=0)
    drips = next(case for case in CASES if case.name == "status: a body that drips")
    _placed(drips, here, other)

    async def call() -> list[BaseException | Any]:
        async with video.AsyncClient(here.url, KEY, settings) as client:
            calls = [client.run({"prompt": "a cat"}) for _ in range(20)]
            return await asyncio.gather(*calls, return_exceptions=True)

    started = time.monotonic()
    found = asyncio.run(call())
    assert Counter(type(one).__name__ for one in found) == {"Unreachable": 20}
    assert time.monotonic() - started < GUARD_SECONDS


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_a_file_whose_address_moves_is_followed_without_the_key(
    video: ModuleType, typescript: TypeScript, here: RawServer, other: RawServer, tmp_path: Path, language: str
) -> None:
    moved = answer(b"", "302 Found", f"Location: {other.url}/file/2")
    output = {"url": f"{here.url}/file/1", **MEASURED}
    here.does(file=moved)
    other.does(file=answer(FILE))
    if language == "python":
        with video.Client(here.url, KEY) as client:
            client.save(output, tmp_path)
    else:
        assert "value" in typescript.call("t2v_ltx2", "save", here.url, key=KEY, output=output, folder=str(tmp_path))
    assert (tmp_path / "video.mp4").read_bytes() == FILE
    assert all("authorization" not in headers for _, headers in (*here.seen, *other.seen))


def test_the_table_is_large() -> None:
    assert len(CASES) > 500
    assert len({case.name for case in CASES}) == len(CASES)
