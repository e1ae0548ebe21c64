"""What the editor queued of graphs/t2v_ltx2.json, recorded by the editor suite: compared without a browser."""

from __future__ import annotations

import json

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, convert

from .conftest import GOLDEN, GRAPH


def test_the_compiled_prompt_is_the_editors() -> None:
    compiled = convert(GRAPH.read_bytes(), GRAPH.name, load_catalog(), Options()).graph.prompt()
    assert prompt_to_json(compiled) == json.loads(GOLDEN.read_text("utf-8"))
