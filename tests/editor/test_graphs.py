"""Each of our graphs in the real editor: it opens without an error, saves unchanged, and queues our prompt."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import cast

import pytest

from comfy2runpod.stages.load import load
from comfy2runpod_contract.json_types import JsonObject
from parity.editor import Editor
from parity.server import StandInServer

from .conftest import GRAPHS, PROMPTS

pytestmark = [
    pytest.mark.editor,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("path", GRAPHS.values(), ids=GRAPHS),
]


def graph(path: Path) -> JsonObject:
    return cast(JsonObject, json.loads(path.read_text("utf-8")))


async def test_it_opens_without_a_complaint(editor: Editor, server: StandInServer, path: Path) -> None:
    document = load(path.read_bytes(), path.name)
    opened = await editor.open(graph(path))
    assert sorted(opened.nodes) == sorted(
        len(canvas.nodes) for canvas in (document.root, *(each.canvas for each in document.subgraphs.values()))
    )
    assert opened.unknown == ()
    assert await editor.complaints() == []
    assert editor.console == []
    assert server.requests_without_answer == []


async def test_saving_it_there_gives_the_same_bytes(editor: Editor, path: Path) -> None:
    await editor.open(graph(path))
    assert await editor.export() == path.read_bytes()


async def test_the_editor_queues_the_golden_prompt(editor: Editor, path: Path) -> None:
    await editor.open(graph(path))
    text = json.dumps(await editor.prompt(), indent=2, ensure_ascii=False) + "\n"
    golden = PROMPTS / path.name
    if os.environ.get("ACCEPT_GOLDENS"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text("utf-8")
