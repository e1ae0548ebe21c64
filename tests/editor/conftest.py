"""The real ComfyUI editor, once for the module: its own files in headless Chromium, on a stand-in server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.load import load
from parity.editor import Editor, find_chromium
from parity.server import StandInServer
from parity.versions import VERSIONS, EditorVersion

GRAPH = Path(__file__).parents[2] / "graphs" / "t2v_ltx2.json"
GOLDEN = Path(__file__).with_name("t2v_ltx2.prompt.json")


def model_files() -> set[tuple[str, str]]:
    """The model files that the graph's loaders name in `properties.models`: (directory, file)."""
    subgraphs = load(GRAPH.read_bytes(), GRAPH.name).subgraphs.values()
    return {(ref.directory, ref.name) for graph in subgraphs for node in graph.canvas.nodes for ref in node.models}


def missing(what: str) -> None:
    """Skips the test; fails it where the editor must be there, as in CI: nothing is to be skipped there unseen."""
    if os.environ.get("EDITOR_REQUIRED"):
        pytest.fail(what)
    pytest.skip(what)


def chromium() -> Path:
    """The browser."""
    found = find_chromium()
    if found is None:
        missing("no Chromium found: `make chromium` installs Debian's, or name one in CHROMIUM")
    assert found is not None
    return found


def installed(profile: str) -> EditorVersion:
    """The editor of a profile, with its files in place."""
    version = VERSIONS[profile]
    if not version.static.is_dir():
        missing(f"the files of editor {version.version} are not there: make editors")
    return version


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[StandInServer]:
    stand_in = StandInServer(installed("1.43").static, load_catalog(), model_files())
    yield stand_in
    await stand_in.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(server: StandInServer) -> AsyncIterator[Editor]:
    browser = chromium()
    async with Editor(await server.start(), browser) as running:
        yield running
