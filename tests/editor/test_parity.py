"""A short slice of the parity suite (`make parity` runs the whole): our prompts are the real editors' own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from comfy2runpod.catalog.classes import load_catalog
from parity.editor import Editor
from parity.judge import Outcome, Result, judged
from parity.mutations import plan
from parity.suite import change, read_changed, read_templates, running_editor
from parity.templates import load_templates, of_known_classes
from parity.versions import EditorVersion

from .conftest import GRAPH, chromium, installed

pytestmark = [pytest.mark.editor, pytest.mark.asyncio(loop_scope="module")]

# Small graphs, one for each of: paid nodes, a bypassed node, a muted one, Reroutes, PrimitiveNodes, several instances,
# nested ones, promoted widgets; and one of a class that is not known.
TEMPLATES = {
    "1.43": {
        "api_pixverse_t2v": Outcome.EQUAL,
        "hidream_e1_1": Outcome.EQUAL,
        "hunyuan_video_text_to_video": Outcome.EQUAL,
        "template-recraft_create_style": Outcome.EQUAL,
        "sdxl_refiner_prompt_example": Outcome.EQUAL,
        "image_netayume_lumina_t2i": Outcome.EQUAL,
        "flux_depth_lora_example": Outcome.EQUAL,
        "image_flux2_klein_9b_kv_image_edit": Outcome.EQUAL,
        "video_wan_vace_14B_ref2v": Outcome.EQUAL,
        "image_qwen_Image_2512_controlnet": Outcome.EQUAL,
        "basic_switch_node": Outcome.EQUAL,
        "api_krea2_t2i": Outcome.REFUSED,
    },
    "1.58": {
        "hidream_e1_1": Outcome.EQUAL,
        "image_netayume_lumina_t2i": Outcome.EQUAL,
        "flux_depth_lora_example": Outcome.EQUAL,
    },
}
# Cases that would run, between them with nearly every kind of change.
SEED = 1
CASES = {"1.43": (1, 7, 8, 16, 21, 52, 61, 67), "1.58": (16, 52, 61, 67)}


@pytest.fixture(scope="module")
def templates() -> Mapping[str, bytes]:
    return load_templates()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["1.43", "1.58"])
async def driven(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Editor, EditorVersion]]:
    version = installed(request.param)
    async with running_editor(version, load_catalog(), chromium()) as editor:
        yield editor, version


async def test_templates_convert_as_in_the_editor(
    driven: tuple[Editor, EditorVersion], templates: Mapping[str, bytes]
) -> None:
    editor, version = driven
    wanted = TEMPLATES[version.profile]
    chosen = {name: templates[name] for name in wanted}
    results = [judged(read, load_catalog()) async for read in read_templates(editor, version, chosen)]
    assert {result.read.name: result.judgement.outcome for result in results} == wanted, told(results)


async def test_our_own_graphs_convert_as_in_the_editor(driven: tuple[Editor, EditorVersion]) -> None:
    editor, version = driven
    graphs = {path.stem: path.read_bytes() for path in GRAPH.parent.glob("*.json") if not path.match("*.lock.json")}
    results = [judged(read, load_catalog()) async for read in read_templates(editor, version, graphs)]
    assert {result.read.name: result.judgement.outcome for result in results} == dict.fromkeys(graphs, Outcome.EQUAL)


async def test_graphs_changed_and_saved_in_the_editor_convert_as_in_the_editor(
    driven: tuple[Editor, EditorVersion], templates: Mapping[str, bytes]
) -> None:
    editor, version = driven
    catalog = load_catalog()
    known = of_known_classes(templates, catalog)
    cases = [plan(SEED, index, known) for index in CASES[version.profile]]
    changed = [each async for each in change(editor, version, templates, cases)]
    assert [each.error for each in changed] == [None] * len(cases)
    results = [judged(read, catalog) async for read in read_changed(editor, version, changed)]
    assert [result.judgement.outcome for result in results] == [Outcome.EQUAL] * len(cases), told(results)


def told(results: list[Result]) -> str:
    """What is wrong, and what was done to the graphs."""
    lines = []
    for result in results:
        if not result.judgement.outcome.right:
            changed = result.read.changed
            done = "; ".join(said for _, said in changed.done) if changed else "as it is"
            lines += [f"{result.read.name}: {result.judgement.outcome.value} ({done})", *result.judgement.why[:5]]
    return "\n".join(lines)
