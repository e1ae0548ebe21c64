"""Every thing that can be wrong: the smallest graph that shows it, and the message that it gets, side by side.

`make goldens` writes the messages anew; read the diff before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from comfy2runpod.catalog import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.pipeline import Options, compile_graph

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*/*.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_a_bad_graph_is_refused_with_its_message(case: Path) -> None:
    with pytest.raises(CompileError) as refused:
        compile_graph(case.read_bytes(), case.name, load_catalog(), Options())
    message = str(refused.value)
    golden = case.with_suffix(".err")
    if os.environ.get("ACCEPT_GOLDENS"):
        golden.write_text(message, encoding="utf-8")
    assert message == golden.read_text(encoding="utf-8")


def test_every_message_says_what_to_do() -> None:
    for case in CASES:
        golden = case.with_suffix(".err").read_text(encoding="utf-8")
        assert golden.count("\n  help: ") == golden.count("error[") + golden.count("warning[")
