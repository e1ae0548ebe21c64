"""A package small enough to be run often, and an endpoint of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.local_endpoint import LocalEndpoint
from comfy2runpod.pipeline import Options, compile_graph
from comfy2runpod.write import write_package
from tests.patience import HANG_SECONDS

ROOT = Path(__file__).parents[2]
KEY = {"Authorization": "Bearer local"}
SMALL = {"prompt": "a cat", "width": 64, "height": 64, "steps": 1, "seed": 3}


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text to image with images of at most 128 pixels, so that every input that the schema allows is quick."""
    text = (ROOT / "graphs" / "t2i_klein_4b.json").read_text("utf-8")
    for old, new in (("max: 2048", "max: 128"), ("default: 1024", "default: 64")):
        assert text.count(old) == 2
        text = text.replace(old, new)
    result = compile_graph(text.encode(), "t2i_klein_4b.json", load_catalog(), Options(editor=None))
    folder = tmp_path_factory.mktemp("packages") / "small"
    write_package(result.files, folder)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(package: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the package's endpoint."""
    log = tmp_path_factory.mktemp("logs") / "worker.log"
    async with (
        LocalEndpoint(package, worker_log=log) as url,
        httpx.AsyncClient(base_url=url, timeout=HANG_SECONDS) as client,
    ):
        client.headers.update(KEY)
        yield client


@pytest.fixture(scope="session")
def document(package: Path) -> dict[str, object]:
    return dict(json.loads((package / "docs" / "openapi.json").read_text()))
