"""The page with answers that none of our workers gives: it always shows the result of a job, and only as text."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from comfy2runpod.cli.packages import read_docs
from comfy2runpod.docs_site import site_files
from comfy2runpod.local_endpoint import pages_of

from .conftest import Open

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.editor]

# What JSON may hold where something else is expected; objects that cannot even be made a text.
STRANGE: tuple[object, ...] = (
    None, True, 5, -1, 1.5, 2**70, 10**300, "", "text", "\x1b[31m\u202e\x00", "<img src=x onerror=alert(1)>",
    "x" * 300_000,
    [], [None], [[None]], [5, "x"], {}, {"toString": 1, "valueOf": 2}, {"__proto__": {"a": 1}}, [None] * 10_000,
    {"code": None, "message": {"toString": 1}}, {"a": {"toString": None, "valueOf": None}},
)  # fmt: skip
FLAT_KEYS = (
    "image",
    "url",
    "media_type",
    "width",
    "height",
    "bytes",
    "sha256",
    "expires_at",
    "seed",
    "prompt_id",
    "timings",
)
URLS = (
    "javascript:alert(1)",
    "data:text/html,<b>",
    "https://u:p@x/",
    "http://x/",
    "https://",
    "https://é/",
    "blob:x",
    "//x",
)


def jobs(flat: bool) -> Iterator[dict[str, object]]:
    """Answers to /run that say that a job has ended."""
    for strange in STRANGE:
        yield {"status": "COMPLETED", "output": strange}
        yield {"status": "COMPLETED", "executionTime": strange, "output": {"prompt_id": "p"}}
        yield {"status": "FAILED", "error": strange}
        yield {"status": "FAILED", "error": json.dumps(strange)}
        for key in ("message", "details"):
            yield {"status": "FAILED", "error": json.dumps({"code": "invalid_input", "message": "m", key: strange})}
        for key in ("field", "output", "message"):
            error = {"code": "invalid_input", "message": "m", "details": [None, 5, {key: strange}]}
            yield {"status": "FAILED", "error": json.dumps(error)}
        for key in FLAT_KEYS if flat else ("close_up", "failed", "timings", "seed"):
            yield {"status": "COMPLETED", "output": {"prompt_id": "p", key: strange}}
        if not flat:
            for key in ("data", "url", "media_type", "width", "bytes", "text"):
                yield {
                    "status": "COMPLETED",
                    "output": {"close_up": {"data": "YQ==", key: strange}, "aerial": [strange]},
                }
            for key in ("output", "code", "message"):
                yield {"status": "COMPLETED", "output": {"failed": [None, {key: strange}]}}
    for url in URLS:
        yield {"status": "COMPLETED", "output": {"url": url, "media_type": "image/png", "close_up": {"url": url}}}


# Bodies that are no answers of RunPod's.
BODIES = (
    "", "<html>", "null", "5", "[]", "[" * 100_000, '{"a":' * 100_000,
    '{"id": "j", "status": "COMPLETED", "a": ' + "9" * 100_000 + "}",
    '{"id": "j", "status": "IN_QUEUE", "a": ' + "[" * 5000 + "]" * 5000 + "}", '{"status": ["COMPLETED"]}',
    '{"status": "IN_QUEUE"}', '{"id": 5, "status": "IN_QUEUE"}', '{"id": "..", "status": "IN_QUEUE"}',
    '{"id": "../../v2/x/run", "status": "IN_QUEUE"}', '{"id": {"toString": 1}, "status": "IN_QUEUE"}',
)  # fmt: skip
# The page's own patience, made short: a test is not as patient as a person.
HURRY = """() => {
  const { setTimeout } = window;
  window.setTimeout = (call, milliseconds) => setTimeout(call, milliseconds > 5000 ? milliseconds / 30 : 0);
}"""
# Sends once for each list of bodies, which `fetch` returns in order: the messages, and the resulting elements.
# Within the page, because a thousand answers by way of a browser's network take minutes.
SEND_ALL = """async (all) => {
  const at = (id) => document.getElementById(id);
  const told = [];
  for (const bodies of all) {
    const left = [...bodies];
    window.fetch = async () => new Response(left.shift());
    const over = new Promise((resolve) => {
      const watch = new MutationObserver(() => {
        if (at("run").getAttribute("aria-busy") !== "false") return;
        watch.disconnect();
        resolve();
      });
      watch.observe(at("run"), { attributes: true });
    });
    at("form").requestSubmit();
    await over;
    told.push({
      said: at("status").textContent,
      why: document.querySelector("#result .error p")?.textContent ?? "",
      strange: document.querySelectorAll("#result img[onerror], #result b, #result iframe, #result script").length,
      links: [...document.querySelectorAll("#result :is(a, img, video, audio)")].map((one) => one.href ?? one.src),
    });
  }
  return told;
}"""


async def sent(open_page: Open, address: str, bodies: list[list[str]]) -> list[dict[str, Any]]:
    """What comes of each of some answers, or rows of answers."""
    page: Page = (await open_page(address)).page
    if await page.locator("#url-image").count():
        await page.fill("#url-image", "https://example.com/cat.png")
    await page.fill("#endpoint-id", "abc")
    await page.fill("#api-key", "k")
    await page.evaluate(HURRY)
    told: list[dict[str, Any]] = await page.evaluate(SEND_ALL, bodies)
    assert all(not one["strange"] for one in told), "an answer became an element of its own making"
    return told


@pytest.mark.parametrize("package", ["t2i_klein_4b", "i2i_multiangle"])
async def test_every_end_of_a_job_is_shown(open_page: Open, on_disk: dict[str, str], package: str) -> None:
    every = list(jobs(flat=package == "t2i_klein_4b"))
    told = await sent(open_page, on_disk[package], [[json.dumps({"id": "j", **job})] for job in every])
    for job, one in zip(every, told, strict=True):
        ends = "Done" if job["status"] == "COMPLETED" else "Failed"
        assert one["said"].startswith(ends), (one, str(job)[:300])
        # Images have addresses of the page's own, or none of these.
        assert all(link.startswith("blob:") for link in one["links"]), one


async def test_progress_of_every_kind_is_survived(open_page: Open, on_disk: dict[str, str]) -> None:
    keys = ("percent", "node", "step", "of", "outputs", "files", "preview")
    outputs: list[object] = [*STRANGE, *({"step": 1, "of": 2, key: strange} for strange in STRANGE for key in keys)]
    outputs += [{"files": {"close_up": strange}} for strange in STRANGE]
    # The job at work, and when it is asked for, stopped: under whatever id.
    end = json.dumps({"id": {"other": 1}, "status": "CANCELLED"})
    rows = [[json.dumps({"id": "j", "status": "IN_PROGRESS", "output": output}), end] for output in outputs]
    told = await sent(open_page, on_disk["i2i_multiangle"], rows)
    for output, one in zip(outputs, told, strict=True):
        assert one["said"] == "Cancelled.", (one, str(output)[:300])


async def test_what_is_not_an_answer_is_reported(open_page: Open, on_disk: dict[str, str]) -> None:
    told = await sent(open_page, on_disk["t2i_klein_4b"], [[body] for body in BODIES])
    for body, one in zip(BODIES, told, strict=True):
        assert one["said"] == "Not done.", body[:80]
        assert one["why"], body[:80]


@asynccontextmanager
async def endpoint(folder: Path, head: bytes, drop: bytes, seconds: float) -> AsyncIterator[str]:
    """A package's page on a server whose /run begins so, and never ends."""

    async def run(_request: web.Request) -> web.StreamResponse:
        if not head:
            await asyncio.sleep(3600)
        return web.Response()

    async def drip(request: web.Request) -> web.StreamResponse:
        if not head:
            return await run(request)
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        await answer.write(head)
        while True:
            await answer.write(drop)
            await asyncio.sleep(seconds)

    app = web.Application()
    for path, (media_type, content) in pages_of(site_files(read_docs([folder])), [folder.name]).items():
        app.router.add_get(f"/{path}", _page(media_type, content))
    app.router.add_post(f"/v2/{folder.name}/run", drip)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/{folder.name}/"
    finally:
        await runner.cleanup()


def _page(media_type: str, content: bytes) -> Callable[[web.Request], object]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=media_type)

    return answer


@pytest.mark.parametrize(
    ("head", "drop", "seconds", "said"),
    [
        (b'{"id": "j"', b" ", 0.05, "did not answer in time"),
        (b"", b"", 0.0, "did not answer in time"),
        (b'{"id": "', b"a" * 4_000_000, 0.0, "more than 32,000,000 bytes"),
    ],
    ids=["drips", "nothing", "without an end"],
)
async def test_an_answer_that_never_ends_is_not_waited_for(
    open_page: Open, packages: dict[str, Path], head: bytes, drop: bytes, seconds: float, said: str
) -> None:
    async with endpoint(packages["t2i_klein_4b"], head, drop, seconds) as address:
        page: Page = (await open_page(address)).page
        await page.evaluate(HURRY)
        await page.click("#send")
        await expect(page.locator("#status")).to_have_text("Not done.", timeout=120_000)
        await expect(page.locator("#result .error")).to_contain_text(said)
