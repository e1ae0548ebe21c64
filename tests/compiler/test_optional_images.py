"""Images that may be omitted: for every combination, patch code makes the prompt of the graph bypassed by hand."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, convert
from tests.optional_image_graphs import BYPASS as BYPASS_OF_SMALL
from tests.optional_image_graphs import CASES as SMALL
from tests.optional_image_graphs import SLOTS, UUID, Graph, graph, subgraph
from tests.optional_images import bypassed, compared, compiled, every_combination, open_links, optional_images, patched

KLEIN = Path(__file__).parents[2] / "graphs" / "i2i_klein_9b.json"
CASES = {**SMALL, "klein": json.loads(KLEIN.read_text("utf-8"))}
BYPASS = {**BYPASS_OF_SMALL, "klein": {"image_2": ["30:23", "30:24"], "image_3": ["30:27", "30:28"]}}


@pytest.mark.parametrize("name", CASES)
def test_patch_code_makes_the_prompt_of_the_graph_with_these_nodes_bypassed(name: str, tmp_path: Path) -> None:
    package = compiled(CASES[name])
    assert optional_images(package) == list(BYPASS[name])
    combinations = every_combination(BYPASS[name])
    assert len(combinations) == 2 ** len(BYPASS[name])
    seen = []
    for variants, prompt in zip(combinations, patched(package, tmp_path / "package", combinations), strict=True):
        saved = bypassed(CASES[name], [path for each in variants for path in BYPASS[name][each]])
        whole = prompt_to_json(
            convert(json.dumps(saved).encode(), "graph.json", load_catalog(), Options()).graph.prompt()
        )
        assert compared(package, prompt) == compared(package, whole), variants
        assert open_links(prompt) == [], variants
        loaders = [
            target.node_id for field in package.interface.fields if field.name in variants for target in field.targets
        ]
        assert not set(loaders) & prompt.keys(), variants
        seen.append(compared(package, prompt))
    # Each combination is another prompt, where an image is looked at at all.
    assert len({json.dumps(each) for each in seen}) >= len(BYPASS[name]) + 1


def test_an_image_that_is_given_reaches_its_loader(tmp_path: Path) -> None:
    package = compiled(CASES["chain"])
    (prompt,) = patched(package, tmp_path / "package", [("c",)])
    assert {node_id: prompt[node_id]["inputs"]["image"] for node_id in "124"} == {
        "1": "image.png",
        "2": "b.png",
        "4": "d.png",
    }


def test_what_nothing_needs_goes_and_what_was_idle_stays(tmp_path: Path) -> None:
    package = compiled(CASES["chain"])
    whole, without = patched(package, tmp_path / "package", [(), ("d",)])
    # 7 was never needed; 8 was not either, but it read what goes.
    assert whole.keys() - without.keys() == {"4", "6", "8", "14"}
    package = compiled(CASES["needed_again"])
    whole, one, both = patched(package, tmp_path / "again", [(), ("b",), ("b", "c")])
    assert "5" in one
    assert both["20"]["inputs"]["images"] == ["5", 0]
    assert whole.keys() - both.keys() == {"2", "3", "11", "12", "30:41"}


def test_optional_images_images_are_none_in_the_example_and_optional_in_every_type() -> None:
    package = compiled(CASES["chain"])
    assert set(json.loads(package.files["test_input.json"])["input"]) == {"image"}
    schema = json.loads(package.files["docs/input.schema.json"])
    assert schema["required"] == ["image"]
    assert schema["properties"]["b"]["default"] is None
    assert "b: NotRequired[Image | None]" in package.files["clients/python/graph_client/client.py"]
    assert "b?: Image | null;" in package.files["clients/typescript/src/client.ts"]


def random_graph(chance: random.Random) -> tuple[Graph, dict[str, list[str]]]:
    """A graph of images put together somehow, and which nodes are bypassed without two or three of them."""
    loaders = range(1, chance.choice([4, 5]))
    nodes: dict[int, tuple[str, dict[str, tuple[int, int]]]] = dict.fromkeys(loaders, ("LoadImage", {}))
    between = range(10, 10 + chance.randrange(4, 9))
    for node_id in between:
        class_type = chance.choice(["ImageBlend", "ImageBlend", "ImageStitch", "ImageInvert", "Reroute", UUID])
        slots = SLOTS.get(class_type, (("a", "b"), ()))[0]
        # What came last is read more often: the more of it is behind the output.
        origins = [*nodes, *([node_id - 1] * 3 if node_id > between[0] else [])]
        nodes[node_id] = (class_type, {slot: (chance.choice(origins), 0) for slot in slots})
    nodes[90] = ("SaveImage", {"images": (between[-1], 0)})
    running = [node_id for node_id in nodes if nodes[node_id][0] != "Reroute" and node_id not in (1, 90)]
    chance.shuffle(running)
    bypass = {
        f"p{loader}": [str(running.pop()) for _ in range(chance.choice([1, 2])) if running] for loader in loaders[1:]
    }
    inner = [("ImageBlend", {"image1": (-10, 0), "image2": (-10, 1)}), ("ImageInvert", {"image": (-10, 1)})]
    fields = [
        f"  {name}: {{from: {name[1:]}.image, required: false, bypass: {nodes}}}" for name, nodes in bypass.items()
    ]
    note = "\n".join(["inputs:", "  image: 1.image", *fields, "outputs: {out: 90}"])
    return graph(note, nodes, definitions={"subgraphs": [subgraph(UUID, {41: chance.choice(inner)}, 41)]}), bypass


def test_any_graph_that_is_taken_is_right_for_every_combination(monkeypatch: pytest.MonkeyPatch) -> None:
    from comfy2runpod_runtime import Run  # noqa: PLC0415

    monkeypatch.setitem(sys.modules, "schema", SimpleNamespace(Input=SimpleNamespace))
    chance = random.Random(8)
    taken = compared_prompts = 0
    for _ in range(300):
        saved, bypass = random_graph(chance)
        try:
            package = compiled(saved)
        except CompileError:
            continue
        taken += 1
        scope: dict[str, Any] = {}
        # As a package runs it.
        exec(package.files["patch.py"], scope)
        for variants in every_combination(bypass):
            prompt = json.loads(package.files["workflow_api.json"])
            given = {name: None if name in variants else "AAAA" for name in bypass}
            run = Run("p", {}, {name: f"{name}.png" for name in ("image", *bypass) if name not in variants})
            scope["patch"](prompt, SimpleNamespace(**given), run)
            by_hand = bypassed(saved, [path for name in variants for path in bypass[name]])
            converted = convert(json.dumps(by_hand).encode(), "graph.json", load_catalog(), Options())
            whole = prompt_to_json(converted.graph.prompt())
            assert compared(package, prompt) == compared(package, whole), (saved, variants)
            compared_prompts += 1
    assert taken > 25
    assert compared_prompts > 150
