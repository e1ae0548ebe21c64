"""A graph with a size that the simulator does not know runs, and `run` reports the unknown size."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import comfy2runpod

NODES = [
    {"id": 1, "type": "EmptyImage", "widgets_values": [64, 48, 1, 0], "outputs": [("IMAGE", [1, 3])]},
    {"id": 2, "type": "UpscaleModelLoader", "widgets_values": ["4x.pth"], "outputs": [("UPSCALE_MODEL", [2])]},
    {"id": 3, "type": "ImageUpscaleWithModel", "inputs": [("upscale_model", 2), ("image", 1)],
     "outputs": [("IMAGE", [4])]},
    {"id": 4, "type": "SaveImage", "title": "Large", "inputs": [("images", 4)], "widgets_values": ["x"]},
    {"id": 5, "type": "SaveImage", "title": "Small", "inputs": [("images", 3)], "widgets_values": ["y"]},
]  # fmt: skip
LINKS = [[1, 1, 0, 3, 1, "IMAGE"], [2, 2, 0, 3, 0, "UPSCALE_MODEL"], [3, 1, 0, 5, 0, "IMAGE"], [4, 3, 0, 4, 0, "IMAGE"]]


def graph() -> dict[str, object]:
    nodes = [
        {
            **node,
            "mode": 0,
            "properties": {},
            "inputs": [{"name": name, "type": "*", "link": link} for name, link in node.get("inputs", [])],
            "outputs": [{"name": name, "type": name, "links": links} for name, links in node.get("outputs", [])],
        }
        for node in NODES
    ]
    return {"last_node_id": 9, "last_link_id": 9, "nodes": nodes, "links": LINKS, "version": 0.4}


def test_run_says_which_size_is_not_known_and_why(tmp_path: Path) -> None:
    file = tmp_path / "upscaled.json"
    file.write_text(json.dumps(graph()), encoding="utf-8")
    assert comfy2runpod("compile", file, "-o", tmp_path).returncode == 0
    done = comfy2runpod("run", tmp_path / "upscaled", "--input", "{}", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    said = done.stdout[done.stdout.index("SIZE NOT KNOWN") :]
    assert "node 4 (SaveImage): how many times larger depends on the upscaling model" in said
    assert "node 5" not in said
    answer = json.loads((tmp_path / "out" / "response.json").read_text("utf-8"))
    assert (answer["small"]["width"], answer["small"]["height"]) == (64, 48)
    assert answer["large"]["width"] > 64
