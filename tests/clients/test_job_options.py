"""The options that the generated clients send beside a job's input, and their effect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from comfy2runpod.client.job_options import Bucket, JobOptions
from comfy2runpod.local_endpoint import API_KEY, LocalEndpoint, running_endpoint
from tests.standins.runpod_queue import Answer, RunPodQueue

from .conftest import GENERATED, PassesMypy, client_of
from .node_tools import TypeScript
from .samples import COMPLETED, DONE, QUEUED, REQUEST

# With what JSON writes otherwise than it is.
SECRET = 'wJalrX"tnFEMI/K7'
HOOK = "https://hooks.example.com/token-5f3a"
BUCKET = {"access_id": "id", "access_secret": SECRET, "bucket_name": "mine", "endpoint_url": "https://s3.example.com"}
EVERYTHING = {"webhook": HOOK, "execution_seconds": 90.5, "ttl_seconds": 3600, "low_priority": True, "bucket": BUCKET}

# The output, or the error's class and text.
Outcome = tuple[Any, str, str]
Call = Callable[..., Outcome]


def python_options(module: Any, job: dict[str, Any]) -> Any:
    more = {"bucket": module.Bucket(**job["bucket"])} if "bucket" in job else {}
    return module.JobOptions(**{**job, **more})


def typescript_options(job: dict[str, Any]) -> dict[str, Any]:
    def camel(name: str) -> str:
        first, *rest = name.split("_")
        return first + "".join(map(str.capitalize, rest))

    return {
        camel(name): {camel(key): one for key, one in value.items()} if name == "bucket" else value
        for name, value in job.items()
    }


@pytest.fixture(params=["sync", "async", "typescript"])
def call(request: pytest.FixtureRequest) -> Call:
    """Runs a job with one of the clients."""

    def by_python(package: str, url: str, wanted: dict[str, Any], job: dict[str, Any]) -> Outcome:
        module = client_of(package)
        settings = module.Options(poll_seconds=(0.01, 0.05), call_seconds=120)

        async def on_asyncio() -> Any:
            async with module.AsyncClient(url, API_KEY, settings) as client:
                return await client.run(wanted, job=python_options(module, job))

        def at_once() -> Any:
            with module.Client(url, API_KEY, settings) as client:
                return client.run(wanted, job=python_options(module, job))

        try:
            return (asyncio.run(on_asyncio()) if request.param == "async" else at_once()), "", ""
        except module.CallError as error:
            return None, type(error).__name__, str(error)

    def by_typescript(package: str, url: str, wanted: dict[str, Any], job: dict[str, Any]) -> Outcome:
        tools: TypeScript = request.getfixturevalue("typescript")
        plan: dict[str, Any] = {"key": API_KEY, "request": wanted, "job": typescript_options(job)}
        done = tools.call(package, "run", url, **plan, options={"callSeconds": 110})
        error = done.get("error", {"name": "", "message": ""})
        return done.get("value"), error["name"], error["message"]

    return by_typescript if request.param == "typescript" else by_python


@pytest.mark.parametrize(
    ("job", "beside"),
    [
        ({}, {}),
        ({"low_priority": False}, {}),
        ({"ttl_seconds": 10}, {"policy": {"ttl": 10_000}}),
        ({"webhook": HOOK}, {"webhook": HOOK}),
        (
            EVERYTHING,
            {
                "webhook": HOOK,
                "policy": {"executionTimeout": 90_500, "ttl": 3_600_000, "lowPriority": True},
                "s3Config": {
                    "accessId": "id",
                    "accessSecret": SECRET,
                    "bucketName": "mine",
                    "endpointUrl": "https://s3.example.com",
                },
            },
        ),
    ],
)
def test_a_request_holds_the_options_that_are_given_and_nothing_else(
    call: Call, server: RunPodQueue, job: dict[str, Any], beside: dict[str, Any]
) -> None:
    server.answers(run=[QUEUED], status=[COMPLETED])
    assert call("t2v_ltx2", server.url, REQUEST, job)[0] == DONE
    sent = json.loads(server.seen[0].body)
    assert sent == {"input": REQUEST, **beside}
    # RunPod takes whole milliseconds.
    assert all(type(value) is not float for value in sent.get("policy", {}).values())


@pytest.mark.parametrize(
    ("job", "name"),
    [
        ({"webhook": "hooks.example.com/token-5f3a"}, "webhook"),
        ({"webhook": "https://hooks.example.com/token-5f3a \n"}, "webhook"),
        ({"execution_seconds": 0}, "execution"),
        ({"execution_seconds": 4.999}, "execution"),
        ({"ttl_seconds": 9.999}, "ttl"),
        ({"ttl_seconds": 8 * 24 * 3600}, "ttl"),
        ({"bucket": {**BUCKET, "endpoint_url": f"s3://id:{SECRET}@mine"}}, "bucket.endpoint"),
    ],
)
def test_what_no_endpoint_takes_is_refused_before_it_is_sent(
    call: Call, server: RunPodQueue, job: dict[str, Any], name: str
) -> None:
    _, error, message = call("t2v_ltx2", server.url, REQUEST, job)
    assert (error, message.startswith(name)) == ("InputRefused", True)
    assert server.seen == []
    assert not [word for word in (SECRET, "5f3a") if word in message]


@pytest.mark.parametrize("status", [200, 400, 418])
def test_an_answer_that_repeats_the_secrets_does_not_bring_them_into_an_error(
    call: Call, server: RunPodQueue, status: int
) -> None:
    echo = f"<html>{json.dumps({'a': SECRET, 'b': HOOK})} {SECRET}".encode()
    server.answers(run=[Answer(status, echo)])
    _, error, message = call("t2v_ltx2", server.url, REQUEST, EVERYTHING)
    assert error == ("InputRefused" if status == 400 else "UnexpectedAnswer")
    assert "html" in message
    assert not [word for word in ("wJal", "K7", "5f3a") if word in message]


def test_the_secrets_are_not_printed() -> None:
    job = JobOptions(webhook=HOOK, bucket=Bucket(**BUCKET))
    assert "mine" in repr(job)
    assert not [word for word in (SECRET, HOOK, "wJal") if word in repr(job)]


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An endpoint whose jobs take minutes."""
    log = tmp_path_factory.mktemp("worker") / "log"
    endpoint = LocalEndpoint(GENERATED / "t2i_klein_4b", worker_log=log, seconds_per_step=60)
    with running_endpoint(endpoint) as url:
        yield url


