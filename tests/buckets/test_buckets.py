"""Results by URL: a package's own handler on the simulator, and a real S3 server that checks every signature."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from PIL import Image

from comfy2runpod.local_endpoint import API_KEY, LocalEndpoint, running_endpoint
from tests.cli.command import comfy2runpod
from tests.end_to_end.images import saved, text_of
from tests.end_to_end.saving import Graph
from tests.handlers import GENERATED, Handlers

from .fault_proxy import FaultProxy
from .swift import ACCESS_KEY, SECRET_KEY, Swift

SMALL = {"prompt": "a cat", "width": 256, "height": 256, "frame_count": 9, "seed": 1}


async def run(handler: Any, extra: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await handler.handler({"id": "job-1", "input": {**SMALL, **request}, **(extra or {})})
    return answer


def error_of(answer: dict[str, Any]) -> dict[str, Any]:
    assert set(answer) == {"error"}, answer
    return dict(json.loads(answer["error"]))


async def test_a_video_by_url(swift: Swift, bucket: str, handler_of: Handlers) -> None:
    handler = handler_of("t2v_ltx2", **swift.environment(bucket), BUCKET_URL_SECONDS="3600")
    before = datetime.now(UTC)
    answer = await run(handler, output={"delivery": "url"})
    assert "video" not in answer
    assert (answer["width"], answer["height"], answer["frame_count"], answer["seed"]) == (256, 256, 9, 1)
    there = httpx.get(answer["url"])
    assert (there.status_code, there.headers["content-type"], len(there.content)) == (200, "video/mp4", answer["bytes"])
    assert hashlib.sha256(there.content).hexdigest() == answer["sha256"] == there.headers["x-amz-meta-sha256"]
    until = datetime.fromisoformat(answer["expires_at"])
    assert timedelta(minutes=59) < until - before < timedelta(minutes=61)
    assert parse_qs(urlsplit(answer["url"]).query)["X-Amz-Expires"] == ["3600"]
    assert swift.keys(bucket) == [f"comfy2runpod/{answer['prompt_id']}/video.mp4"]
    # The server means it: another key's URL is not made of this one.
    assert httpx.get(answer["url"].replace("X-Amz-Expires=3600", "X-Amz-Expires=360000")).status_code == 403


async def test_what_is_too_large_for_an_answer_goes_by_url(swift: Swift, bucket: str, handler_of: Handlers) -> None:
    handler = handler_of("t2v_ltx2", **swift.environment(bucket), MAX_INLINE_BYTES="1000")
    assert "url" in await run(handler)
    error = error_of(await run(handler, output={"delivery": "inline"}))
    assert error["code"] == "output_too_large"
    assert "delivery by url" in error["message"]


async def test_what_fits_stays_inline_unless_the_endpoint_says_otherwise(
    swift: Swift, bucket: str, handler_of: Handlers
) -> None:
    handler = handler_of("t2v_ltx2", **swift.environment(bucket))
    assert "video" in await run(handler)
    handler = handler_of("t2v_ltx2", **swift.environment(bucket), OUTPUT_DELIVERY="url", BUCKET_PREFIX="/a/b/")
    answer = await run(handler)
    assert swift.keys(bucket) == [f"a/b/{answer['prompt_id']}/video.mp4"]
    assert "video" in await run(handler, output={"delivery": "inline"})


async def test_a_url_without_a_bucket_is_refused_before_anything_runs(handler_of: Handlers, queued: list[Any]) -> None:
    error = error_of(await run(handler_of("t2v_ltx2"), output={"delivery": "url"}))
    assert error["code"] == "invalid_input"
    assert error["details"] == [
        {"field": "output.delivery", "message": "this endpoint has no bucket; leave it out, or send s3Config along"}
    ]
    assert queued == []


def own(swift: Swift, bucket: str, **other: Any) -> dict[str, Any]:
    config = {"accessId": ACCESS_KEY, "accessSecret": SECRET_KEY, "bucketName": bucket, "endpointUrl": swift.url}
    return {"s3Config": {**config, **other}}


async def test_a_job_brings_its_own_bucket(
    swift: Swift, bucket: str, handler_of: Handlers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    handler = handler_of("t2v_ltx2", FETCH_ALLOW_HTTP="true", FETCH_ALLOW_PRIVATE_ADDRESSES="true")
    answer = await run(handler, own(swift, bucket))
    assert httpx.get(answer["url"]).status_code == 200
    assert "video" in await run(handler, own(swift, bucket), output={"delivery": "inline"})
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("comfy2runpod")]
    assert ours
    assert not [text for text in ours if SECRET_KEY in text]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({}, "s3Config.endpointUrl", "must be a URL with https"),
        ({"endpointUrl": "https://127.0.0.1:1"}, "s3Config.endpointUrl", "not at a public address"),
        ({"endpointUrl": "https://169.254.169.254"}, "s3Config.endpointUrl", "not at a public address"),
        ({"endpointUrl": "https://[::1]"}, "s3Config.endpointUrl", "not at a public address"),
        ({"endpointUrl": "https://2130706433"}, "s3Config.endpointUrl", "not at a public address"),
        ({"endpointUrl": "https://nowhere.invalid"}, "s3Config.endpointUrl", "no address"),
        ({"endpointUrl": "https://a:b@s3.example.com"}, "s3Config.endpointUrl", "without user"),
        ({"endpointUrl": "https://[nonsense"}, "s3Config.endpointUrl", "not a valid URL"),
        ({"endpointUrl": 7}, "s3Config.endpointUrl", "must be a text"),
        ({"accessId": ""}, "s3Config.accessId", "must not be empty"),
        ({"bucketName": None}, "s3Config.bucketName", "must be a text"),
        ({"region": "x"}, "s3Config.region", "is not a field"),
    ],
)
async def test_a_bucket_that_a_job_may_not_bring(
    swift: Swift, handler_of: Handlers, queued: list[Any], change: dict[str, Any], field: str, message: str
) -> None:
    error = error_of(await run(handler_of("t2v_ltx2"), own(swift, "any", **change)))
    assert error["code"] == "invalid_input"
    assert error["details"][0]["field"] == field
    assert message in error["details"][0]["message"]
    assert SECRET_KEY not in json.dumps(error)
    assert queued == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"BUCKET_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
        ({"BUCKET_NAME": "there-is-none"}, "NoSuchBucket"),
        ({"BUCKET_ENDPOINT_URL": "http://127.0.0.1:9"}, "cannot be reached"),
    ],
)
async def test_a_bucket_that_does_not_take_it(
    swift: Swift, handler_of: Handlers, change: dict[str, str], reason: str
) -> None:
    handler = handler_of("t2v_ltx2", **{**swift.environment("any"), **change})
    error = error_of(await run(handler, output={"delivery": "url"}))
    assert error["code"] == "delivery_failed"
    assert reason in error["message"]
    assert "127.0.0.1" not in error["message"]
    # The worker is as good as before.
    assert "video" in await run(handler)


async def test_what_passes_is_tried_again(swift: Swift, bucket: str, network: FaultProxy, handler_of: Handlers) -> None:
    handler = handler_of("t2v_ltx2", **{**swift.environment(bucket), "BUCKET_ENDPOINT_URL": network.url})
    network.faults = ["reset", "unavailable", ""]
    answer = await run(handler, output={"delivery": "url"})
    assert network.seen == ["PUT reset", "PUT unavailable", "PUT", "HEAD"]
    content = httpx.get(answer["url"]).content
    assert hashlib.sha256(content).hexdigest() == answer["sha256"]


async def test_what_the_network_changes_is_never_a_result(
    swift: Swift, bucket: str, network: FaultProxy, handler_of: Handlers
) -> None:
    handler = handler_of("t2v_ltx2", **{**swift.environment(bucket), "BUCKET_ENDPOINT_URL": network.url})
    network.faults = ["flip"] * 20
    error = error_of(await run(handler, output={"delivery": "url"}))
    assert error["code"] == "delivery_failed"
    assert swift.keys(bucket) == []


async def test_a_storage_that_hangs_is_abandoned(
    swift: Swift, bucket: str, network: FaultProxy, handler_of: Handlers
) -> None:
    environment = {**swift.environment(bucket), "BUCKET_ENDPOINT_URL": network.url, "BUCKET_TIMEOUT_SECONDS": "0.5"}
    handler = handler_of("t2v_ltx2", **environment)
    network.faults = ["hang"]
    error = error_of(await run(handler, output={"delivery": "url"}))
    assert (error["code"], "longer than 0.5 s" in error["message"]) == ("delivery_failed", True)


async def test_a_job_that_is_stopped_leaves_nothing(
    swift: Swift, bucket: str, network: FaultProxy, handler_of: Handlers
) -> None:
    handler = handler_of("i2i_multiangle", **{**swift.environment(bucket), "BUCKET_ENDPOINT_URL": network.url})
    # Some are there when it is stopped, one is on its way.
    network.faults = ["", "", "", "", "hang"]
    request = {"image": text_of(saved(Image.new("RGB", (64, 48), "red"), "PNG")), "output": {"delivery": "url"}}
    task = asyncio.create_task(handler.handler({"id": "job-1", "input": request}))
    await asyncio.to_thread(network.hanging.wait, 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len([line for line in network.seen if line == "DELETE"]) >= 1
    assert swift.keys(bucket) == []


async def test_several_outputs_each_under_its_name(swift: Swift, bucket: str, handler_of: Handlers) -> None:
    handler = handler_of("i2i_multiangle", **swift.environment(bucket))
    request = {
        "image": text_of(saved(Image.new("RGB", (64, 48), "red"), "PNG")),
        "outputs": ["aerial", "left_90"],
        "output": {"delivery": "url", "format": "webp"},
    }
    answer = await handler.handler({"id": "job-1", "input": request})
    assert sorted(swift.keys(bucket)) == [f"comfy2runpod/{answer['prompt_id']}/{n}.webp" for n in ("aerial", "left_90")]
    for name in ("aerial", "left_90"):
        content = httpx.get(answer[name]["url"]).content
        assert hashlib.sha256(content).hexdigest() == answer[name]["sha256"]
        assert "data" not in answer[name]


async def test_lists_are_numbered_and_texts_stay_in_the_answer(
    swift: Swift, bucket: str, handler_of: Handlers, tmp_path: Path
) -> None:
    graph = Graph()
    image = graph.add("EmptyImage", 32, 16, 3, 0)
    graph.add("SaveImage", "x", images=(image, 0))
    text = graph.add("PrimitiveString", "hello")
    graph.add("PreviewAny", source=(text, 0))
    note = "name: several\noutputs:\n  images: {from: 2, many: true}\n  said: {from: 4}\n"
    handler = handler_of(graph.package(note, tmp_path), **swift.environment(bucket))
    answer = await handler.handler({"id": "job-1", "input": {"output": {"delivery": "url"}}})
    place = f"comfy2runpod/{answer['prompt_id']}"
    assert sorted(swift.keys(bucket)) == [f"{place}/images_{n:02d}.png" for n in (1, 2, 3)]
    assert [urlsplit(file["url"]).path for file in answer["images"]] == [
        f"/{bucket}/{place}/images_{n:02d}.png" for n in (1, 2, 3)
    ]
    assert answer["said"] == {"text": "hello"}


async def test_a_file_of_many_parts(swift: Swift, bucket: str, tmp_path: Path) -> None:
    from comfy2runpod_runtime.delivery.bucket import Bucket, BucketAccess  # noqa: PLC0415

    path = tmp_path / "long.mp4"
    path.write_bytes(b"".join(index.to_bytes(4, "big") for index in range(10_000_000)))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    stored = await Bucket(
        BucketAccess(
            endpoint_url=swift.url,
            name=bucket,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            region=None,
            prefix="",
            url_seconds=60,
            upload_seconds=60,
        )
    ).upload(path, "long.mp4", "video/mp4", sha256)
    there = httpx.get(stored.url)
    assert hashlib.sha256(there.content).hexdigest() == sha256
    assert there.headers["etag"].endswith('-3"')


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"BUCKET_NAME": "b"}, "BUCKET_ENDPOINT_URL, BUCKET_ACCESS_KEY_ID, BUCKET_SECRET_ACCESS_KEY too"),
        ({"OUTPUT_DELIVERY": "url"}, "OUTPUT_DELIVERY=url needs a bucket"),
        ({"BUCKET_ENDPOINT_URL": "s3.example.com"}, "BUCKET_ENDPOINT_URL: "),
        ({"BUCKET_URL_SECONDS": "700000"}, "BUCKET_URL_SECONDS: "),
    ],
)
def test_settings_of_a_bucket_that_do_not_fit(handler_of: Handlers, environment: dict[str, str], message: str) -> None:
    from comfy2runpod_runtime import SettingsError  # noqa: PLC0415

    with pytest.raises(SettingsError, match=message):
        handler_of("t2v_ltx2", **environment)


async def test_each_angle_is_reported_as_soon_as_it_is_there(
    swift: Swift, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = LocalEndpoint(
        GENERATED / "i2i_multiangle",
        worker_log=tmp_path / "log",
        seconds_per_step=0.05,
        environment={**swift.environment(bucket), "PROGRESS_SECONDS": "0"},
    )
    seen: list[dict[str, Any]] = []
    with running_endpoint(endpoint) as url, httpx.Client(headers={"Authorization": f"Bearer {API_KEY}"}) as client:
        request = {"image": text_of(saved(Image.new("RGB", (64, 48), "red"))), "output": {"delivery": "url"}}
        job = client.post(f"{url}/run", json={"input": request}).json()
        while (status := client.get(f"{url}/status/{job['id']}").json())["status"] in ("IN_QUEUE", "IN_PROGRESS"):
            if "files" in (status.get("output") or {}):
                seen.append(status["output"])
            await asyncio.sleep(0.02)
    assert status["status"] == "COMPLETED", status
    assert len({len(update["files"]) for update in seen}) > 3
    for update in seen:
        # What has left is what the answer says, and nothing that is told is ever taken back.
        assert {name: status["output"][name] for name in update["files"]} == update["files"]
        assert all(update["outputs"][name] == "done" for name in update["files"])
    assert len(swift.keys(bucket)) == 8


def test_run_saves_what_went_by_url(swift: Swift, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in swift.environment(bucket).items():
        monkeypatch.setenv(name, value)
    image = base64.b64encode(saved(Image.new("RGB", (64, 48), "red"))).decode()
    video = {**SMALL, "output": {"delivery": "url"}}
    angles = {"image": image, "outputs": ["aerial"], "output": {"delivery": "url"}}
    for package, request, file in (("t2v_ltx2", video, "video.mp4"), ("i2i_multiangle", angles, "aerial.png")):
        done = comfy2runpod("run", GENERATED / package, "--input", json.dumps(request), "-o", tmp_path)
        assert done.returncode == 0, done.stderr
        answer = json.loads((tmp_path / "response.json").read_text())
        told = answer if package == "t2v_ltx2" else answer["aerial"]
        assert hashlib.sha256((tmp_path / file).read_bytes()).hexdigest() == told["sha256"]
        assert told["url"].startswith(swift.url)
