"""What the editor queued of each graph, recorded by the editor suite: compared without a browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, convert

from .conftest import GRAPHS, PROMPTS


@pytest.mark.parametrize("path", GRAPHS.values(), ids=GRAPHS)
def test_the_compiled_prompt_is_the_editors(path: Path) -> None:
    compiled = convert(path.read_bytes(), path.name, load_catalog(), Options()).graph.prompt()
    assert prompt_to_json(compiled) == json.loads((PROMPTS / path.name).read_text("utf-8"))
