"""Whatever fields a note makes: each value that a caller gives reaches the prompt, or the note is refused."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.pipeline import CompileResult, Options, compile_graph
from comfy2runpod_runtime import Run
from tests.compiler.fed_graphs import text

# A path of a note, and the inputs that it leads to.
PATHS = {
    "5.value": {"5.value"},
    "92.side": {"92:7.width", "92:8.height"},
    '"92:7.width"': {"92:7.width"},
    '"92:8.height"': {"92:8.height"},
    '"92:7.height"': {"92:7.height"},
    "1.height": {"1.height"},
}
TEXTS = {"6.value": {"6.value"}, "41.filename_prefix": {"41.filename_prefix"}}


def compiled(note: str | None, **more: Any) -> CompileResult:
    return compile_graph(text(note, **more), "fed.json", load_catalog(), Options())


def patched(result: CompileResult, given: dict[str, object]) -> dict[str, Any]:
    """The inputs that are written, by path; run by the package's own patch code."""
    inputs: dict[str, dict[str, object]] = {}

    class Prompt(dict[str, Any]):
        def __missing__(self, node_id: str) -> dict[str, Any]:
            self[node_id] = {"inputs": inputs.setdefault(node_id, {})}
            return self[node_id]

    names: dict[str, Any] = {}
    code = result.files["patch.py"].replace("from schema import Input", "Input = object")
    exec(compile(code, "patch.py", "exec"), names)
    run = Run(prompt_id="p", seeds={}, files={"image": "ours.png"})
    names["patch"](Prompt(), SimpleNamespace(**given), run)
    return {f"{node_id}.{name}": value for node_id, of in inputs.items() for name, value in of.items()}


@pytest.mark.parametrize("seed", range(60))
def test_every_value_reaches_the_prompt_or_the_note_is_refused(seed: int) -> None:
    chance = random.Random(seed)
    numbers = {f"n{n}": chance.sample(sorted(PATHS), chance.randint(1, 2)) for n in range(chance.randint(1, 4))}
    texts = {f"t{n}": [path] for n, path in enumerate(chance.sample(sorted(TEXTS), chance.randint(0, 2)))}
    saved = chance.choice([{"40"}, {"41"}, {"40", "41"}])
    rows = "".join(f"  {name}: {{from: [{', '.join(paths)}]}}\n" for name, paths in {**numbers, **texts}.items())
    outputs = ", ".join(f"out{node}: {node}" for node in sorted(saved))
    note = f"inputs:\n{rows}  image: 30.image\noutputs: {{{outputs}}}"
    fed = {
        name: set().union(*({**PATHS, **TEXTS}[path] for path in paths)) for name, paths in {**numbers, **texts}.items()
    }
    places = [place for of in fed.values() for place in of]
    named = {"6.value"} if "40" in saved else set()
    named |= {"41.filename_prefix"} if "41" in saved else set()
    wrong = ({"fed-twice"} if len(places) > len(set(places)) else set()) | (
        {"feeds-a-file-name"} if named & set(places) else set()
    )
    if wrong:
        with pytest.raises(CompileError) as refused:
            compiled(note)
        assert {found.code for found in refused.value.diagnostics} == wrong
        return
    given = {name: 100 + n for n, name in enumerate(numbers)} | {name: f"text {name}" for name in texts}
    written = patched(compiled(note), given)
    assert {name: {written[place] for place in of} for name, of in fed.items()} == {
        name: {value} for name, value in given.items()
    }


def test_one_input_named_by_two_paths_of_one_field_is_written_once() -> None:
    result = compiled('inputs:\n  side: {from: [92.side, "92:8.height"]}\n  image: 30.image\noutputs: {image: 40}')
    assert [len(field.targets) for field in result.interface.fields] == [2, 1]
    assert result.files["patch.py"].count('"height"') == 1


def test_what_a_subgraph_and_app_mode_both_expose_is_one_field() -> None:
    fields = compiled(None, app_mode=[(92, "side"), (5, "value"), (5, "value")]).interface.fields
    assert [field.name for field in fields] == ["side", "value", "image"]


def test_a_jobs_file_name_outlasts_an_image_that_is_omitted() -> None:
    note = "inputs:\n  image: {from: 30.image, required: false, bypass: [31, 6]}\noutputs: {image: 40}"
    result = compiled(note)
    assert [rewrite.input for item in result.variants for rewrite in item.rewrites] == [
        "filename_prefix",
        "image",
    ]
    assert patched(result, {"image": None})["40.filename_prefix"] == "comfy2runpod/p/image"
