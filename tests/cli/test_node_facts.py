"""Facts of a made-up node pack beside a graph, from the file to the compiled package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.layers import read_layer
from comfy2runpod.local_endpoint import API_KEY, LocalServer, read_package, running_endpoint
from tests.patience import HANG_SECONDS

from .command import GRAPH, ROOT, Done, comfy2runpod

PACK = "comfyui-made-up"
NODES = f"custom_nodes.{PACK}"


def spec(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


CLASSES: dict[str, Any] = {
    "MadeUpSave": {
        "inputs": [
            spec("pictures", "IMAGE"),
            spec("format", "COMBO", choices=["gif", "webp"], default="webp"),
            spec("name", "STRING", default="made"),
        ],
        "outputs": [],
        "output_node": True,
        "module": NODES,
    },
    "MadeUpSaveFlat": {
        "inputs": [spec("images", "IMAGE"), spec("filename_prefix", "STRING", default="flat")],
        "outputs": [],
        "output_node": True,
        "module": NODES,
    },
    "MadeUpNumber": {
        "inputs": [spec("number", "INT", default=64, min=-9, max=99999)],
        "outputs": [{"name": "INT", "type": "INT"}],
        "module": NODES,
    },
    "MadeUpImage": {
        "inputs": [
            spec("width", "INT", default=64, min=16, max=2048),
            spec("height", "INT", default=64, min=16, max=2048),
            spec("tint", "MADE_UP_TINT", default="none"),
        ],
        "outputs": [{"name": "IMAGE", "type": "IMAGE"}],
        "module": NODES,
    },
}
FACTS: list[dict[str, Any]] = [
    {
        "fact": "saves",
        "classes": ["MadeUpSave"],
        "kind": "animation",
        "media_type": "image/webp",
        "prefix_input": "name",
    },
    {"fact": "value_node", "classes": ["MadeUpNumber"], "input": "number"},
    {"fact": "extra_widgets", "classes": ["MadeUpImage"], "after": "width", "names": ["turn"]},
    {"fact": "renamed_input", "classes": ["MadeUpImage"], "old": "wide", "new": "width"},
    {"fact": "widget_type", "types": ["MADE_UP_TINT"]},
    {"fact": "virtual", "classes": ["MadeUpLabel"], "role": "note"},
    {"fact": "virtual", "classes": ["MadeUpDot"], "role": "reroute"},
]  # fmt: skip


def node(node_id: int, kind: str, values: list[Any], *, takes: tuple[Any, ...] = (), gives: str = "") -> dict[str, Any]:
    """A node of a saved graph; `takes` are its linked inputs (name, type, link), `gives` the type of its output."""
    return {
        "id": node_id,
        "type": kind,
        "mode": 0,
        "inputs": [{"name": name, "type": of, "link": link, **widget(of, name)} for name, of, link in takes],
        "outputs": [{"name": gives, "type": gives, "links": [10 + node_id]}] if gives else [],
        "properties": {"cnr_id": PACK},
        "widgets_values": values,
    }


def widget(kind: str, name: str) -> dict[str, Any]:
    return {"widget": {"name": name}} if kind == "INT" else {}


def graph(save: str, save_input: str, save_values: list[Any]) -> dict[str, Any]:
    """Number -> image -> dot -> save, and a label; a field writes the number."""
    note = "inputs:\n  size: {from: 1.number}\noutputs:\n  made: {from: 4}\n"
    return {
        "last_node_id": 9,
        "last_link_id": 19,
        "nodes": [
            node(1, "MadeUpNumber", [128], gives="INT"),
            # By the input's old name, and with the button's value behind the width.
            node(2, "MadeUpImage", [64, "turned", 96, "blue"], takes=(("wide", "INT", 11),), gives="IMAGE"),
            node(3, "MadeUpDot", [], takes=(("", "*", 12),), gives="IMAGE"),
            node(4, save, save_values, takes=((save_input, "IMAGE", 13),)),
            node(5, "MadeUpLabel", ["it is not run"]),
            {"id": 6, "type": "Note", "title": "comfy2runpod", "inputs": [], "outputs": [], "widgets_values": [note]},
        ],
        "links": [[11, 1, 0, 2, 0, "INT"], [12, 2, 0, 3, 0, "IMAGE"], [13, 3, 0, 4, 0, "IMAGE"]],
        "extra": {"frontendVersion": "1.43.18"},
        "version": 0.4,
    }


def row(fact: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**fact, "source": "made up", "versions": "*", **more}


def compiled(
    folder: Path, saved: dict[str, Any], facts: list[dict[str, Any]], version: str | None = None, *, apart: bool = True
) -> Done:
    """`compile` of a graph with the pack's catalog beside it, and its facts in a file of their own or in the same."""
    beside = folder / "catalog"
    beside.mkdir()
    told = {"pack": PACK, "facts": facts, **({} if version is None else {"version": version})}
    if apart:
        (beside / f"{PACK}.json").write_text(json.dumps({"classes": CLASSES}), encoding="utf-8")
        (beside / f"{PACK}.facts.json").write_text(json.dumps(told), encoding="utf-8")
    else:
        (beside / f"{PACK}.json").write_text(json.dumps({"classes": CLASSES, **told}), encoding="utf-8")
    (folder / "made_up.json").write_text(json.dumps(saved), encoding="utf-8")
    return comfy2runpod("compile", folder / "made_up.json", "-o", folder / "out")


