"""Videos of a request: what both clients take, and what they refuse with the worker's words before anything is sent."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO, StringIO
from pathlib import Path
from types import ModuleType

import av
import pytest
from av.video.stream import VideoStream

from comfy2runpod.fields.video.example import example_video
from comfy2runpod.local_endpoint import API_KEY, LocalEndpoint, running_endpoint
from tests.batch.conftest import Place
from tests.standins.runpod_queue import Answer, RunPodQueue

from .conftest import client_of
from .node_tools import TypeScript
from .samples import QUEUED

MP4 = base64.b64decode(example_video(["mp4"], 16, 2))
DONE = Answer(body={"id": "j1", "status": "COMPLETED", "output": {
    "video": "YQ==", "media_type": "video/mp4", "bytes": 1, "sha256": "0" * 64, "width": 32, "height": 32,
    "frame_count": 16, "duration_seconds": 2.0, "prompt_id": "p",
}})  # fmt: skip


def video(form: str, codec: str) -> bytes:
    """A black video of a second in some container."""
    out = BytesIO()
    with av.open(out, "w", format=form) as file:
        stream = file.add_stream(codec, rate=8)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(8):
            file.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        file.mux(stream.encode())
    return out.getvalue()


WEBM = video("webm", "libvpx")
TEXTS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "lines": lambda data: base64.encodebytes(data).decode(),
    "unpadded": lambda data: base64.b64encode(data).decode().rstrip("="),
    "url-safe": lambda data: base64.urlsafe_b64encode(data).decode(),
    "data": lambda data: "data:video/mp4;base64," + base64.b64encode(data).decode(),
    "recording": lambda data: "data:video/webm;codecs=vp8,opus;base64," + base64.b64encode(data).decode(),
}
ACCEPTED = "it must be an MP4 or WebM video"
REFUSED: list[tuple[bytes | str | Path, str, str]] = [
    (b"GIF89a" + bytes(20), "InvalidInput", f"is not a video of a known container; {ACCEPTED}"),
    (video("avi", "mpeg4"), "InvalidInput", f"is not a video of a known container; {ACCEPTED}"),
    (b"\0\0\0\x18ftypheic" + bytes(20), "InvalidInput", f"is not a video of a known container; {ACCEPTED}"),
    (video("matroska", "libvpx"), "InvalidInput", f"is a Matroska video; {ACCEPTED}"),
    (video("mov", "mpeg4"), "InvalidInput", f"is a QuickTime video; {ACCEPTED}"),
    (b"\x1aE\xdf\xa3\x01", "InvalidInput", "is not a video of a known container"),
    (b"", "InvalidInput", f"is empty; {ACCEPTED}"),
    (MP4 + bytes(100_000), "InvalidInput", "has 102,431 bytes; at most 100,000 bytes are allowed"),
    (base64.b64encode(MP4 + bytes(200_000)).decode(), "InvalidInput", "has more than 100,000 bytes, the largest size"),
    ("clip.mp4", "InvalidInput", "is neither base64 nor a URL"),
    ("-+" * 40, "InvalidInput", "is neither base64 nor a URL"),
    ("ftp://example.com/clip.mp4", "InvalidInput", "is a URL with an unsupported scheme"),
    ("data:video/mp4;codecs=avc1,mp4a,abc", "InvalidInput", "is a data URL that is not in base64"),
    ("data:video/mp4,abc", "InvalidInput", "is a data URL that is not in base64 (data:video/mp4;base64,…)"),
    (Path("/nowhere/clip.mp4"), "InputRefused", "cannot be read"),
]


@pytest.fixture(scope="module")
def endpoint(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_endpoint(LocalEndpoint(clips, worker_log=tmp_path_factory.mktemp("worker") / "log")) as url:
        yield url


@pytest.fixture(scope="module")
def client(clips: Path) -> ModuleType:
    return client_of("clips", clips.parent)


def test_a_video_goes_there_and_comes_back(client: ModuleType, endpoint: str, tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(WEBM)
    with client.Client(endpoint, API_KEY) as caller:
        output = caller.run({"clip": tmp_path / "clip"})
        (saved,) = caller.save(output, tmp_path / "results")["video"]
        with pytest.raises(client.errors.InvalidInput, match="it is truncated or damaged") as caught:
            caller.run({"clip": MP4[:-100]})
    assert (output["width"], output["height"], output["frame_count"], output["duration_seconds"]) == (32, 32, 8, 1.0)
    assert caught.value.details[0].field == "clip"
    with av.open(saved) as made:
        assert sum(1 for _ in made.decode(video=0)) == 8


def test_the_typescript_clients_video_goes_there_and_comes_back(
    typescript: TypeScript, clips: Path, endpoint: str, tmp_path: Path
) -> None:
    request = {"clip": {"$bytes": base64.b64encode(MP4).decode()}}
    plan = {"request": request, "key": API_KEY, "folder": str(tmp_path / "results"), "options": {"callSeconds": 120}}
    done = typescript.call(clips, "runAndSave", endpoint, **plan)["value"]
    assert (done["output"]["frame_count"], done["output"]["duration_seconds"]) == (16, 2)
    assert done["saved"] == {"video": [str(tmp_path / "results" / "video.mp4")]}


def test_a_batch_has_a_video_in_each_line(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", API_KEY)
    place = Place(tmp_path, endpoint)
    clips = {"short": WEBM, "long": MP4, "bad": b"GIF89a" + bytes(100)}
    place.write(*({"id": name, "input": {"clip": base64.b64encode(data).decode()}} for name, data in clips.items()))
    done = place.run()
    assert (done.returncode, "2 of 3 done" in done.stdout, "1 failed: invalid_input" in done.stdout) == (1, True, True)
    assert [place.response(name)["frame_count"] for name in ("short", "long")] == [8, 16]


@pytest.mark.parametrize("data", [MP4, WEBM], ids=["mp4", "webm"])
@pytest.mark.parametrize("given", ["path", "open", "bytes", "url", *TEXTS])
def test_a_video_is_taken_in_every_form(
    client: ModuleType, server: RunPodQueue, tmp_path: Path, data: bytes, given: str
) -> None:
    (tmp_path / "clip").write_bytes(data)
    forms = {"bytes": data, "url": "https://example.com/a.mp4"}
    server.answers(run=[QUEUED], status=[DONE])
    with (tmp_path / "clip").open("rb") as file, client.Client(server.url, "key") as caller:
        value = TEXTS[given](data) if given in TEXTS else {"path": tmp_path / "clip", "open": file, **forms}[given]
        caller.submit({"clip": value})
    sent = json.loads(server.seen[0].body)["input"]["clip"]
    assert sent == (value if isinstance(value, str) else base64.b64encode(data).decode())


@pytest.mark.parametrize(("value", "kind", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_the_python_client_sends_no_video_that_the_endpoint_would_not_take(
    client: ModuleType, server: RunPodQueue, value: object, kind: str, reason: str
) -> None:
    server.answers(run=[QUEUED])
    with (
        client.Client(server.url, "key") as caller,
        pytest.raises(getattr(client.errors, kind), match=re.escape(reason)),
    ):
        caller.submit({"clip": value})
    assert server.seen == []


def test_an_open_file_that_cannot_be_a_video_is_refused(client: ModuleType, server: RunPodQueue) -> None:
    closed = BytesIO(MP4)
    closed.close()
    wrong = [(BytesIO(MP4 + bytes(100_000)), "InvalidInput", "has more than 100,000 bytes"),
             (StringIO("text"), "InputRefused", "is not open in binary mode"),
             (closed, "InputRefused", "is closed")]  # fmt: skip
    with client.Client(server.url, "key") as caller:
        for file, kind, reason in wrong:
            with pytest.raises(getattr(client.errors, kind), match=reason):
                caller.submit({"clip": file})
    assert server.seen == []


def test_the_video_has_a_type_of_its_own(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(
        "from pathlib import Path\n"
        "from clips_client import Client\n"
        "def call(client: Client) -> int:\n"
        "    client.run({'clip': b'bytes'})\n"
        "    with open('clip.mp4', 'rb') as file:\n"
        "        client.run({'clip': file})\n"
        "    client.run({'clip': 5})\n"
        "    return client.run({'clip': Path('clip.mp4')})['frame_count']\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "caller.py"]
    environment = {"MYPYPATH": str(clips / "clients" / "python"), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    (wrong,) = [line for line in done.stdout.splitlines() if "error:" in line]
    assert wrong.startswith("caller.py:7: error: ")


@pytest.mark.parametrize("data", [MP4, WEBM], ids=["mp4", "webm"])
@pytest.mark.parametrize("given", ["path", "bytes", "buffer", "blob", "base64"])
def test_the_typescript_client_takes_a_video_in_every_form(
    typescript: TypeScript, clips: Path, server: RunPodQueue, tmp_path: Path, data: bytes, given: str
) -> None:
    (tmp_path / "clip").write_bytes(data)
    text = base64.b64encode(data).decode()
    value = {"path": {"$path": str(tmp_path / "clip")}, "base64": text}.get(given, {f"${given}": text})
    server.answers(run=[QUEUED])
    typescript.call(clips, "submit", server.url, request={"clip": value})
    assert base64.b64decode(json.loads(server.seen[0].body)["input"]["clip"]) == data


def test_the_typescript_client_takes_every_form_of_base64(
    typescript: TypeScript, clips: Path, server: RunPodQueue
) -> None:
    server.answers(run=[QUEUED])
    for made in TEXTS.values():
        for data in (MP4, WEBM):
            typescript.call(clips, "submit", server.url, request={"clip": made(data)})
            assert json.loads(server.seen[-1].body)["input"]["clip"] == made(data)


def test_the_typescript_client_sends_no_video_that_the_endpoint_would_not_take(
    typescript: TypeScript, clips: Path, server: RunPodQueue
) -> None:
    server.answers(run=[QUEUED])
    for value, kind, reason in REFUSED:
        given: list[object] = [value]
        if isinstance(value, bytes):
            text = base64.b64encode(value).decode()
            given = [{"$bytes": text}, {"$blob": text}]
        elif isinstance(value, Path):
            given = [{"$path": str(value)}]
        for one in given:
            failed = typescript.call(clips, "submit", server.url, request={"clip": one})["error"]
            assert (failed["name"], reason in failed["message"]) == (kind, True), (failed, reason)
    assert server.seen == []
