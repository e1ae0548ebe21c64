"""A graph that `comfy2runpod annotate` wrote a note into, in the real editor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comfy2runpod.cli.app import cli
from parity.editor import Editor

from .conftest import GRAPH

pytestmark = [pytest.mark.editor, pytest.mark.asyncio(loop_scope="module")]


async def test_the_new_note_opens_there_and_is_saved_as_it_is(editor: Editor, tmp_path: Path) -> None:
    graph: Any = json.loads(GRAPH.read_text("utf-8"))
    graph["nodes"] = [node for node in graph["nodes"] if node.get("title") != "comfy2runpod"]
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph, indent=2, ensure_ascii=False), encoding="utf-8")
    await editor.open(graph)
    before = await editor.prompt()
    arguments = ["annotate", str(path), "--input", "prompt=92.text,required", "--output", "video=75"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    annotated = json.loads(path.read_text("utf-8"))
    opened = await editor.open(annotated)
    assert opened.unknown == ()
    assert await editor.complaints() == []
    assert await editor.prompt() == before
    saved: Any = json.loads(await editor.export())
    # The editor counts the order of nodes anew.
    for node in (*saved["nodes"], *annotated["nodes"]):
        del node["order"]
    assert saved["last_node_id"] == annotated["last_node_id"]
    assert saved["nodes"] == annotated["nodes"]
