"""The page as `comfy2runpod serve` serves it, with the package's own worker behind it on the simulator."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.patience import HANG_SECONDS

from .conftest import Open, server_of
from .images import image

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.editor]

PNG = {"name": "cat.png", "mimeType": "image/png", "buffer": image("PNG", (64, 48))}
LONG_MS = HANG_SECONDS * 1000


async def small_image(page: Page) -> None:
    for field in ("width", "height"):
        await page.fill(f"#input-{field}", "64")


async def ended(page: Page) -> None:
    await expect(page.locator("#run")).to_have_attribute("aria-busy", "false", timeout=LONG_MS)


async def test_it_sends_shows_progress_and_the_image(open_page: Open, served: str) -> None:
    opened = await open_page(f"{served}/t2i_klein_4b/")
    page = opened.page
    assert opened.requests == [f"{served}/t2i_klein_4b/"]
    await expect(page.locator("#target-here")).to_be_checked()
    await small_image(page)
    await page.fill("#input-steps", "20")
    await page.fill("#input-seed", "7")
    await page.click("#send")
    await expect(page.locator("#status")).to_contain_text("Running:", timeout=LONG_MS)
    await expect(page.locator("#step")).to_contain_text(re.compile(r"\d+ %, step \d+ of 20"))
    assert float(await page.locator("#bar").get_attribute("value") or 0) > 0
    await expect(page.locator("#status")).to_have_text(re.compile(r"Done in [\d.]+ s\."), timeout=LONG_MS)
    shown = page.get_by_role("img", name="Result: image")
    await expect(shown).to_have_js_property("naturalWidth", 64)
    await expect(page.locator("#result")).to_contain_text("64 x 64")
    await expect(page.locator("#result")).to_contain_text("seed7")
    async with page.expect_download() as downloading:
        await page.click("text=Download image.png")
    assert Path(await (await downloading.value).path()).read_bytes().startswith(b"\x89PNG")
    # Done again with what was used: the seed is taken over, and what was shown before is gone.
    await page.fill("#input-seed", "")
    await page.click("text=Use it again")
    assert json.loads(await page.inner_text("#request-text"))["input"]["seed"] == 7
    await page.fill("#input-steps", "1")
    await page.click("#send")
    await expect(page.locator("#result img")).to_have_count(0)
    await expect(page.locator("#result img")).to_have_count(1, timeout=LONG_MS)
    assert {address.split("/")[3] for address in opened.requests if address.startswith("http")} == {
        "t2i_klein_4b",
        "v2",
    }


async def test_it_plays_a_video(open_page: Open, served: str) -> None:
    page = (await open_page(f"{served}/t2v_ltx2/")).page
    await small_image(page)
    await page.fill("#input-frame_count", "9")
    await page.fill("#input-seed", "18446744073709551615")
    await page.click("#send")
    await ended(page)
    video = page.locator("#result video")
    await expect(video).to_have_js_property("videoWidth", 64)
    await video.evaluate("(video) => { video.muted = true; return video.play(); }")
    assert await video.evaluate("(video) => video.duration") > 0.2
    # Sent, used and told exactly.
    await expect(page.locator("#result")).to_contain_text("seed18446744073709551615")


async def test_a_job_is_cancelled(open_page: Open, served: str) -> None:
    page = (await open_page(f"{served}/t2i_klein_4b/")).page
    await small_image(page)
    await page.fill("#input-steps", "20")
    await page.click("#send")
    await expect(page.locator("#step")).to_contain_text("step", timeout=LONG_MS)
    await page.click("text=Cancel the job")
    await expect(page.locator("#status")).to_have_text("Cancelled.", timeout=LONG_MS)
    await expect(page.locator("#cancel")).to_be_hidden()
    await page.fill("#input-steps", "1")
    await page.click("#send")
    await expect(page.locator("#status")).to_contain_text("Done", timeout=LONG_MS)


async def test_what_the_worker_refuses_is_reported_at_its_field(open_page: Open, served: str) -> None:
    page = (await open_page(f"{served}/i2i_klein_9b/")).page
    await page.fill("#input-prompt", "make it blue")
    # Only the worker looks where a URL leads.
    await page.fill("#url-image", "https://127.0.0.1/cat.png")
    await page.click("#send")
    await expect(page.locator("#status")).to_contain_text("invalid_input", timeout=LONG_MS)
    fault = page.locator("#fault-image")
    await expect(fault).to_be_visible()
    await expect(page.locator("#url-image")).to_be_focused()
    assert await page.locator("#url-image").get_attribute("aria-invalid") == "true"
    await expect(page.locator("#result .error")).to_contain_text("Correct the fields that the details name.")


async def test_of_several_outputs_those_come_that_are_wanted(open_page: Open, served: str) -> None:
    page = (await open_page(f"{served}/i2i_multiangle/")).page
    await page.set_input_files("#input-image", PNG)
    await page.locator(".preview img").wait_for()
    for name in ("wide_angle", "low_angle", "right_45", "right_90", "left_45", "left_90"):
        await page.uncheck(f"input[value={name}]")
    await page.select_option("#input-output-format", "webp")
    await page.click("#send")
    states = page.locator("#states li")
    await expect(states.first).to_contain_text(re.compile("close_up (running|done)"), timeout=LONG_MS)
    await expect(states).to_have_count(2)
    await ended(page)
    images = page.locator("#result img")
    await expect(images).to_have_count(2)
    for at in range(2):
        assert await images.nth(at).evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    for name in ("close_up.webp", "aerial.webp"):
        await expect(page.get_by_role("link", name=f"Download {name}")).to_be_visible()


async def test_another_key_is_asked_for_at_its_field(
    open_page: Open, packages: dict[str, Path], tmp_path: Path
) -> None:
    async with server_of([packages["t2i_klein_4b"]], tmp_path / "log", api_key="another") as url:
        opened = await open_page(f"{url}/t2i_klein_4b/")
        page = opened.page
        await small_image(page)
        await page.click("#send")
        await expect(page.locator("#fault-local-key")).to_have_text("This is not one that the endpoint takes.")
        await expect(page.locator("#local-key")).to_be_focused()
        # What the browser itself says of a 401.
        assert [text for text in opened.complaints if "401" not in text] == []
        opened.complaints.clear()
        await page.fill("#local-key", "another")
        assert "another" not in await page.inner_text("#call-text")
        await page.click("#send")
        await expect(page.locator("#status")).to_contain_text("Done", timeout=LONG_MS)


async def test_an_endpoint_that_is_gone_is_reported(open_page: Open, packages: dict[str, Path], tmp_path: Path) -> None:
    async with server_of([packages["t2i_klein_4b"]], tmp_path / "log") as url:
        opened = await open_page(f"{url}/t2i_klein_4b/")
    await opened.page.click("#send")
    await expect(opened.page.locator("#result .error")).to_contain_text("was not reached")
    await expect(opened.page.locator("#send")).to_have_attribute("aria-disabled", "false")
    assert all("ERR_CONNECTION_REFUSED" in text for text in opened.complaints)
    opened.complaints.clear()


async def test_the_calls_that_it_shows_are_accepted(
    open_page: Open, served: str, packages: dict[str, Path], tmp_path: Path
) -> None:
    page = (await open_page(f"{served}/t2i_klein_4b/")).page
    await small_image(page)
    await page.fill("#input-steps", "1")
    await page.fill("#input-prompt", 'it\'s a "cat" $(touch hit) `touch hit`\nJSON\n\\ \u2028 é')
    shell = await page.inner_text("#call-text")
    await page.check("input[value=python]")
    python = await page.inner_text("#call-text")
    first = shell.split("\n\n#")[0]
    code, out = await run("bash", "-c", first, folder=tmp_path)
    assert (code, json.loads(out)["status"]) == (0, "IN_QUEUE")
    client = packages["t2i_klein_4b"] / "clients" / "python"
    code, out = await run(sys.executable, "-c", python, folder=tmp_path, PYTHONPATH=str(client))
    assert code == 0, out
    assert (tmp_path / "results" / "image.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "hit").exists()


async def run(*command: str, folder: Path, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode() or err.decode()
