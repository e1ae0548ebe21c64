"""A real browser, packages, and pages opened in it; no page may log to the console."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from comfy2runpod.cli.packages import read_docs
from comfy2runpod.docs_site import site_files
from comfy2runpod.local_endpoint import LocalServer, pages_of, read_package
from parity.editor import FLAGS
from tests.browser import chromium
from tests.patience import HANG_SECONDS

from .packages import OUR_GRAPHS, write_every_kind, write_hostile, write_ours

expect.set_options(timeout=HANG_SECONDS * 1000)


@dataclass
class Opened:
    """A page in a browser, every address that it asked for, and what was said on its console or thrown."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


Open = Callable[..., Awaitable[Opened]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    found = chromium()
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=found, args=list(FLAGS), timeout=HANG_SECONDS * 1000)
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(browser: Browser) -> AsyncIterator[Open]:
    """Opens addresses, each in a context of its own. `offline` cuts the network first."""
    all_opened: list[Opened] = []

    async def opening(address: str, *, offline: bool = False, **options: Any) -> Opened:
        context = await browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        await context.set_offline(offline)
        opened = Opened(await context.new_page())
        opened.page.set_default_timeout(HANG_SECONDS * 1000)
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.on("console", lambda message: opened.complaints.append(f"{message.type}: {message.text}"))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        all_opened.append(opened)
        await opened.page.goto(address)
        return opened

    yield opening
    for opened in all_opened:
        await opened.page.context.close()
    assert [opened.complaints for opened in all_opened] == [[] for _ in all_opened]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders by name."""
    folder = tmp_path_factory.mktemp("pages")
    ours = {name: write_ours(name, folder) for name in OUR_GRAPHS}
    return {**ours, "every_kind": write_every_kind(folder), "hostile": write_hostile(folder)}


@pytest.fixture(scope="session")
def on_disk(packages: dict[str, Path]) -> dict[str, str]:
    """The pages' addresses on disk."""
    return {name: (folder / "docs" / "index.html").as_uri() for name, folder in packages.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a server with all of them behind it, on the simulator, slow enough for progress to be seen."""
    log = tmp_path_factory.mktemp("logs") / "worker.log"
    async with server_of([packages[name] for name in OUR_GRAPHS], log, seconds_per_step=0.2) as url:
        yield url


def server_of(folders: Sequence[Path], log: Path, **options: Any) -> LocalServer:
    """What `comfy2runpod serve` starts."""
    pages = pages_of(site_files(read_docs(folders)), [folder.name for folder in folders])
    return LocalServer([read_package(folder) for folder in folders], pages=pages, worker_log=log, **options)
