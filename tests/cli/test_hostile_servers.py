"""`catalog refresh` and `lock` end, with a reason, whatever a server or a hub answers: in bounded time and memory."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from .command import comfy2runpod
from .hostile_server import WAYS, answering
from .impatient import Impatient

ROOT = Path(__file__).parents[2]
GRAPH = ROOT / "graphs" / "t2i_klein_4b.json"


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_catalog_is_not_made_of_invalid_data(impatient: Impatient, way: str, tmp_path: Path) -> None:
    target = tmp_path / "c.json"
    with answering(WAYS[way]) as url:
        done = impatient("catalog", "refresh", "--from", url, "-o", target)
    assert done.returncode in (1, 3), done.stderr
    assert "error[" in done.stderr
    assert "Traceback" not in done.stderr
    assert not target.exists()
    unreachable = done.returncode == 3
    assert ("error[server-unreachable]" in done.stderr) is unreachable


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_locked_by_what_is_no_hub(impatient: Impatient, way: str, tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    graph.write_bytes(GRAPH.read_bytes())
    with answering(WAYS[way]) as url:
        done = impatient("lock", graph, HF_ENDPOINT=url, HF_TOKEN="hf_secret")
    assert done.returncode in (1, 3), done.stderr
    assert "Traceback" not in done.stderr
    assert "hf_secret" not in done.stderr
    assert not graph.with_suffix(".lock.json").exists()
    assert ("error[hub-unreachable]" in done.stderr) is (done.returncode == 3)
    if done.returncode == 3:
        assert "The hub 127.0.0.1 could not be queried" in done.stderr


@pytest.mark.slow
def test_without_a_network_the_hub_is_named(impatient: Impatient, tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    graph.write_bytes(GRAPH.read_bytes())
    # A name that no resolver knows (RFC 6761).
    done = impatient("lock", graph, HF_ENDPOINT="https://hub.invalid")
    assert done.returncode == 3
    assert "The hub hub.invalid could not be queried for the file: ConnectError" in done.stderr


@pytest.mark.slow
def test_a_token_with_a_line_end_is_named_and_not_shown(impatient: Impatient, tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    graph.write_bytes(GRAPH.read_bytes())
    with answering(WAYS["refuses"]) as url:
        done = impatient("lock", graph, HF_ENDPOINT=url, HF_TOKEN="hf_sec\nret")
    assert done.returncode == 3
    assert "ret" not in done.stderr.replace("secret", "")


def hostile_class(**entry: object) -> dict[str, object]:
    return {
        "input": {"required": {"size": ["INT", {"default": 1, "min": 0, "max": 9}]}},
        "output": ["IMAGE"],
        "python_module": "custom_nodes.bad",
        **entry,
    }


def with_input(*spec: object) -> dict[str, object]:
    return hostile_class(input={"required": {"size": list(spec)}})


GROWING = {"template": {"input": {"required": {"a": ["INT", {}]}}, "prefix": "a", "max": 10**9, "min": 0}}
BAD_CLASSES = {
    "A\x1b[2J": hostile_class(),
    "A\nimport os": hostile_class(),
    "A\u202eB": hostile_class(),
    "\ud800": hostile_class(),
    "": hostile_class(),
    "a" * 1000: hostile_class(),
    "NaN bound": with_input("INT", {"min": float("nan")}),
    "min beyond max": with_input("INT", {"min": 5, "max": 1}),
    "infinite default": with_input("FLOAT", {"default": float("inf")}),
    "grows": with_input("COMFY_AUTOGROW_V3", GROWING),
    "choices": with_input([str(n) for n in range(300_000)], {}),
    "half choice": with_input(["\ud800"], {}),
    "module": hostile_class(python_module="custom_nodes.\x1b]0;x"),
    "type": with_input("IN\x00T", {}),
    "inputs": hostile_class(input={"required": {f"a{n}": ["INT", {}] for n in range(5_000)}}),
    "outputs": hostile_class(output=["IMAGE"] * 5_000),
    "no list": hostile_class(input={"required": {"size": 5}}),
}
GOOD_CLASSES = {
    "Good": hostile_class(),
    "No upper bound": with_input("FLOAT", {"default": 1.0, "min": 0.0, "max": float("inf")}),
    "Many choices": with_input([f"choice {n}" for n in range(20_000)], {}),
}


def test_an_invalid_class_is_omitted_and_reported_and_the_rest_is_a_catalog(tmp_path: Path) -> None:
    saved, target = tmp_path / "answer.json", tmp_path / "c.json"
    saved.write_text(json.dumps({**BAD_CLASSES, **GOOD_CLASSES}), encoding="utf-8")
    before = time.process_time()
    done = comfy2runpod("catalog", "refresh", "--from", saved, "--packs-only", "-o", target)
    assert time.process_time() - before < 30
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("omitted:") == len(BAD_CLASSES)
    assert "\x1b" not in done.stderr
    made = json.loads(target.read_text("utf-8"))["classes"]
    assert made.keys() == GOOD_CLASSES.keys()
    assert "max" not in made["No upper bound"]["inputs"][0]
    assert comfy2runpod("check", GRAPH, "--catalog", target).returncode == 0


@pytest.mark.parametrize("name", BAD_CLASSES)
def test_a_catalog_that_somebody_wrote_with_such_a_class_is_refused(name: str, tmp_path: Path) -> None:
    entry = BAD_CLASSES[name]
    size = {"name": "size", "type": "INT", **CATALOG_FACTS.get(name, {})}
    written = {"inputs": [size], "outputs": [], "module": entry["python_module"]}
    if name == "inputs":
        written["inputs"] = [{"name": f"a{n}", "type": "INT"} for n in range(5_000)]
    if name == "outputs":
        written["outputs"] = [{"name": "a", "type": "INT"}] * 5_000
    if name == "no list":
        written["inputs"] = 5  # type: ignore[assignment]
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps({"comfyui": "1", "classes": {name: written}}), encoding="utf-8")
    done = comfy2runpod("check", GRAPH, "--catalog", catalog)
    assert done.returncode == 1
    assert "error[bad-catalog]" in done.stderr
    assert "\x1b" not in done.stderr


CATALOG_FACTS: dict[str, dict[str, object]] = {
    "NaN bound": {"min": float("nan")},
    "min beyond max": {"min": 5, "max": 1},
    "infinite default": {"default": float("inf")},
    "grows": {
        "autogrow": {"element": {"name": "a", "type": "INT"}, "names": [f"a{n}" for n in range(5_000)], "min": 0}
    },
    "choices": {"choices": [str(n) for n in range(300_000)]},
    "half choice": {"choices": ["\ud800"]},
    "type": {"type": "IN\x00T"},
}
