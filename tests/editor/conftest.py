"""The real ComfyUI editor, once for the module: its own files in headless Chromium, on a stand-in server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest_asyncio
from PIL import Image

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.stages.load import load
from parity.editor import Editor
from parity.server import StandInServer
from parity.versions import VERSIONS, EditorVersion
from tests.browser import chromium, missing

GRAPHS = {
    path.stem: path
    for path in sorted((Path(__file__).parents[2] / "graphs").glob("*.json"))
    if not path.match("*.lock.json")
}
GRAPH = GRAPHS["t2v_ltx2"]
PROMPTS = Path(__file__).with_name("prompts")


def model_files() -> set[tuple[str, str]]:
    """The model files that the graphs' loaders name in `properties.models`: (directory, file)."""
    return {
        (ref.directory, ref.name)
        for path in GRAPHS.values()
        for graph in load(path.read_bytes(), path.name).subgraphs.values()
        for node in graph.canvas.nodes
        for ref in node.models
    }


def image() -> bytes:
    """What lies in the input folder under the name that the graphs' Load Image nodes hold."""
    out = BytesIO()
    Image.new("RGB", (64, 48), (90, 140, 200)).save(out, "PNG")
    return out.getvalue()


def installed(profile: str) -> EditorVersion:
    """The editor of a profile, with its files in place."""
    version = VERSIONS[profile]
    if not version.static.is_dir():
        missing(f"the files of editor {version.version} are not there: make editors")
    return version


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[StandInServer]:
    stand_in = StandInServer(installed("1.43").static, load_catalog(), model_files(), {"image.png": image()})
    yield stand_in
    await stand_in.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(server: StandInServer) -> AsyncIterator[Editor]:
    browser = chromium()
    async with Editor(await server.start(), browser) as running:
        yield running