def test_a_job_ends_when_its_time_is_up_and_its_webhook_hears_of_it(call: Call, slow: str, server: RunPodQueue) -> None:
    server.answers(hook=[Answer()])
    job = {"webhook": f"{server.url}/hook/1", "execution_seconds": 5, "ttl_seconds": 100}
    _, error, _ = call("t2i_klein_4b", slow, {"prompt": "a cat"}, job)
    assert error == "JobTimeout"
    told = server.wait_for("hook")
    assert (told.method, told.path) == ("POST", "/hook/1")
    assert json.loads(told.body)["status"] == "TIMED_OUT"


RIGHT = """
def tell(progress: Progress) -> None:
    if progress.files is not None:
        if "aerial" in progress.files:
            width: int = progress.files["aerial"]["width"]
            print(width)
        client.save(progress.files, "early")

job = JobOptions(webhook="https://x", execution_seconds=9, bucket=Bucket("i", "s", "b", "https://x"))
client.save(client.run({"image": b""}, job=job, on_progress=tell), "results")
client.result(client.submit({"image": b""}, job=job), on_progress=tell)
"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("execution_seconds=9", 'execution_seconds="9"'),
        ("execution_seconds=9", "seconds=9"),
        ('"i", "s", "b", "https://x"', '"i", "s", "b"'),
        ("if progress.files is not None", "if True"),
        ('"aerial" in progress.files', '"arial" in progress.files and progress.files["arial"]'),
        ("width: int", "width: str"),
        ("job=job, on_progress", "job={}, on_progress"),
    ],
)
def test_right_use_passes_the_type_checker_and_wrong_use_does_not(
    right: str, wrong: str, passes_mypy: PassesMypy
) -> None:
    assert right in RIGHT
    imports = 'from i2i_multiangle_client import Bucket, Client, JobOptions, Progress\nclient = Client("x", "k")\n'
    client = GENERATED / "i2i_multiangle" / "clients" / "python"
    for code, expected in ((RIGHT, True), (RIGHT.replace(right, wrong), False)):
        passes, said = passes_mypy(imports + code, client)
        assert passes is expected, said
