"""The generated clients with a bucket of the job's own: a real worker, and a real S3 server."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfy2runpod.local_endpoint import API_KEY, LocalEndpoint, running_endpoint
from tests.clients.conftest import GENERATED, client_of
from tests.clients.node_tools import TypeScript, typescript_in
from tests.clients.samples import image
from tests.standins.runpod_queue import Answer, RunPodQueue, running_queue

from .swift import ACCESS_KEY, SECRET_KEY, Swift

PACKAGE = "i2i_multiangle"
OUTPUTS = ["close_up", "aerial", "left_45", "left_90"]
REQUEST: dict[str, Any] = {"outputs": OUTPUTS, "output": {"delivery": "url"}, "seed": 7}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An endpoint without a bucket of its own, slow enough for its files to be seen one by one."""
    endpoint = LocalEndpoint(
        GENERATED / PACKAGE,
        worker_log=tmp_path_factory.mktemp("worker") / "log",
        seconds_per_step=0.1,
        environment={"PROGRESS_SECONDS": "0", "FETCH_ALLOW_HTTP": "true", "FETCH_ALLOW_PRIVATE_ADDRESSES": "true"},
    )
    with running_endpoint(endpoint) as url:
        yield url


@pytest.fixture
def hooks() -> Iterator[RunPodQueue]:
    with running_queue() as running:
        running.answers(hook=[Answer()])
        yield running


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TypeScript]:
    tools = typescript_in(tmp_path_factory.mktemp("typescript"))
    yield tools
    tools.close()


def check(
    output: dict[str, Any], early: list[dict[str, Any]], folder: Path, swift: Swift, bucket: str, hooks: RunPodQueue
) -> None:
    """The files are in the job's bucket, were reported and downloaded one by one, and the webhook got the job."""
    keys = [f"comfy2runpod/{output['prompt_id']}/{name}.png" for name in sorted(OUTPUTS)]
    assert sorted(swift.keys(bucket)) == keys
    counts = [len(files) for files in early]
    assert counts == sorted(counts)
    assert len(set(counts)) > 1
    for files in early:
        assert files == {name: output[name] for name in files}
    for name in early[-1]:
        assert hashlib.sha256((folder / f"{name}.png").read_bytes()).hexdigest() == output[name]["sha256"]
    told = json.loads(hooks.wait_for("hook").body)
    assert (told["status"], told["output"]) == ("COMPLETED", output)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_python(swift: Swift, bucket: str, endpoint: str, hooks: RunPodQueue, tmp_path: Path, way: str) -> None:
    module = client_of(PACKAGE)
    job = module.JobOptions(
        webhook=f"{hooks.url}/hook", bucket=module.Bucket(ACCESS_KEY, SECRET_KEY, bucket, swift.url)
    )
    request = {**REQUEST, "image": image("png")}
    options = module.Options(poll_seconds=(0.02, 0.05), call_seconds=120)
    early: list[Any] = []

    def tell(progress: Any) -> None:
        if progress.files is not None:
            early.append(progress.files)

    async def on_asyncio() -> Any:
        async with module.AsyncClient(endpoint, API_KEY, options) as client:
            output = await client.run(request, job=job, on_progress=tell)
            await client.save(early[-1], tmp_path)
            return output

    def at_once() -> Any:
        with module.Client(endpoint, API_KEY, options) as client:

            def save(progress: Any) -> None:
                tell(progress)
                if progress.files is not None:
                    client.save(progress.files, tmp_path)

            return client.run(request, job=job, on_progress=save)

    output = asyncio.run(on_asyncio()) if way == "async" else at_once()
    check(output, early, tmp_path, swift, bucket, hooks)


def test_typescript(
    typescript: TypeScript, swift: Swift, bucket: str, endpoint: str, hooks: RunPodQueue, tmp_path: Path
) -> None:
    file = tmp_path / "me.png"
    file.write_bytes(image("png"))
    storage = {"accessId": ACCESS_KEY, "accessSecret": SECRET_KEY, "bucketName": bucket, "endpointUrl": swift.url}
    done = typescript.call(
        PACKAGE,
        "watchAndSave",
        endpoint,
        key=API_KEY,
        request={**REQUEST, "image": {"$path": str(file)}},
        job={"webhook": f"{hooks.url}/hook", "bucket": storage},
        folder=str(tmp_path / "early"),
        options={"callSeconds": 110, "pollSeconds": [0.02, 0.05]},
    )
    early = [one["files"] for one in done["told"] if "files" in one]
    check(done["value"], early, tmp_path / "early", swift, bucket, hooks)
