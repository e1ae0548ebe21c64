"""The worker's calls to ComfyUI end, with a typed error or a bounded result, whatever answers in its place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from comfy2runpod_runtime.comfyui import client as comfyui_client
from comfy2runpod_runtime.comfyui.client import ComfyUIClient
from comfy2runpod_runtime.comfyui.history import SavedFile
from comfy2runpod_runtime.errors import ComfyUIUnavailable, JobFailed, OutputTooLarge
from tests.cli.hostile_server import WAYS, answering, bomb, goes_on, plain, says

# Most ways answer at once; those that do not are given up after ten times as long, up to three times.
PAUSE_SECONDS = 0.4
# Far beyond all of that, also on a loaded machine.
GUARD_SECONDS = 120
MOST_BYTES = 20_000_000

Call = Callable[[ComfyUIClient, Path], Awaitable[object]]
CALLS: dict[str, Call] = {
    "stats": lambda client, _: client.stats(),
    "history": lambda client, _: client.history("p"),
    "queue position": lambda client, _: client.queue_position("p"),
    "queue": lambda client, _: client.queue({}, "p", "c"),
    "upload": lambda client, _: client.upload(b"a picture", "job", "a.png"),
    "download": lambda client, path: client.download(SavedFile("a.mp4", "", "output"), path),
}


def _call(call: Call, url: str, path: Path) -> object:
    async def calling() -> object:
        async with asyncio.timeout(GUARD_SECONDS), ComfyUIClient(url, PAUSE_SECONDS) as client:
            return await call(client, path)

    return asyncio.run(calling())


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("way", WAYS)
def test_every_call_ends(way: str, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if (way, call) == ("trickles its body", "download"):
        pytest.skip("a slow download is as long as its job: the job's time limit ends it")
    monkeypatch.setattr(comfyui_client, "_MAX_FILE_BYTES", MOST_BYTES)
    # Any other error is none of a job.
    with answering(WAYS[way]) as url, contextlib.suppress(JobFailed):
        _call(CALLS[call], url, tmp_path / "file")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= MOST_BYTES


@pytest.mark.slow
def test_an_answer_without_an_end_is_not_kept(tmp_path: Path) -> None:
    head = b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"system": "'
    with answering(goes_on(head, b"a" * 0x100000, 0.0)) as url, pytest.raises(ComfyUIUnavailable, match="more than"):
        _call(CALLS["stats"], url, tmp_path)


def test_a_small_answer_does_not_unpack_to_a_large_one(tmp_path: Path) -> None:
    with answering(says(bomb(200))) as url:
        _call(CALLS["download"], url, tmp_path / "file")
    assert (tmp_path / "file").stat().st_size < 1_000_000


def test_a_file_is_not_larger_than_any_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui_client, "_MAX_FILE_BYTES", 1000)
    with answering(says(plain(b"a" * 1000))) as url:
        assert _call(CALLS["download"], url, tmp_path / "file") == 1000
    with answering(says(plain(b"a" * 1001))) as url, pytest.raises(OutputTooLarge):
        _call(CALLS["download"], url, tmp_path / "file")