def made(folder: Path, name: str) -> Any:
    return json.loads((folder / "out" / "made_up" / name).read_text(encoding="utf-8"))


def test_a_class_that_a_file_names_a_thousand_times_is_looked_up_at_once(tmp_path: Path) -> None:
    many = row({"fact": "no_control", "classes": ["MadeUpNumber"] * 1000})
    done = compiled(tmp_path, graph("MadeUpSave", "pictures", ["gif", "x"]), [*map(row, FACTS), *[many] * 400])
    assert done.returncode == 0, done.stderr
    facts = read_layer((tmp_path / "catalog" / f"{PACK}.facts.json").read_bytes(), "facts").facts
    assert facts is not None
    # A row counts once for a class: 400 rows, not 400,000.
    assert len(load_catalog().with_facts(facts).facts.rows_of("MadeUpNumber")) == 401


def test_a_prefix_that_no_release_in_use_has_does_not_count(tmp_path: Path) -> None:
    old = row({**FACTS[0], "prefix_input": "file"}, versions="<1.2")
    done = compiled(tmp_path, graph("MadeUpSave", "pictures", ["gif", "x"]), [old, *map(row, FACTS)], "1.4.0")
    assert done.returncode == 0, done.stderr


def test_a_pipe_among_the_catalogs_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "made_up.json").write_bytes(GRAPH.read_bytes())
    (tmp_path / "catalog").mkdir()
    os.mkfifo(tmp_path / "catalog" / "z.json")
    done = comfy2runpod("check", tmp_path)
    assert (done.returncode, "z.json" in done.stderr, "it is a pipe" in done.stderr) == (3, True, True)
    assert "Save its content as a regular file" in done.stderr
    (tmp_path / "catalog" / "z.json").unlink()
    os.mkfifo(tmp_path / "made_up.lock.json")
    locked = comfy2runpod("compile", tmp_path / "made_up.json", "-o", tmp_path / "out")
    assert (locked.returncode, "made_up.lock.json" in locked.stderr) == (3, True)


