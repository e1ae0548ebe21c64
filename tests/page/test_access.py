"""Accessibility: by keyboard alone, with a screen reader, light and dark, narrow and wide."""

from __future__ import annotations

import json
from itertools import pairwise, product
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.patience import HANG_SECONDS

from .conftest import Open
from .images import image

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.editor]

PNG = {"name": "cat.png", "mimeType": "image/png", "buffer": image("PNG", (64, 48))}
LONG_MS = HANG_SECONDS * 1000
WITHOUT_PASSES = {"resultTypes": ["violations"]}


async def violations(page: Page) -> list[str]:
    """What axe holds against a page as it is now, light and dark, narrow and wide."""
    found = []
    for scheme, width in product(("light", "dark"), (360, 1280)):
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size({"width": width, "height": 900})
        if not await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"):
            found.append(f"{scheme} {width}: the page is wider than the screen")
        said = (await Axe().run(page, options=WITHOUT_PASSES)).response["violations"]
        found += [
            f"{scheme} {width} {one['id']}: {node['target']} {node['failureSummary']}"
            for one in said
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]
    return found


@pytest.mark.parametrize("name", ["every_kind", "hostile", "t2v_ltx2"])
async def test_axe_finds_nothing_serious_from_disk(open_page: Open, on_disk: dict[str, str], name: str) -> None:
    page = (await open_page(on_disk[name], offline=True)).page
    if name == "every_kind":
        await page.fill("#input-size", "65")
        await page.click("#send")
        await expect(page.locator(".fault:visible")).to_have_count(3)
    assert await violations(page) == []


async def test_axe_finds_nothing_serious_before_during_and_after_a_run(open_page: Open, served: str) -> None:
    page = (await open_page(f"{served}/i2i_multiangle/")).page
    await page.set_input_files("#input-image", PNG)
    await page.locator(".preview img").wait_for()
    await page.fill("#input-steps", "20")
    await page.click("#send")
    await expect(page.locator("#states li")).to_have_count(8, timeout=LONG_MS)
    assert await violations(page) == []
    await page.click("#cancel")
    await expect(page.locator("#status")).to_have_text("Cancelled.", timeout=LONG_MS)
    for name in ("aerial", "low_angle", "right_45", "right_90", "left_45", "left_90"):
        await page.uncheck(f"input[value={name}]")
    await page.fill("#input-steps", "1")
    await page.click("#send")
    await expect(page.locator("#result img")).to_have_count(2, timeout=LONG_MS)
    assert await violations(page) == []
    await page.fill("#url-image", "https://127.0.0.1/cat.png")
    await page.click("#send")
    await expect(page.locator("#result .error")).to_be_visible(timeout=LONG_MS)
    assert await violations(page) == []


async def test_the_keyboard_alone_gets_an_image(open_page: Open, served: str) -> None:
    page = (await open_page(f"{served}/t2i_klein_4b/")).page
    press = page.keyboard.press

    async def tab_to(element: str) -> None:
        for _ in range(60):
            await press("Tab")
            if await page.locator(element).evaluate("(one) => one === document.activeElement"):
                style = "(one) => getComputedStyle(one).outlineStyle"
                assert await page.locator(element).evaluate(style) == "solid", f"{element} does not show its focus"
                return
        raise AssertionError(f"{element} cannot be reached")

    await tab_to(".skip")
    await press("Enter")
    await tab_to("#input-prompt")
    await press("Control+A")
    await page.keyboard.insert_text("a cat")
    for field in ("width", "height"):
        await tab_to(f"#input-{field}")
        await press("Control+A")
        await page.keyboard.type("63")
    await tab_to("#send")
    await press("Enter")
    await expect(page.locator("#input-width")).to_be_focused()
    await press("ArrowUp")
    await tab_to("#input-height")
    await press("ArrowUp")
    await tab_to("#input-output-format")
    await page.keyboard.type("j")
    await tab_to("#send")
    await press("Space")
    await expect(page.locator("#result img")).to_have_js_property("naturalWidth", 64, timeout=LONG_MS)
    await tab_to("#result a")
    async with page.expect_download() as downloading:
        await press("Enter")
    assert Path(await (await downloading.value).path()).read_bytes().startswith(b"\xff\xd8\xff")
    await tab_to("#result button")
    await press("Enter")
    assert json.loads(await page.inner_text("#request-text"))["input"]["seed"] is not None
    await tab_to("input[value=curl]")
    await press("ArrowRight")
    await expect(page.locator("#call-text")).to_contain_text("import Client")


async def test_what_happens_is_read_out_once(open_page: Open, served: str) -> None:
    page = (await open_page(f"{served}/t2i_klein_4b/")).page
    for field in ("width", "height"):
        await page.fill(f"#input-{field}", "64")
    await page.evaluate("""() => {
        const status = document.getElementById("status");
        window.said = [];
        new MutationObserver(() => window.said.push(status.textContent))
            .observe(status, { childList: true, characterData: true, subtree: true });
    }""")
    await page.click("#send")
    await expect(page.locator("#status")).to_contain_text("Done", timeout=LONG_MS)
    said = await page.evaluate("() => window.said")
    assert await page.locator("#status").get_attribute("role") == "status"
    assert said[0] == "Sent."
    assert said[-1].startswith("Done in")
    assert all(one != other for one, other in pairwise(said))


async def test_who_wants_no_motion_gets_none(open_page: Open, on_disk: dict[str, str]) -> None:
    for motion, seen in (("reduce", "auto"), ("no-preference", "smooth")):
        page = (await open_page(on_disk["t2v_ltx2"], offline=True, reduced_motion=motion)).page
        assert await page.evaluate("() => getComputedStyle(document.documentElement).scrollBehavior") == seen
