"""The page towards RunPod: a stand-in answers in the place of api.runpod.ai, inside the browser."""

from __future__ import annotations

import base64
import json

import pytest
from playwright.async_api import Page, Route, expect

from tests.standins.runpod_queue import Answer, RunPodQueue, Seen

from .conftest import Open
from .images import image

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.editor]

FACTS = {"media_type": "image/png", "bytes": 100, "sha256": "0" * 64, "width": 40, "height": 30}


async def in_browser(page: Page, *answers: tuple[int, object]) -> RunPodQueue:
    """RunPod's API in this page: the first answer, HTTP's status and JSON, is to the job, the others to its status."""
    queue = RunPodQueue()
    first, *others = (Answer(status, body) for status, body in answers)
    queue.answers(run=[first], runsync=[first], status=others or [first])

    async def fulfill(route: Route) -> None:
        request = route.request
        allowed = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
        if request.method == "OPTIONS":
            await route.fulfill(status=204, headers=allowed)
            return
        seen = Seen(request.method, request.url, request.headers, (request.post_data or "").encode())
        answer = await queue.answer(seen)
        await route.fulfill(status=answer.status, body=json.dumps(answer.body), headers=allowed)

    await page.route("https://api.runpod.ai/**", fulfill)
    return queue


async def send(open_page: Open, address: str, *answers: tuple[int, object]) -> tuple[Page, RunPodQueue]:
    page = (await open_page(address)).page
    queue = await in_browser(page, *answers)
    await page.fill("#endpoint-id", "abc-123")
    await page.fill("#api-key", "rpa_SECRET")
    await page.click("#send")
    return page, queue


async def test_from_disk_it_sends_to_an_endpoint_that_is_named(open_page: Open, on_disk: dict[str, str]) -> None:
    done = {"id": "j", "status": "COMPLETED", "output": {"url": "https://bucket.example/image.png", **FACTS,
            "expires_at": "2030-01-01T00:00:00Z", "seed": 2**64 - 1, "prompt_id": "p"}}  # fmt: skip
    page = (await open_page(on_disk["t2i_klein_4b"])).page

    async def bucket(route: Route) -> None:
        await route.fulfill(body=image(), content_type="image/png")

    await page.route("https://bucket.example/**", bucket)
    runpod = await in_browser(page, (200, {"id": "j", "status": "IN_QUEUE"}), (200, done))
    await page.click("#send")
    await expect(page.locator("#fault-endpoint-id")).to_have_text("This is required.")
    await expect(page.locator("#endpoint-id")).to_be_focused()
    await page.fill("#endpoint-id", "abc-123")
    await page.click("#send")
    await expect(page.locator("#fault-api-key")).to_have_text("This is required.")
    await page.fill("#api-key", "rpa_SECRET")
    await page.click("#send")
    await expect(page.locator("#result img")).to_have_js_property("naturalWidth", 40)
    await expect(page.locator("#result")).to_contain_text("Kept until2030-01-01T00:00:00Z")
    await expect(page.locator("#result")).to_contain_text(str(2**64 - 1))
    link = page.get_by_role("link", name="Download image.png")
    assert await link.get_attribute("href") == "https://bucket.example/image.png"
    assert [(one.method, one.path) for one in runpod.seen] == [
        ("POST", "https://api.runpod.ai/v2/abc-123/run"),
        ("GET", "https://api.runpod.ai/v2/abc-123/status/j"),
    ]
    assert {one.headers["authorization"] for one in runpod.seen} == {"Bearer rpa_SECRET"}
    # The key stays where it was typed.
    assert "rpa_SECRET" not in await page.inner_text("body")
    for store in ("localStorage", "sessionStorage"):
        assert await page.evaluate(f"() => {store}.length") == 0


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (
            {"status": "FAILED", "error": json.dumps({"code": "out_of_memory", "message": "Too <b>small</b>."})},
            ("out_of_memory", "Too <b>small</b>.", "Ask for a smaller size or less at once."),
        ),
        ({"status": "FAILED", "error": "worker exited with exit code 1"}, ("worker exited with exit code 1",)),
        (
            {"status": "FAILED", "error": json.dumps({"code": "invalid_input", "message": "No.",
             "details": [{"field": "steps", "message": "must be odd"}, {"field": "nothing", "message": "is odd"}]})},
            ("nothing: is odd", "Correct the fields"),
        ),
        ({"status": "TIMED_OUT"}, ("timeout", "raise the endpoint's time limit")),
    ],
)  # fmt: skip
async def test_how_a_job_ended_is_shown_with_what_to_do(
    open_page: Open, on_disk: dict[str, str], job: dict[str, str], said: tuple[str, ...]
) -> None:
    page, _ = await send(open_page, on_disk["t2i_klein_4b"], (200, {"id": "j", **job}))
    error = page.locator("#result .error")
    for text in said:
        await expect(error).to_contain_text(text)
    if "details" in job.get("error", ""):
        await expect(page.locator("#fault-steps")).to_have_text("This must be odd.")
        await expect(page.locator("#input-steps")).to_be_focused()