@pytest.mark.parametrize("command", ["check", "prompt", "inspect"])
def test_a_graph_that_a_person_names_may_come_through_a_pipe(command: str) -> None:
    process = [sys.executable, "-m", "comfy2runpod", command, "/dev/stdin"]
    done = subprocess.run(process, input=GRAPH.read_bytes(), capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("apart", [True, False])
def test_a_packs_facts_beside_a_graph_count_as_shipped_ones_do(tmp_path: Path, *, apart: bool) -> None:
    done = compiled(tmp_path, graph("MadeUpSave", "pictures", ["gif", "x"]), [*map(row, FACTS)], apart=apart)
    assert done.returncode == 0, done.stderr
    prompt = made(tmp_path, "workflow_api.json")
    # Neither the label nor the dot runs; the dot passes the image on.
    assert {key: value["class_type"] for key, value in prompt.items()} == {
        "1": "MadeUpNumber", "2": "MadeUpImage", "4": "MadeUpSave",
    }  # fmt: skip
    # The button's value is no input's, the tint is a widget's, and the old name leads to the new.
    assert prompt["2"]["inputs"] == {"width": ["1", 0], "height": 96, "tint": "blue"}
    assert prompt["4"]["inputs"]["pictures"] == ["2", 0]
    # The number's field has the bounds of the width that it leads to.
    size = made(tmp_path, "docs/input.schema.json")["properties"]["size"]
    assert (size["minimum"], size["maximum"]) == (16, 2048)
    schema = json.dumps(made(tmp_path, "docs/output.schema.json"))
    assert '"image/webp"' in schema
    # The worker names the files by the input that the fact says.
    handler = (tmp_path / "out" / "made_up" / "patch.py").read_text(encoding="utf-8")
    assert '"name"' in handler


# The image is as wide as its number says.
SIZES: list[dict[str, Any]] = [
    {"fact": "sizes", "classes": ["MadeUpNumber", "MadeUpElsewhere"], "rule": "value", "input": "number"},
    {"fact": "sizes", "classes": ["MadeUpImage"], "rule": "empty_image"},
    {"fact": "sizes", "classes": ["MadeUpElsewhere"], "rule": "mesh"},
    {"fact": "no_control", "beginning": ["MadeUpN"]},
]


def run(folder: Path) -> Done:
    given = json.dumps({"size": 161})
    return comfy2runpod("run", folder / "out" / "made_up", "--input", given, "-o", folder / "answer")


@pytest.mark.slow
@pytest.mark.parametrize("apart", [True, False])
def test_a_package_carries_its_nodes_and_facts_and_runs_where_the_graph_is_not(tmp_path: Path, *, apart: bool) -> None:
    done = compiled(tmp_path, graph("MadeUpSave", "pictures", ["gif", "x"]), [*map(row, [*FACTS, *SIZES])], apart=apart)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(tmp_path / "catalog")
    ran = run(tmp_path)
    assert ran.returncode == 0, ran.stderr
    answer = json.loads((tmp_path / "answer" / "response.json").read_text("utf-8"))
    assert (answer["width"], answer["height"], answer["media_type"]) == (161, 96, "image/webp")
    assert "SIZE NOT KNOWN" not in ran.stdout


@pytest.mark.slow
def test_a_node_without_a_size_rule_runs_with_a_size_that_is_reported_as_unknown(tmp_path: Path) -> None:
    done = compiled(tmp_path, graph("MadeUpSave", "pictures", ["gif", "x"]), [*map(row, FACTS)])
    assert done.returncode == 0, done.stderr
    ran = run(tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "SIZE NOT KNOWN" in ran.stdout


@pytest.mark.slow
def test_an_endpoint_of_a_package_simulates_its_nodes_beside_another_package(tmp_path: Path) -> None:
    done = compiled(tmp_path, graph("MadeUpSave", "pictures", ["gif", "x"]), [*map(row, [*FACTS, *SIZES])])
    assert done.returncode == 0, done.stderr
    packages = [read_package(ROOT / "generated" / "t2i_klein_4b"), read_package(tmp_path / "out" / "made_up")]
    key = {"Authorization": f"Bearer {API_KEY}"}
    with running_endpoint(LocalServer(packages, worker_log=tmp_path / "log")) as url:
        small = {"prompt": "a cat", "width": 64, "height": 64}
        for name, job_input in (("made_up", {"size": 161}), ("t2i_klein_4b", small)):
            body = {"input": job_input}
            answer = httpx.post(f"{url}/v2/{name}/runsync", json=body, headers=key, timeout=HANG_SECONDS).json()
            assert answer["status"] == "COMPLETED", answer
            assert answer["output"]["width"] == job_input.get("size", 64)


def test_a_package_carries_only_what_its_prompt_uses(tmp_path: Path) -> None:
    done = compiled(tmp_path, graph("MadeUpSave", "pictures", ["gif", "x"]), [*map(row, [*FACTS, *SIZES])], "1.4.0")
    assert done.returncode == 0, done.stderr
    assert set(made(tmp_path, "catalog/classes.json")["classes"]) == {"MadeUpImage", "MadeUpNumber", "MadeUpSave"}
    facts = made(tmp_path, "catalog/facts-0001.json")
    assert (facts["pack"], facts["version"]) == (PACK, "1.4.0")
    told = [(one["fact"], one.get("classes")) for one in facts["facts"]]
    # Neither the editor's own nodes nor another class's facts; a type's and a part of a name's stay.
    assert told == [
        ("saves", ["MadeUpSave"]),
        ("value_node", ["MadeUpNumber"]),
        ("extra_widgets", ["MadeUpImage"]),
        ("renamed_input", ["MadeUpImage"]),
        ("widget_type", None),
        ("sizes", ["MadeUpNumber"]),
        ("sizes", ["MadeUpImage"]),
        ("no_control", None),
    ]


def test_a_package_of_comfyuis_own_nodes_carries_nothing(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    told = {"pack": PACK, "facts": [*map(row, [*FACTS, *SIZES])]}
    (tmp_path / "catalog" / f"{PACK}.json").write_text(json.dumps({"classes": CLASSES, **told}), encoding="utf-8")
    (tmp_path / "made_up.json").write_bytes(GRAPH.read_bytes())
    assert comfy2runpod("compile", tmp_path / "made_up.json", "-o", tmp_path / "out").returncode == 0
    assert not list(tmp_path.glob("out/*/catalog"))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("classes.json", "{", "bad-catalog"),
        ("facts-0001.json", '{"pack": "x", "facts": [{}]}', "bad-node-facts"),
        ("other.json", None, "not-a-package"),
    ],
)
def test_what_a_package_carries_is_checked_as_any_catalog(
    tmp_path: Path, name: str, content: str | None, says: str
) -> None:
    done = compiled(tmp_path, graph("MadeUpSave", "pictures", ["gif", "x"]), [*map(row, FACTS)])
    assert done.returncode == 0, done.stderr
    place = tmp_path / "out" / "made_up" / "catalog" / name
    if content is None:
        os.mkfifo(place)
    else:
        place.write_text(content, encoding="utf-8")
    ran = run(tmp_path)
    assert ran.returncode == 1
    assert f"error[{says}]" in ran.stderr
    assert name in ran.stderr
    assert not (tmp_path / "answer").exists()


def test_a_save_node_that_leaves_no_doubt_needs_no_fact(tmp_path: Path) -> None:
    facts = [row(fact) for fact in FACTS if fact["fact"] != "saves"]
    done = compiled(tmp_path, graph("MadeUpSaveFlat", "images", ["x"]), facts)
    assert done.returncode == 0, done.stderr
    assert '"image/png"' in json.dumps(made(tmp_path, "docs/output.schema.json"))


def test_a_save_node_of_several_forms_is_none_without_a_fact(tmp_path: Path) -> None:
    facts = [row(fact) for fact in FACTS if fact["fact"] != "saves"]
    done = compiled(tmp_path, graph("MadeUpSave", "pictures", ["gif", "x"]), facts)
    assert done.returncode == 1
    assert "not-a-save-node" in done.stderr
    assert "docs/node-facts.md" in done.stderr


def test_a_graph_that_ends_in_a_packs_node_alone_says_how_to_tell_what_it_saves(tmp_path: Path) -> None:
    saved = graph("MadeUpSave", "pictures", ["gif", "x"])
    saved["nodes"] = [one for one in saved["nodes"] if one["type"] != "Note"]
    done = compiled(tmp_path, saved, [row(fact) for fact in FACTS if fact["fact"] != "saves"])
    assert done.returncode == 1
    assert "The outputs of MadeUpSave are not known." in " ".join(done.stderr.split())


@pytest.mark.parametrize(("version", "code"), [("1.4.0", 0), ("1.9", 1), (None, 0)])
def test_a_fact_holds_for_the_packs_releases_that_it_names(tmp_path: Path, version: str | None, code: int) -> None:
    facts = [row(fact, versions=">=1.2,<1.5" if fact["fact"] == "saves" else "*") for fact in FACTS]
    done = compiled(tmp_path, graph("MadeUpSave", "pictures", ["gif", "x"]), facts, version)
    assert done.returncode == code, done.stderr


SAVES = row({"fact": "saves", "classes": ["MadeUpSave"], "kind": "image", "media_type": "image/png"})
BAD: list[tuple[str, Any, str]] = [
    ("no list", {}, "facts is object; expected an array"),
    ("no object", [1], "fact 1 is integer; expected an object"),
    ("another kind", [{**SAVES, "fact": "loads"}], "'loads' is no kind of fact"),
    ("no kind", [{"classes": ["A"]}], "fact 1: it has no `fact`"),
    ("no source", [{key: SAVES[key] for key in SAVES if key != "source"}], "it has no `source`"),
    ("no releases", [{key: SAVES[key] for key in SAVES if key != "versions"}], "it has no `versions`"),
    ("strange releases", [{**SAVES, "versions": "1.2"}], "versions: '1.2' is none"),
    ("a key that nothing reads", [{**SAVES, "knid": "image"}], "it has 'knid', which nothing reads"),
    ("a word that is none", [{**SAVES, "kind": "picture"}], "kind is 'picture'; expected one of"),
    ("no media type", [{**SAVES, "media_type": "png\"; rm -rf"}], "which is no media type"),
    ("of no class", [{key: SAVES[key] for key in SAVES if key != "classes"}], "is told of classes, "),
    ("of a type", [{**SAVES, "types": ["A"]}], "is told of classes, "),
    ("no classes", [{**SAVES, "classes": []}], "classes is empty"),
    ("an empty name", [{**SAVES, "classes": [""]}], "classes holds an empty text"),
    ("no text", [{**SAVES, "classes": [1]}], "classes holds integer; expected a text"),
    ("a line break", [{**SAVES, "source": "a\nb"}], "source holds a control character"),
    ("a long name", [{**SAVES, "classes": ["a" * 201]}], "classes holds 201 characters"),
    ("many names", [{**SAVES, "classes": ["a"] * 1001}], "classes has 1,001 entries"),
    ("many rows", [SAVES] * 5001, "facts has 5,001 entries"),
    ("many names in all", [{**SAVES, "classes": [f"A{n}" for n in range(1000)]}] * 11, "fact 11: up to here the file"),
    ("many parts", [row({"fact": "no_control", "containing": ["~a", "~b"]})] * 101, "200 are read at most: name the"),
    ("a page as an image", [{**SAVES, "media_type": "text/html"}], "'text/html'; expected image/* for the kind image"),
    ("an image as a video", [{**SAVES, "kind": "video"}], "'image/png'; expected video/* for the kind video"),
    (
        "an image as what links of a type become",
        [row({"fact": "saved_type", "types": ["A"], "kind": "audio", "media_type": "image/png"})],
        "expected audio/* for the kind audio",
    ),
    (
        "a prefix at a link",
        [{**SAVES, "prefix_input": "pictures"}],
        "fact 1: prefix_input of MadeUpSave is 'pictures', which takes 'IMAGE'; expected a text widget of the class",
    ),
    ("a prefix at a choice", [{**SAVES, "prefix_input": "format"}], "is 'format', which takes 'COMBO'"),
    (
        "a prefix at a number, by a part of the name",
        [row({key: SAVES[key] for key in SAVES if key != "classes"}, beginning=["MadeUpNum"], prefix_input="number")],
        "fact 1: prefix_input of MadeUpNumber is 'number', which takes 'INT'; omit it: it has no text widget",
    ),
    ("a prefix nowhere", [{**SAVES, "prefix_input": "prefix"}], "expected a text widget of the class (name)"),
    ("no flag", [{**SAVES, "shown": 1}], "shown is integer; expected true or false"),
    ("ComfyUI's own class", [{**SAVES, "classes": ["SaveImage"]}], "fact 1 is of SaveImage, which is ComfyUI's own"),
    ("the editor's own node", [row({"fact": "virtual", "classes": ["Reroute"], "role": "note"})], "is of Reroute"),
    ("by a part of its name", [row({"fact": "no_control", "beginning": ["KSam"]})], "which is ComfyUI's own"),
    ("ComfyUI's own type", [row({"fact": "widget_type", "types": ["INT"], "objects": True})], "fact 1 is of INT"),
    ("the inner role", [row({"fact": "virtual", "classes": ["A"], "role": "absent"})], "role is 'absent'"),
    ("no editor", [row({"fact": "widget_type", "types": ["A"], "wrapped_by": ["9.9"]})], "'9.9' is no editor"),
    ("no number", [row({"fact": "widget_type", "types": ["A"], "least": "x"})], "least is no number"),
    ("a value in depth", [row({"fact": "widget_type", "types": ["A"], "fixed": [[["x"]]]})], "neither a short text"),
    (
        "a check of several",
        [row({"fact": "own_check", "classes": ["A"], "function": "f", "check": "input_file", "inputs": ["a", "b"]})],
        "input_file looks at one input",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "why"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_not_a_fact_is_refused_with_its_place(tmp_path: Path, facts: Any, why: str) -> None:
    done = compiled(tmp_path, graph("MadeUpSave", "pictures", ["gif", "x"]), facts)
    assert done.returncode == 1
    assert "bad-node-facts" in done.stderr
    assert why in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()
