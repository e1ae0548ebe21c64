"""Drives the real ComfyUI editor in headless Chromium: open a graph, change it, export it, see what it would queue."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import cast

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, async_playwright
from playwright.async_api import Error as BrowserError

from comfy2runpod_contract.json_types import Json, JsonObject

# Without these, Chromium calls home: on a machine without a network each call is an error on the console.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_READY = "() => window.app?.canvas && app.extensionManager && Object.keys(LiteGraph.registered_node_types).length > 100"
_GRAPHS = "[app.rootGraph ?? app.graph, ...(app.rootGraph ?? app.graph).subgraphs.values()]"
_OPEN = f"""async (graph) => {{
    await app.loadGraphData(graph);
    const graphs = {_GRAPHS};
    const known = (node) => node.isSubgraphNode?.() || LiteGraph.registered_node_types[node.type];
    return {{
        nodes: graphs.map((graph) => graph.nodes.length),
        unknown: graphs.flatMap((graph) => graph.nodes.filter((node) => !known(node)).map((node) => node.type)),
    }};
}}"""
# How the editor tells that something is wrong: dialogs, toasts, its overlay of errors, and nodes that it frames in red.
_COMPLAINTS = f"""() => [
    ...[...document.querySelectorAll(
        '[role=dialog], [role=alertdialog], .p-toast-message, .p-message-error, [data-testid=error-overlay-messages]'
    )].filter((element) => element.checkVisibility()).map((element) => element.innerText.trim()),
    ...{_GRAPHS}.flatMap((graph) => graph.nodes)
        .filter((node) => node.has_errors).map((node) => `red: ${{node.title}}`),
]"""
_SETTLED_MS = 1500  # what it finds wrong with a graph, it shows after a few requests of its own
_SET = """([name, value]) => {
    const subgraph = (app.rootGraph ?? app.graph).nodes.find((node) => node.isSubgraphNode?.());
    const widget = subgraph.widgets.find((widget) => widget.name === name);
    widget.value = value;
    widget.callback?.(value);
}"""
_PROMPT = "async () => (await app.graphToPrompt()).output"
_PAGE = resources.files("parity") / "page"
_LIMIT_S = 120  # for one graph; the slowest template takes a few seconds
_EXPORT = "() => app.extensionManager.command.execute('Comfy.ExportWorkflow')"


@dataclass(frozen=True, slots=True)
class Opened:
    """What the editor made of a graph: node counts (the root's first, then each definition's), and unknown classes."""

    nodes: tuple[int, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The prompt that the editor would queue of a file, or why it makes none.

    `lost` is how many of the root's nodes did not reach the canvas.
    """

    prompt: JsonObject | None
    error: str | None
    lost: int


@dataclass(frozen=True, slots=True)
class Mutated:
    """What was done to a graph, each kind with words, and the file that the editor then saved (None: it could not)."""

    done: tuple[tuple[str, str], ...]
    graph: str | None
    error: str | None


def find_chromium() -> Path | None:
    """The browser: what CHROMIUM names, or the one that is installed."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    return Path(found) if found else None


class Editor:
    """An editor in a browser page. `console` collects its errors and warnings."""

    def __init__(self, url: str, chromium: Path) -> None:
        self.console: list[str] = []
        self._url = url
        self._chromium = chromium
        self._playwright: Playwright
        self._browser: Browser
        self._context: BrowserContext
        self._page: Page

    async def __aenter__(self) -> Editor:
        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(executable_path=self._chromium, args=list(FLAGS))
        self._context = await self._browser.new_context(viewport={"width": 1600, "height": 1000})
        self._page = await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._browser.close()
        await self._playwright.stop()

    async def open(self, graph: JsonObject) -> Opened:
        """Loads a graph as if its file had been dropped on the canvas."""
        self.console.clear()
        found = cast("dict[str, list[Json]]", await self._page.evaluate(_OPEN, graph))
        await self._page.wait_for_timeout(_SETTLED_MS)
        return Opened(tuple(cast("list[int]", found["nodes"])), tuple(cast("list[str]", found["unknown"])))

    async def read(self, text: str) -> Reading:
        """Opens a graph file and asks for its prompt, without waiting for what else the editor has to say of it."""
        answer = await _evaluate(self._page, "read.js", text)
        if "failed" in answer:
            await self.reload()
        prompt = answer.get("prompt")
        return Reading(
            cast(JsonObject, json.loads(prompt)) if isinstance(prompt, str) else None,
            cast("str | None", answer.get("error")),
            cast(int, answer.get("lost", 0)),
        )

    async def mutate(self, text: str, seed: int, steps: Sequence[Sequence[str]]) -> Mutated:
        """Opens a graph file on a page of its own, changes it and saves it.

        A page that has seen other graphs could do otherwise, and then a case could not be played again alone.

        Args:
            text: the file.
            seed: an integer below 2**32 that every choice is drawn from.
            steps: for each change its kind, followed by the kinds to try where the graph has no place for it.
        """
        given: JsonObject = {"text": text, "seed": seed, "steps": [list[Json](kinds) for kinds in steps]}
        page = await self._start()
        try:
            answer = await _evaluate(page, "mutate.js", given)
        finally:
            await page.close()
        done = tuple((kind, said) for kind, said in cast("list[list[str]]", answer.get("done", [])))
        return Mutated(done, cast("str | None", answer.get("graph")), cast("str | None", answer.get("error")))

    async def reload(self) -> None:
        """A new page: an editor remembers the subgraphs of all that it ever opened."""
        await self._page.close()
        self._page = await self._start()

    async def complaints(self) -> list[str]:
        """What the editor shows to be wrong: the texts of dialogs, toasts and errors, and the nodes framed in red."""
        return cast("list[str]", await self._page.evaluate(_COMPLAINTS))

    async def wait_for_complaint(self, text: str) -> None:
        """Waits until a complaint holds a text.

        Raises:
            TimeoutError: playwright's own, none did.
        """
        await self._page.wait_for_function(
            f"(text) => ({_COMPLAINTS})().some((complaint) => complaint.includes(text))", arg=text, timeout=20_000
        )

    async def set_on_subgraph(self, field: str, value: Json) -> None:
        """Changes a value on the root's subgraph node, as a user does there."""
        await self._page.evaluate(_SET, [field, value])

    async def prompt(self) -> JsonObject:
        """The API prompt that the editor would queue."""
        return cast(JsonObject, await self._page.evaluate(_PROMPT))

    async def export(self) -> bytes:
        """The file that the editor's menu entry Export saves."""
        async with self._page.expect_download() as downloading:
            await self._page.evaluate(_EXPORT)
        download = await downloading.value
        return await asyncio.to_thread(Path(await download.path()).read_bytes)

    async def screenshot(self, path: Path) -> None:
        """What the screen shows, for a person to look at."""
        await self._page.screenshot(path=path)

    async def _start(self) -> Page:
        page = await self._context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.console.append(f"uncaught: {error}"))
        await page.goto(self._url)
        await page.wait_for_function(_READY, timeout=60_000)
        return page

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.console.append(f"{message.type}: {message.text} ({message.location.get('url')})")


async def _evaluate(page: Page, script: str, given: Json) -> JsonObject:
    """Runs one of our scripts in a page. If the page hangs or dies, that is the error, and `failed` is set."""
    code = (_PAGE / script).read_text("utf-8")
    try:
        return cast(JsonObject, await asyncio.wait_for(page.evaluate(code, given), _LIMIT_S))
    except (TimeoutError, BrowserError) as error:
        return {"error": f"the page: {str(error) or 'no answer in time'}", "failed": True}
