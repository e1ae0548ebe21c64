"""The site in a real browser without a network: nothing is asked for outside it, and nothing is wrong on it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from tests.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")
SIZES = [(1280, 900), (360, 740)]
OPERATIONS = ("run", "runsync", "status", "stream", "cancel", "retry", "purgeQueue", "health")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        running = await playwright.chromium.launch(executable_path=chromium(), args=flags)
        yield running
        await running.close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def below_a_path(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site as GitHub Pages has it: below a path of a server."""
    root = tmp_path_factory.mktemp("pages")
    (root / "org").mkdir()
    (root / "org" / "repository").symlink_to(site)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/org/repository"
        server.shutdown()


@dataclass
class Watched:
    """What went wrong on a page, and what it asked for outside the site."""

    page: Page
    base: str
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.wrong.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("requestfailed", lambda request: self.wrong.append(f"failed: {request.url}"))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on(
            "response", lambda answer: answer.status < 400 or self.wrong.append(f"{answer.status}: {answer.url}")
        )

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.base}/", "data:", "blob:")):
            self.wrong.append(f"asked for {url}")


async def opened(browser: Browser, base: str, path: str, **options: object) -> Watched:
    """A page of the site; from files, with the network cut."""
    context = await browser.new_context(offline=base.startswith("file:"), **options)
    watched = Watched(await context.new_page(), base)
    await watched.page.goto(f"{base}/{path}")
    return watched


async def drawn(page: Page) -> None:
    await page.wait_for_selector("#redoc [data-section-id]")


async def is_within_the_width(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


async def severe(page: Page) -> list[tuple[str, str]]:
    """What axe finds serious or critical. It fetches style sheets itself, which a page's policy forbids: ask last."""
    found = (await Axe().run(page)).response
    assert len(found["passes"]) > 10
    grave = [rule for rule in found["violations"] if rule["impact"] in ("serious", "critical")]
    return [(rule["id"], node["html"]) for rule in grave for node in rule["nodes"]]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_index_is_whole_and_accessible(
    browser: Browser, site: Path, scheme: str, size: tuple[int, int]
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    watched = await opened(browser, site.as_uri(), "index.html", color_scheme=scheme, viewport=viewport)
    assert await watched.page.locator("section.package").count() == 4
    assert await is_within_the_width(watched.page)
    assert watched.wrong == []
    assert await severe(watched.page) == []
    await watched.page.context.close()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_reference_draws_every_operation(
    browser: Browser, site: Path, scheme: str, size: tuple[int, int]
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    watched = await opened(
        browser, site.as_uri(), "i2i_multiangle/reference.html", color_scheme=scheme, viewport=viewport
    )
    page = watched.page
    await drawn(page)
    for name in OPERATIONS:
        assert await page.locator(f"[data-section-id$='operation/{name}'] h2").count() == 1, name
    assert await page.locator("h1").inner_text() != ""
    assert await is_within_the_width(page)
    background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 31)")
    assert watched.wrong == []
    assert await severe(page) == []
    await page.context.close()


async def test_the_reference_finds_what_is_searched_for(browser: Browser, site: Path) -> None:
    """The search runs in a worker of its own, which the page's policy has to allow."""
    watched = await opened(browser, site.as_uri(), "t2v_ltx2/reference.html")
    await drawn(watched.page)
    await watched.page.get_by_role("textbox").fill("purge")
    await watched.page.wait_for_selector("[data-role='search:results'] li")
    assert watched.wrong == []
    await watched.page.context.close()


async def test_every_page_works_below_a_path_of_a_server(browser: Browser, below_a_path: str) -> None:
    watched = await opened(browser, below_a_path, "index.html")
    page = watched.page
    links = [await link.get_attribute("href") for link in await page.locator("a").all()]
    assert len(links) == 7 * 4
    for link in links:
        answer = await page.context.request.get(f"{below_a_path}/{link}")
        assert answer.ok, link
    await page.get_by_role("link", name="Reference of LTX-2 19B text to video").click()
    await drawn(page)
    await page.get_by_role("link", name="All endpoints").click()
    await page.wait_for_url(f"{below_a_path}/index.html")
    assert watched.wrong == []
    await page.context.close()
