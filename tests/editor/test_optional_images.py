"""Images that may be omitted, in both real editors: what is queued once the nodes that the note names are off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.fields.note import BYPASS
from comfy2runpod.stages.annotate.annotation import read_annotation
from comfy2runpod.stages.load import load
from comfy2runpod_contract.json_types import JsonObject
from parity.editor import Editor
from parity.server import StandInServer
from tests.optional_image_graphs import CASES
from tests.optional_images import bypassed, compared, compiled, every_combination, patched

from .conftest import GRAPHS, chromium, image, installed, model_files

pytestmark = [pytest.mark.editor, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["1.43", "1.58"])
async def either_editor(request: pytest.FixtureRequest) -> AsyncIterator[Editor]:
    files = {"image.png": image(), "cat.png": image()}
    server = StandInServer(installed(str(request.param)).static, load_catalog(), model_files(), files)
    async with Editor(await server.start(), chromium()) as running:
        yield running
    await server.stop()


@pytest.mark.parametrize("name", ["i2i_klein_9b", *CASES])
async def test_patch_code_makes_what_the_editor_queues(either_editor: Editor, name: str, tmp_path: Path) -> None:
    graph: dict[str, Any] = CASES[name] if name in CASES else json.loads(GRAPHS[name].read_text("utf-8"))
    annotation = read_annotation(load(json.dumps(graph).encode(), "graph.json"))
    fields = {note.name: paths for note in annotation.inputs or () if (paths := note.value(BYPASS))}
    assert fields
    package = compiled(graph)
    combinations = every_combination(fields)
    for variants, prompt in zip(combinations, patched(package, tmp_path / "package", combinations), strict=True):
        # A node of a definition is named once for each instance.
        paths = {node.rpartition(":")[2]: node for each in variants for node in fields[each]}
        opened = await either_editor.open(cast(JsonObject, bypassed(graph, paths.values())))
        assert opened.unknown == ()
        assert await either_editor.complaints() == []
        queued = cast("dict[str, Any]", await either_editor.prompt())
        assert compared(package, prompt) == compared(package, queued), variants
