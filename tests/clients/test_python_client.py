"""The generated Python client against a real endpoint on loopback, and against answers that no good endpoint gives."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from comfy2runpod.local_endpoint import API_KEY, LocalEndpoint, running_endpoint
from tests.standins.runpod_queue import DROPPED, Answer, RunPodQueue, completed

from .conftest import PassesMypy

PACKAGES = Path(__file__).parents[2] / "generated"


def client_of(package: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PACKAGES / package / "clients" / "python"))
    return importlib.import_module(f"{package}_client")


@pytest.fixture(scope="module")
def angles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("worker") / "log"
    with running_endpoint(LocalEndpoint(PACKAGES / "i2i_multiangle", worker_log=log)) as url:
        yield url


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "me.png"
    Image.new("RGB", (48, 32), "red").save(path)
    return path


def test_an_image_goes_there_and_the_angles_come_back(
    angles: str, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = client_of("i2i_multiangle", monkeypatch)
    told: list[Any] = []
    with package.Client(angles, API_KEY) as client:
        wanted = {"image": image, "seed": 7, "outputs": ["aerial", "left_90"], "output": {"format": "webp"}}
        output = client.run(wanted, on_progress=told.append)
        saved = client.save(output, tmp_path / "results")
    assert (output["seed"], set(output) & {"aerial", "left_90", "close_up"}) == (7, {"aerial", "left_90"})
    assert {name: [path.name for path in paths] for name, paths in saved.items()} == {
        "aerial": ["aerial.webp"],
        "left_90": ["left_90.webp"],
    }
    content = saved["aerial"][0].read_bytes()
    assert hashlib.sha256(content).hexdigest() == output["aerial"]["sha256"]
    with Image.open(saved["aerial"][0]) as made:
        assert (made.format, made.size) == ("WEBP", (output["aerial"]["width"], output["aerial"]["height"]))
    assert told[0].state in ("IN_QUEUE", "IN_PROGRESS")


async def test_the_same_on_asyncio(angles: str, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = client_of("i2i_multiangle", monkeypatch)
    async with package.AsyncClient(angles, API_KEY) as client:
        output = await client.run({"image": image.read_bytes(), "outputs": ["close_up"]})
    assert output["close_up"]["media_type"] == "image/png"


def test_what_the_endpoint_refuses_is_an_exception_of_its_code(
    angles: str, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = client_of("i2i_multiangle", monkeypatch)
    wrong = {"image": image, "steps": 0, "sead": 1, "output": {"quality": 0}, "outputs": ["close_up", "clos_up"]}
    found = {}
    for check in (True, False):
        client = package.Client(angles, API_KEY, package.Options(check_input=check))
        with client, pytest.raises(package.InvalidInput) as refused:
            client.run(wrong)
        # Only a job that was queued has an id, and is paid for.
        assert (refused.value.job_id is None) == check
        found[check] = (refused.value.message, refused.value.details)
    assert found[True] == found[False]
    assert [one.field for one in found[True][1]] == ["steps", "output.quality", "outputs.1", "sead"]
    with package.Client(angles, API_KEY) as client:
        with pytest.raises(package.InvalidInput, match="neither base64"):
            client.run({"image": "cat.png"})
        unread = importlib.import_module("i2i_multiangle_client.errors").InputRefused
        with pytest.raises(unread, match="cannot be read"):
            client.run({"image": image.with_name("absent.png")})
    with package.Client(angles, "wrong") as client, pytest.raises(package.CallError, match="API key is not valid"):
        client.run({"image": image})


@pytest.mark.parametrize("wrong", ['{"promt": "a cat"}', '{"prompt": 5}', '{"prompt": "a", "width": "64"}', "{}"])
def test_a_wrong_request_does_not_pass_the_type_checker(wrong: str, passes_mypy: PassesMypy) -> None:
    client = PACKAGES / "t2i_klein_4b" / "clients" / "python"
    for request, expected in (('{"prompt": "a cat", "width": 64}', True), (wrong, False)):
        passes, said = passes_mypy(f'from t2i_klein_4b_client import Client\nClient("x", "k").run({request})\n', client)
        assert passes is expected, said


QUEUED = Answer(body={"id": "j", "status": "IN_QUEUE"})
DONE = Answer(body=completed({"image": "YQ==", "seed": 1, "prompt_id": "p"}))
LATE = Answer(body=completed({"node": "KSampler", "percent": 50}))
ERROR = '{"code": "out_of_memory", "message": "too large"}'


@pytest.mark.parametrize(
    ("run", "status", "expected", "runs"),
    [
        ([QUEUED], [DONE], None, 1),
        ([Answer(429, {}, {"Retry-After": "0"}), QUEUED], [DONE], None, 2),
        ([Answer(429, {})], [DONE], "RateLimited", 1),
        ([Answer(500, {})], [DONE], "SubmissionUnknown", 1),
        ([DROPPED], [DONE], "SubmissionUnknown", 1),
        ([Answer(401, {})], [DONE], "Unauthorized", 1),
        ([Answer(404, {})], [DONE], "EndpointNotFound", 1),
        ([Answer(400, {"error": "no"})], [DONE], "InputRefused", 1),
        ([QUEUED], [Answer(502, {}), DROPPED, DONE], None, 1),
        ([QUEUED], [LATE, DONE], None, 1),
        ([QUEUED], [LATE], "ResultGone", 1),
        ([QUEUED], [Answer(404, {})], "ResultGone", 1),
        ([QUEUED], [Answer(body={"status": "FAILED", "error": ERROR})], "OutOfMemory", 1),
        ([QUEUED], [Answer(body={"status": "FAILED", "error": "the worker died"})], "JobFailed", 1),
        ([QUEUED], [Answer(body={"status": "CANCELLED"})], "JobCancelled", 1),
        ([QUEUED], [Answer(body={"status": "TIMED_OUT"})], "JobTimeout", 1),
        ([QUEUED], [Answer(body={"status": "IN_PROGRESS"})], "CallTimeout", 1),
    ],
)
def test_answers_that_no_good_endpoint_gives(
    server: RunPodQueue,
    monkeypatch: pytest.MonkeyPatch,
    run: list[Answer],
    status: list[Answer],
    expected: str | None,
    runs: int,
) -> None:
    package = client_of("t2i_klein_4b", monkeypatch)
    server.answers(run=run, status=status, cancel=[Answer(body={"id": "j", "status": "CANCELLED"})])
    options = package.Options(poll_seconds=(0.01, 0.02), retry_seconds=1, call_seconds=4)
    call: Callable[[], Any]
    with package.Client(server.url, "key", options) as client:
        call = lambda: client.run({"prompt": "a cat"})  # noqa: E731
        if expected is None:
            assert call()["prompt_id"] == "p"
        else:
            with pytest.raises(package.CallError) as failed:
                call()
            assert type(failed.value).__name__ == expected
    # What may have been queued is not sent again; a job whose caller has stopped waiting is cancelled.
    assert server.count("run") == runs
    assert bool(server.count("cancel")) is (expected in ("ResultGone", "CallTimeout"))
