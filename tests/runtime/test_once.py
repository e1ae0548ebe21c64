"""One job of `start --once`: what is taken for one, and where the files of its answer are."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.outputs.base import Output
from comfy2runpod_runtime.outputs.image import Image
from comfy2runpod_runtime.outputs.text import Text
from comfy2runpod_runtime.outputs.video import Video
from comfy2runpod_runtime.start.once import UsageError, read_once, report, with_files

JOB: JsonObject = {"prompt": "a cat", "seed": 7}
VIDEO, PICTURES, WORDS = (
    Video(name="video", node="9"),
    Image("pictures", "3", "image/png", many=True),
    Text("words", "4"),
)
DEEP = "[" * 100_000


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("in_file", [False, True])
def test_a_job_is_json_or_a_file_and_an_input_or_a_request(tmp_path: Path, *, wrapped: bool, in_file: bool) -> None:
    text = json.dumps({"input": JOB} if wrapped else JOB)
    (tmp_path / "job.json").write_text(f"\ufeff{text}", "utf-8")
    once = read_once(str(tmp_path / "job.json") if in_file else f" {text}", None)
    assert once.job["input"] == JOB
    assert once.job["id"] == "once"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("absent.json", "absent.json cannot be read: No such file"),
        ('{"prompt": ', "the text is no JSON"),
        ("words.json", "words.json is no JSON"),
        ("list.json", "an object"),
        ("deep.json", "is no JSON"),
        ("bytes.json", "is no JSON"),
    ],
)
def test_what_is_no_job_is_refused(given: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"words.json": b"a cat", "list.json": b"[]", "deep.json": DEEP.encode(), "bytes.json": b"\xff\xfe\xfd"}
    for name, content in files.items():
        Path(name).write_bytes(content)
    with pytest.raises(UsageError, match=says):
        read_once(given, None)


def test_a_folder_that_cannot_be_written_is_refused_before_the_job(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="--results: nothing can be written into"):
        read_once("{}", tmp_path / "file")
    assert read_once("{}", tmp_path / "new" / "folder").results == tmp_path / "new" / "folder"
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_the_files_of_an_answer_are_written_and_none_is_replaced(tmp_path: Path) -> None:
    answer: JsonObject = {"video": encoded(b"moving"), "media_type": "video/mp4", "seed": 7}
    assert with_files(answer, [VIDEO], tmp_path) == {**answer, "video": "video.mp4"}
    again = with_files({**answer, "video": encoded(b"other")}, [VIDEO], tmp_path)
    assert again["video"] == "video-2.mp4"
    assert (tmp_path / "video.mp4").read_bytes() == b"moving"
    assert (tmp_path / "video-2.mp4").read_bytes() == b"other"


def test_an_answer_of_several_outputs_has_their_names_too(tmp_path: Path) -> None:
    pictures: list[Json] = [{"data": encoded(name), "media_type": "image/png"} for name in (b"one", b"two")]
    answer: JsonObject = {"pictures": pictures, "words": {"text": "data"}, "seed": 7}
    outputs: list[Output] = [VIDEO, PICTURES, WORDS]
    named = with_files(answer, outputs, tmp_path)
    assert [one["data"] for one in named["pictures"]] == ["pictures.png", "pictures-2.png"]  # type: ignore[union-attr,index,call-overload]
    assert {**named, "pictures": None} == {**answer, "pictures": None}
    assert [(tmp_path / name).read_bytes() for name in ("pictures.png", "pictures-2.png")] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("answer", "outputs"),
    [
        ({"url": "https://bucket/video.mp4", "media_type": "video/mp4"}, [VIDEO]),
        ({"video": {"url": "https://bucket/video.mp4", "media_type": "video/mp4"}}, [VIDEO, WORDS]),
        ({"words": "a text", "seed": 7}, [WORDS]),
        ({"words": {"text": "a text"}, "failed": [{"output": "video"}]}, [VIDEO, WORDS]),
    ],
)
def test_what_is_no_file_in_the_answer_stays_as_it_is(
    answer: JsonObject, outputs: list[Output], tmp_path: Path
) -> None:
    assert with_files(answer, outputs, tmp_path) == answer
    assert list(tmp_path.iterdir()) == []


def test_the_answer_is_printed_as_json_and_decides_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer: JsonObject = {"video": encoded(b"moving"), "media_type": "video/mp4"}
    assert report(answer, [VIDEO], None) == 0
    assert json.loads(capsys.readouterr().out) == answer
    assert report(answer, [VIDEO], tmp_path / "gone") == 1
    assert json.loads(capsys.readouterr().out) == answer
    assert report({"error": '{"code": "invalid_input"}'}, [VIDEO], tmp_path) == 1
    assert json.loads(capsys.readouterr().out) == {"error": {"code": "invalid_input"}}
    assert report({"error": "of another form"}, [VIDEO], tmp_path) == 1
    assert json.loads(capsys.readouterr().out) == {"error": "of another form"}