async def test_outputs_that_failed_stand_beside_those_that_came(open_page: Open, on_disk: dict[str, str]) -> None:
    failed = [{"output": "aerial", "code": "output_invalid", "message": "It is cut off."}]
    output = {"close_up": {"url": "http://plain.example/a.png", **FACTS}, "failed": failed, "seed": 1, "prompt_id": "p"}
    page = (await open_page(on_disk["i2i_multiangle"])).page
    await page.fill("#url-image", "https://example.com/cat.png")
    await in_browser(page, (200, {"id": "j", "status": "COMPLETED", "output": output}))
    await page.fill("#endpoint-id", "abc")
    await page.fill("#api-key", "k")
    await page.click("#send")
    await expect(page.locator("#result .error")).to_contain_text("aerial was not made")
    await expect(page.locator("#result .error")).to_contain_text("It is cut off.")
    # An address that is not https is none that an endpoint gives.
    await expect(page.locator("#result .file")).to_contain_text("The file cannot be read.")


async def test_what_has_come_is_shown_while_the_rest_runs(open_page: Open, on_disk: dict[str, str]) -> None:
    page = (await open_page(on_disk["i2i_multiangle"])).page
    # What the example asks for is what the form begins with: eight PNGs are more than an answer carries.
    await expect(page.locator("#input-output-format")).to_have_value("webp")
    await page.fill("#url-image", "https://example.com/cat.png")

    async def bucket(route: Route) -> None:
        await route.fulfill(body=image(), content_type="image/png")

    await page.route("https://bucket.example/**", bucket)
    file = {"url": "https://bucket.example/a.png", "expires_at": "2030-01-01T00:00:00Z", **FACTS}
    states = {"close_up": "done", "aerial": "running"}
    going = {"id": "j", "status": "IN_PROGRESS", "output": {"outputs": states, "files": {"close_up": file}}}
    await in_browser(page, (200, going))
    await page.fill("#endpoint-id", "abc")
    await page.fill("#api-key", "k")
    await page.click("#send")
    await expect(page.locator("#states li")).to_have_text(["close_up done", "aerial running"])
    shown = page.locator("#result img")
    await expect(shown).to_have_js_property("naturalWidth", 40)
    # Asked for again, the status changes nothing that is shown: a video would begin anew.
    await shown.evaluate("(one) => { one.dataset.seen = 'yes'; }")
    async with page.expect_response("**/status/j"):
        pass
    await expect(shown).to_have_attribute("data-seen", "yes")


async def test_lists_and_texts_are_shown(open_page: Open, on_disk: dict[str, str]) -> None:
    data = base64.b64encode(image()).decode()
    output = {
        "view": [{"data": data, **FACTS}, {"data": "?", **FACTS}],
        "said": {"text": "<b>two</b> of them"},
        "seed": 0,
        "prompt_id": "p",
    }
    page = (await open_page(on_disk["every_kind"])).page
    await page.fill("#url-image", "https://example.com/cat.png")
    await in_browser(page, (200, {"id": "j", "status": "COMPLETED", "output": output}))
    await page.fill("#endpoint-id", "abc")
    await page.fill("#api-key", "k")
    await page.click("#send")
    files = page.locator("#result .file")
    await expect(files).to_have_count(3)
    await expect(files.nth(0).locator("img")).to_have_js_property("naturalWidth", 40)
    await expect(files.nth(0)).to_contain_text("Download view_1.png")
    await expect(files.nth(1)).to_contain_text("The file cannot be read.")
    await expect(files.nth(2).locator("pre")).to_have_text("<b>two</b> of them")
    await expect(page.locator("#result")).to_contain_text("seed0")


async def test_a_large_request_goes_by_runsync(open_page: Open, on_disk: dict[str, str]) -> None:
    page = (await open_page(on_disk["i2i_multiangle"])).page
    large = {"name": "large.png", "mimeType": "image/png", "buffer": image() + bytes(9_000_000)}
    await page.set_input_files("#input-image", large)
    await page.locator(".preview img").wait_for()
    runpod = await in_browser(
        page, (200, {"id": "j", "status": "IN_PROGRESS"}), (200, {"id": "j", "status": "CANCELLED"})
    )
    await page.fill("#endpoint-id", "abc")
    await page.fill("#api-key", "k")
    await page.click("#send")
    await expect(page.locator("#status")).to_have_text("Cancelled.")
    assert runpod.seen[0].path == "https://api.runpod.ai/v2/abc/runsync?wait=1000"


async def test_a_status_that_does_not_come_is_asked_for_again_and_a_browser_that_may_not_call_is_reported(
    open_page: Open, on_disk: dict[str, str]
) -> None:
    opened = await open_page(on_disk["t2i_klein_4b"])
    page = opened.page
    await in_browser(
        page, (200, {"id": "j", "status": "IN_QUEUE"}), (502, {}), (200, {"id": "j", "status": "CANCELLED"})
    )
    await page.fill("#endpoint-id", "abc")
    await page.fill("#api-key", "k")
    await page.click("#send")
    await expect(page.locator("#status")).to_have_text("Cancelled.")
    # What the browser itself says of it.
    assert all("502" in text for text in opened.complaints)
    await page.unroute("https://api.runpod.ai/**")

    async def refuse(route: Route) -> None:
        # To a page, a refused origin and a dead network look the same.
        await route.abort()

    await page.route("https://api.runpod.ai/**", refuse)
    await page.click("#send")
    await expect(page.locator("#result .error")).to_contain_text("RunPod may also refuse calls from a web page")
    opened.complaints.clear()
