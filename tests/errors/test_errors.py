"""Every thing that can be wrong: the smallest graph that shows it, and the message that it gets, side by side.

`make goldens` writes the messages anew; read the diff before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod.catalog.layers import read_layer, with_layers
from comfy2runpod.diagnostics import CompileError, render
from comfy2runpod.pipeline import Options, check_file, compile_graph

HERE = Path(__file__).parent
WARNED = sorted(path for folder in ("warnings", "pack_warnings") for path in (HERE / folder).glob("*.json"))
REFUSED = sorted(path for path in HERE.glob("*/*.json") if path not in WARNED)


def _name(case: Path) -> str:
    return f"{case.parent.name}/{case.stem}"


@pytest.mark.parametrize("case", REFUSED, ids=_name)
def test_a_bad_graph_is_refused_with_its_message(case: Path) -> None:
    # An API prompt can be checked, not compiled.
    stage = check_file if case.parent.name == "api_prompt" else compile_graph
    with pytest.raises(CompileError) as refused:
        stage(case.read_bytes(), case.name, _catalog(case), _options(case))
    assert str(refused.value) == _golden(case, str(refused.value))


@pytest.mark.parametrize("case", WARNED, ids=_name)
def test_a_doubtful_graph_is_compiled_with_its_warning(case: Path) -> None:
    message = render(compile_graph(case.read_bytes(), case.name, _catalog(case), _options(case)).diagnostics)
    assert message == _golden(case, message)


def _options(case: Path) -> Options:
    """What the image gets by the note is a fault of its own, in a folder of its own."""
    return Options(allow_image_additions=case.parent.name != "image_additions")


def _catalog(case: Path) -> Catalog:
    """The shipped catalog, with those of packs that lie beside the case."""
    layers = sorted((case.parent / "catalog").glob("*.json"))
    return with_layers(load_catalog(), (read_layer(path.read_bytes(), path.name) for path in layers))


def _golden(case: Path, message: str) -> str:
    golden = case.with_suffix(".err")
    if os.environ.get("ACCEPT_GOLDENS"):
        golden.write_text(message, encoding="utf-8")
    return golden.read_text(encoding="utf-8")


def test_every_message_says_what_to_do() -> None:
    for case in (*REFUSED, *WARNED):
        golden = case.with_suffix(".err").read_text(encoding="utf-8")
        assert golden.count("\n  help: ") == golden.count("error[") + golden.count("warning[") > 0
