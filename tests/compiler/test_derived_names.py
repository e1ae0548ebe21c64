"""Names that are derived from labels and titles, without a note: they are always valid."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from pydantic import BaseModel

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.fields import SeedField
from comfy2runpod.pipeline import CompileResult, Options, compile_graph
from comfy2runpod.stages.interface.names import good_name
from comfy2runpod_contract.messages import ANSWER_KEYS, REQUEST_KEYS

SUBGRAPH = "00000000-1111-4111-8111-111111111111"
# Words that an answer, a request, Python, pydantic or JavaScript has for itself, and some twice.
LABELS = (
    "Image", "Width", "URL", "Error", "refresh worker", "Failed", "Prompt ID", "Media Type", "bytes", "SHA256",
    "Expires at", "From", "class", "Copy", "JSON", "dict", "constructor", "Output", "timings", "str",
    "Text", "Text", "view", "2nd",
)  # fmt: skip


def _node(ident: int, kind: str, inputs: list[Any], outputs: list[Any], values: list[Any], **more: Any) -> Any:
    return {
        "id": ident, "type": kind, "pos": [0, 0], "mode": 0, "properties": {}, "widgets_values": values,
        "inputs": inputs, "outputs": outputs, **more,
    }  # fmt: skip


def _graph(titles: tuple[str, ...], note: str = "") -> bytes:
    """Seeds and widths under every label, exposed by a subgraph, and an image saved under each title."""
    inner: list[Any] = [_node(1, "EmptyImage", [], [{"name": "IMAGE", "type": "IMAGE", "links": [1]}], [64, 64, 1, 0])]
    links: list[Any] = []
    exposed: list[Any] = []
    link = 0
    for at, label in enumerate(LABELS):
        link += 2
        links.append(
            {
                "id": link - 1,
                "origin_id": at + 1,
                "origin_slot": 0,
                "target_id": at + 2,
                "target_slot": 0,
                "type": "IMAGE",
            }
        )
        links.append(
            {"id": link, "origin_id": -10, "origin_slot": at, "target_id": at + 2, "target_slot": 1, "type": "INT"}
        )
        given = [
            {"name": "image", "type": "IMAGE", "link": link - 1},
            {"name": "seed", "type": "INT", "link": link, "widget": {"name": "seed"}},
        ]
        inner.append(
            _node(
                at + 2,
                "ImageAddNoise",
                given,
                [{"name": "IMAGE", "type": "IMAGE", "links": [link + 1]}],
                [0, "fixed", 0.5],
            )
        )
        exposed.append({"id": f"i{at}", "name": f"seed_{at}", "label": label, "type": "INT", "linkIds": [link]})
    last = link + 1
    links.append(
        {
            "id": last,
            "origin_id": len(LABELS) + 1,
            "origin_slot": 0,
            "target_id": -20,
            "target_slot": 0,
            "type": "IMAGE",
        }
    )
    subgraph = {
        "id": SUBGRAPH, "name": "s", "version": 1, "state": {}, "revision": 0, "config": {},
        "widgets": [], "groups": [], "inputNode": {"id": -10, "bounding": [0, 0, 1, 1]},
        "outputNode": {"id": -20, "bounding": [0, 0, 1, 1]},
        "inputs": exposed, "nodes": inner, "links": links,
        "outputs": [{"id": "o", "name": "IMAGE", "type": "IMAGE", "linkIds": [last]}],
    }  # fmt: skip
    outer = [
        {"name": one["name"], "type": "INT", "link": None, "widget": {"name": one["name"]}, "label": one["label"]}
        for one in exposed
    ]
    saved = range(1, len(titles) + 1)
    nodes = [_node(200, SUBGRAPH, outer, [{"name": "IMAGE", "type": "IMAGE", "links": [*saved]}], [0] * len(LABELS))]
    for at, title in zip(saved, titles, strict=True):
        nodes.append(
            _node(300 + at, "SaveImage", [{"name": "images", "type": "IMAGE", "link": at}], [], ["x"], title=title)
        )
    if note:
        nodes.append(_node(400, "MarkdownNote", [], [], [note], title="comfy2runpod"))
    return json.dumps({
        "last_node_id": 400, "last_link_id": 100, "nodes": nodes, "version": 0.4, "extra": {},
        "links": [[at, 200, 0, 300 + at, 0, "IMAGE"] for at in saved], "definitions": {"subgraphs": [subgraph]},
    }).encode()  # fmt: skip


def _compiled(graph: bytes) -> CompileResult:
    return compile_graph(graph, "names.json", load_catalog(), Options())


def _check(made: CompileResult) -> tuple[list[str], list[str]]:
    interface = made.interface
    fields, outputs = [field.name for field in interface.fields], [output.name for output in interface.outputs]
    seeds = {field.name for field in interface.fields if isinstance(field, SeedField)}
    assert all(map(good_name, (*fields, *outputs)))
    assert len({*fields}) == len(fields)
    assert not {*fields} & {*REQUEST_KEYS}
    assert len(seeds | {*outputs}) == len(seeds) + len(outputs)
    assert not (seeds | {*outputs}) & ANSWER_KEYS
    for path, data in made.files.items():
        if path.endswith(".py") and isinstance(data, str):
            ast.parse(data)
    return fields, outputs


def test_a_label_that_cannot_be_a_name_gets_a_number() -> None:
    fields, outputs = _check(_compiled(_graph(("Save Image",))))
    assert outputs == ["image"]
    assert fields[:5] == ["image_2", "width_2", "url_2", "error_2", "refresh_worker_2"]
    assert fields[-10:] == [
        "json_2", "dict_2", "constructor_2", "output_2", "timings_2", "str", "text", "text_2", "view", "graph_2nd"
    ]  # fmt: skip


def test_titles_of_save_nodes_are_names_too() -> None:
    _, outputs = _check(_compiled(_graph(("View", "view", "URL", "Class", "JSON", "Error", "a b", "A-B"))))
    assert outputs == ["view", "view_2", "url_2", "class_2", "json_2", "error_2", "a_b", "a_b_2"]


def test_outputs_go_around_seeds_that_the_note_names() -> None:
    made = _compiled(_graph(("Save Image",), "inputs:\n  image: {from: 200.seed_0}\n"))
    assert _check(made) == (["image"], ["image_2"])


def test_an_expression_is_kept_as_it_was_read() -> None:
    # Over the name `value` and with spaces, it is longer than what may be written.
    text = "w"
    for _ in range(6):
        text = f"({text}+{text})"
    note = f"inputs:\n  w: {{from: {{input: 1.width, as: {text}}}, min: 1, max: 100}}\noutputs:\n  view: 2\n"
    image = _node(1, "EmptyImage", [], [{"name": "IMAGE", "type": "IMAGE", "links": [1]}], [64, 64, 1, 0])
    save = _node(2, "SaveImage", [{"name": "images", "type": "IMAGE", "link": 1}], [], ["x"])
    about = _node(3, "MarkdownNote", [], [], [note], title="comfy2runpod")
    graph = {"nodes": [image, save, about], "links": [[1, 1, 0, 2, 0, "IMAGE"]], "version": 0.4, "extra": {}}
    made = _compiled(json.dumps({**graph, "last_node_id": 3, "last_link_id": 1}).encode())
    assert str(made.files["patch.py"]).count("request.w") == 2**6


def test_what_pydantic_keeps_for_itself_is_no_name() -> None:
    words = {*dir(BaseModel), *dir(type(BaseModel))}
    kept = {word for word in words if re.fullmatch("[a-z][a-z0-9_]*", word) and hasattr(BaseModel, word)}
    assert kept
    assert not {word for word in kept if good_name(word)}
