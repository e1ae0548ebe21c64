"""The local endpoint: RunPod's operations in front of a real worker under the real SDK."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from PIL import Image

from comfy2runpod.local_endpoint import LocalEndpoint
from tests.patience import HANG_SECONDS

from .conftest import KEY, SMALL

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ended(http: httpx.AsyncClient, job_id: str, seen: Callable[[dict], None] = lambda _job: None) -> dict:
    async with asyncio.timeout(HANG_SECONDS):
        while True:
            job = (await http.get(f"/status/{job_id}")).json()
            seen(job)
            if job["status"] not in ("IN_QUEUE", "IN_PROGRESS"):
                return job
            await asyncio.sleep(0.05)


async def test_run_queues_a_job_that_status_gives_when_it_is_done(http: httpx.AsyncClient) -> None:
    queued = (await http.post("/run", json={"input": SMALL})).json()
    assert set(queued) == {"id", "status"}
    assert queued["status"] == "IN_QUEUE"
    job = await ended(http, queued["id"])
    assert job["status"] == "COMPLETED"
    image = Image.open(BytesIO(base64.b64decode(job["output"]["image"])))
    assert image.size == (64, 64)
    assert job["delayTime"] >= 0
    assert job["executionTime"] > 0


async def test_runsync_waits_for_the_result_and_fails_with_the_errors_json(http: httpx.AsyncClient) -> None:
    good = (await http.post("/runsync", json={"input": SMALL})).json()
    assert good["status"] == "COMPLETED"
    bad = (await http.post("/runsync", json={"input": {**SMALL, "width": 4}})).json()
    assert bad["status"] == "FAILED"
    error = json.loads(bad["error"])
    assert error["code"] == "invalid_input"
    assert error["details"][0]["field"] == "width"


async def test_runsync_answers_a_job_as_it_is_when_its_wait_is_over(http: httpx.AsyncClient) -> None:
    ahead = (await http.post("/run", json={"input": SMALL})).json()["id"]
    early = (await http.post("/runsync?wait=1", json={"input": SMALL})).json()
    assert early["status"] in ("IN_QUEUE", "IN_PROGRESS")
    assert (await ended(http, early["id"]))["status"] == "COMPLETED"
    assert (await ended(http, ahead))["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("operation", "body", "says"),
    [
        ("run", b"{", "not JSON"),
        ("run", b"\xff\xfe", "not JSON"),
        ("run", b"[" * 100_000, "not JSON"),
        ("run", b"[]", "must be an object"),
        ("runsync", b"{}", "`input` is required"),
        ("runsync", b'{"input": null}', "`input` is required"),
        ("run", b'{"input": {}, "webhook": 3}', "`webhook`"),
        ("run", b'{"input": {}, "webhook": "file:///etc/passwd"}', "`webhook`"),
        ("run", b'{"input": {}, "webhook": "http://127.0.0.1:99999/x"}', "a port up to 65535"),
        ("run", b'{"input": {}, "webhook": "http://127.0.0.1:65536"}', "a port up to 65535"),
        ("run", b'{"input": {}, "webhook": "http://127.0.0.1:-1/"}', "a port up to 65535"),
        ("run", b'{"input": {}, "webhook": "http://:80/"}', "with a host"),
        ("run", b'{"input": {}, "webhook": "http:///x"}', "with a host"),
        ("run", b'{"input": {}, "webhook": "http://[::1/"}', "with a host"),
        ("run", b'{"input": {}, "policy": []}', "`policy`"),
        ("run", b'{"input": {}, "policy": {"ttl": 0}}', "`policy.ttl`"),
        ("run", b'{"input": {}, "policy": {"executionTimeout": true}}', "`policy.executionTimeout`"),
        ("run", b'{"input": {}, "policy": {"lowPriority": 1}}', "`policy.lowPriority`"),
        ("run", b'{"input": {}, "s3Config": {"accessId": 1}}', "`s3Config.accessId`"),
        ("runsync?wait=0", b'{"input": {}}', "`wait`"),
        ("runsync?wait=1e3", b'{"input": {}}', "`wait`"),
    ],
)
async def test_a_request_that_is_not_one_is_answered_400(
    http: httpx.AsyncClient, operation: str, body: bytes, says: str
) -> None:
    answer = await http.post(f"/{operation}", content=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


@pytest.mark.parametrize(("operation", "most"), [("run", 10_000_000), ("runsync", 20_000_000)])
async def test_a_body_over_runpods_limit_is_refused_whether_or_not_it_says_its_length(
    http: httpx.AsyncClient, operation: str, most: int
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(most // 1_000_000 + 1):
            yield b" " * 1_000_000

    for content in (b" " * (most + 1), parts()):
        answer = await http.post(f"/{operation}", content=content)
        assert answer.status_code == 413


@pytest.mark.parametrize("call", ["GET status", "GET stream", "POST cancel", "POST retry"])
async def test_an_unknown_id_is_404(http: httpx.AsyncClient, call: str) -> None:
    method, operation = call.split()
    assert (await http.request(method, f"/{operation}/nobody")).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "local"}])
async def test_without_the_key_nothing_is_answered(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=http.base_url, headers=headers) as stranger:
        for answer in (await stranger.get("/health"), await stranger.post("/run", json={"input": SMALL})):
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_another_sites_name_for_this_address_is_refused(http: httpx.AsyncClient) -> None:
    assert (await http.get("/health", headers={"Host": "evil.example:8000"})).status_code == 421


async def test_health_counts_jobs_and_the_worker(http: httpx.AsyncClient) -> None:
    before = (await http.get("/health")).json()["jobs"]["completed"]
    await http.post("/runsync", json={"input": SMALL})
    health = (await http.get("/health")).json()
    assert health["jobs"]["completed"] == before + 1
    assert health["workers"]["ready"] == 1


async def test_progress_is_seen_while_a_job_runs_and_cancel_reaches_the_worker(package: Path, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    long = {**SMALL, "steps": 20}
    async with (
        LocalEndpoint(package, seconds_per_step=0.4, worker_log=log, environment={"PROGRESS_SECONDS": "0"}) as url,
        httpx.AsyncClient(base_url=url, headers=KEY, timeout=HANG_SECONDS) as http,
    ):
        job_id = (await http.post("/run", json={"input": long})).json()["id"]
        async with asyncio.timeout(HANG_SECONDS):
            while "step" not in ((await http.get(f"/status/{job_id}")).json().get("output") or {}):
                await asyncio.sleep(0.05)
        waiting = (await http.post("/run", json={"input": SMALL})).json()["id"]
        assert (await http.post(f"/cancel/{job_id}")).json() == {"id": job_id, "status": "CANCELLED"}
        # The worker is free because it was stopped, as its log says.
        assert (await ended(http, waiting))["status"] == "COMPLETED"
        assert (await http.get(f"/status/{job_id}")).json()["status"] == "CANCELLED"
        assert '"result": "cancelled"' in log.read_text()

        stuck = (await http.post("/run", json={"input": long})).json()["id"]
        dropped = (await http.post("/run", json={"input": SMALL})).json()["id"]
        while (await http.get(f"/status/{stuck}")).json()["status"] == "IN_QUEUE":
            await asyncio.sleep(0.05)
        assert (await http.post("/purge-queue")).json() == {"removed": 1, "status": "completed"}
        assert (await http.get(f"/status/{dropped}")).json()["status"] == "CANCELLED"
        await http.post(f"/cancel/{stuck}")

        timed = await http.post("/runsync", json={"input": long, "policy": {"executionTimeout": 5_000}})
        assert timed.json()["status"] == "TIMED_OUT"
        again = await http.post(f"/retry/{timed.json()['id']}")
        assert again.json()["status"] == "IN_QUEUE"
        assert (await http.post(f"/retry/{waiting}")).status_code == 409


async def test_a_webhook_on_loopback_is_notified_of_the_end(http: httpx.AsyncClient) -> None:
    told: asyncio.Queue[dict] = asyncio.Queue()

    async def hook(request: web.Request) -> web.Response:
        await told.put(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        queued = (await http.post("/run", json={"input": SMALL, "webhook": url})).json()
        job = await asyncio.wait_for(told.get(), HANG_SECONDS)
    finally:
        await runner.cleanup()
    assert job == (await http.get(f"/status/{queued['id']}")).json()


async def test_a_worker_that_dies_fails_its_job_and_another_one_takes_the_next(package: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in ("schema.py", "patch.py", "workflow_api.json"):
        (broken / file).write_text((package / file).read_text())
    (broken / "docs").mkdir()
    (broken / "docs" / "openapi.json").write_text((package / "docs" / "openapi.json").read_text())
    handler = (package / "handler.py").read_text()
    (broken / "handler.py").write_text(
        handler.replace("handler = endpoint.handle\n", "").replace(
            "endpoint.serve()",
            "import os\n    take = endpoint.handle\n"
            "    async def handle(job):\n"
            "        if job['input'].get('prompt') == 'die':\n            os._exit(7)\n"
            "        return await take(job)\n"
            "    endpoint.handle = handle\n    endpoint.serve()",
        )
    )
    async with (
        LocalEndpoint(broken, worker_log=tmp_path / "log") as url,
        httpx.AsyncClient(base_url=url, headers=KEY, timeout=HANG_SECONDS) as http,
    ):
        died = (await http.post("/runsync", json={"input": {**SMALL, "prompt": "die"}})).json()
        assert died["status"] == "FAILED"
        assert "ended with code 7" in died["error"]
        assert (await http.post("/runsync", json={"input": SMALL})).json()["status"] == "COMPLETED"


async def test_a_handler_that_cannot_start_fails_its_jobs_in_words(package: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    (broken / "docs").mkdir(parents=True)
    (broken / "docs" / "openapi.json").write_text((package / "docs" / "openapi.json").read_text())
    (broken / "handler.py").write_text("raise SystemExit(9)\n")
    async with (
        LocalEndpoint(broken, worker_log=tmp_path / "log") as url,
        httpx.AsyncClient(base_url=url, headers=KEY, timeout=HANG_SECONDS) as http,
    ):
        failed = (await http.post("/runsync", json={"input": {}})).json()
        assert failed["status"] == "FAILED"
        assert "failed to start" in failed["error"]
        assert (await http.get("/health")).json()["workers"]["unhealthy"] == 1


async def test_every_answer_fits_the_openapi_document(http: httpx.AsyncClient, document: dict) -> None:
    def check(answer: httpx.Response, path: str, method: str) -> None:
        declared = document["paths"][path][method]["responses"][str(answer.status_code)]
        while "$ref" in declared:
            declared = document["components"]["responses"][declared["$ref"].rpartition("/")[2]]
        schema = declared["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json())

    done = await http.post("/runsync", json={"input": SMALL})
    check(done, "/runsync", "post")
    check(await http.post("/runsync", json={"input": {}}), "/runsync", "post")
    check(await http.get(f"/status/{done.json()['id']}"), "/status/{id}", "get")
    check(await http.get(f"/stream/{done.json()['id']}"), "/stream/{id}", "get")
    check(await http.post(f"/retry/{done.json()['id']}"), "/retry/{id}", "post")
