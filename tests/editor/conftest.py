"""The real ComfyUI editor, once for the module: its own files in headless Chromium, on a stand-in server."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from comfy2runpod.catalog import load_catalog
from comfy2runpod.load import load

from .editor import Editor
from .server import StandInServer

GRAPH = Path(__file__).parents[2] / "graphs" / "t2v_ltx2.json"
GOLDEN = Path(__file__).with_name("t2v_ltx2.prompt.json")


def model_files() -> set[tuple[str, str]]:
    """The model files that the graph's loaders name in `properties.models`: (directory, file)."""
    subgraphs = load(GRAPH.read_bytes(), GRAPH.name).subgraphs.values()
    return {(ref.directory, ref.name) for graph in subgraphs for node in graph.canvas.nodes for ref in node.models}


def editor_files() -> Path:
    """The static files of the editor that the catalog's ComfyUI pins; skips the test if they are not installed."""
    spec = importlib.util.find_spec("comfyui_frontend_package")
    if spec is None or spec.origin is None:
        pytest.skip("comfyui-frontend-package is not installed (dependency group `editor`)")
    return Path(spec.origin).parent / "static"


def chromium() -> Path:
    """The browser; skips the test if there is none."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed (dependency group `editor`)")
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium found: install one (Debian: chromium), or name it in CHROMIUM")
    return Path(found)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[StandInServer]:
    stand_in = StandInServer(editor_files(), load_catalog(), model_files())
    yield stand_in
    await stand_in.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(server: StandInServer) -> AsyncIterator[Editor]:
    browser = chromium()
    async with Editor(await server.start(), browser) as running:
        yield running
