"""catalog refresh and show, and catalogs beside a graph: from a server's answer to a compiled graph."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.server_info import object_info
from comfy2runpod.simulator.server import running_simulator

from .command import ERRORS, GRAPH, comfy2runpod

PACK_GRAPH = ERRORS / "bind" / "unknown_class_of_a_pack.json"
FOLDERS = {
    "checkpoints": ["sd15.safetensors", "old/wan.ckpt"],
    "loras": ["detail.safetensors"],
    "upscale_models": [],
    "input": ["example.png"],
}


def pack_class(module: str = "custom_nodes.comfyui-fancy-nodes", **inputs: Any) -> dict[str, Any]:
    sizes = {name: ["INT", {"default": 512, "min": 1, "max": 4096}] for name in ("width", "height", "batch_size")}
    color = ["INT", {"default": 0, "min": 0, "max": 0xFFFFFF}]
    return {
        "input": {"required": {**sizes, "color": color, **inputs}},
        "output": ["IMAGE"],
        "output_name": ["IMAGE"],
        "output_is_list": [False],
        "name": "FancyImage",
        "display_name": "Fancy image",
        "python_module": module,
        "output_node": False,
    }


def answer(**classes: Any) -> dict[str, Any]:
    """The core's answer, with files in some folders, and further classes."""
    return {**object_info(load_catalog(), lambda folder: FOLDERS.get(folder, ())), **classes}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "object_info.json"
    path.write_text(json.dumps(answer(FancyImage=pack_class())), encoding="utf-8")
    return path


@contextmanager
def standing_in(routes: Mapping[str, Any]) -> Iterator[str]:
    """A stand-in for a ComfyUI with packs: these answers, and 404 for the rest."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = routes.get(self.path)
            data = json.dumps(found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def classes_of(path: Path) -> dict[str, Any]:
    classes: dict[str, Any] = json.loads(path.read_text("utf-8"))["classes"]
    return classes


def inputs_of(path: Path, name: str) -> dict[str, Any]:
    return {spec["name"]: spec for spec in classes_of(path)[name]["inputs"]}


def test_the_command_in_the_error_makes_the_catalog_that_the_graph_needs(tmp_path: Path, saved: Path) -> None:
    graph = tmp_path / "graphs" / "fancy.json"
    graph.parent.mkdir()
    graph.write_bytes(PACK_GRAPH.read_bytes())
    refused = comfy2runpod("check", "graphs/fancy.json", cwd=tmp_path)
    assert refused.returncode == 1
    command = next(line.split() for line in refused.stderr.splitlines() if line.startswith("  comfy2runpod catalog"))
    assert command[command.index("-o") + 1] == "graphs/catalog/comfyui-fancy-nodes.json"
    arguments = [word.replace("http://127.0.0.1:8188", saved.name) for word in command[1:]]
    assert comfy2runpod(*arguments, cwd=tmp_path).returncode == 0
    assert classes_of(graph.parent / "catalog" / "comfyui-fancy-nodes.json").keys() == {"FancyImage"}
    for name in ("check", "prompt"):
        done = comfy2runpod(name, "graphs/fancy.json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = comfy2runpod("compile", "graphs/fancy.json", "-o", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0
    assert "warning[pack-not-in-image]" in done.stderr
    assert "node pack comfyui-fancy-nodes" in done.stderr


def test_a_catalog_can_be_named_for_one_run(tmp_path: Path, saved: Path) -> None:
    catalog = tmp_path / "fancy.json"
    assert comfy2runpod("catalog", "refresh", "--from", saved, "--packs-only", "-o", catalog).returncode == 0
    assert comfy2runpod("check", PACK_GRAPH).returncode == 1
    assert comfy2runpod("check", PACK_GRAPH, "--catalog", catalog).returncode == 0


def test_a_running_server_tells_its_version(tmp_path: Path) -> None:
    with running_simulator(load_catalog()) as simulator:
        done = comfy2runpod("catalog", "refresh", "--from", simulator.url, "-o", tmp_path / "core.json")
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "core.json").read_text("utf-8"))
    known = load_catalog()
    assert (made["comfyui"], made["commit"], made["editor"]) == (known.comfyui, known.commit, known.editor)
    assert made["classes"].keys() == set(known)


def test_files_on_the_server_are_in_no_catalog(tmp_path: Path, saved: Path) -> None:
    comfy2runpod("catalog", "refresh", "--from", saved, "-o", tmp_path / "all.json")
    text = (tmp_path / "all.json").read_text("utf-8")
    assert [file for files in FOLDERS.values() for file in files if file in text] == []
    known = load_catalog()
    differs = {name for name, entry in classes_of(tmp_path / "all.json").items() if entry != known.raw(name)}
    # The answer for PrimitiveInt says less than its catalog entry: control_after_generate is a word there.
    assert differs == {"FancyImage", "PrimitiveInt"}


def test_a_default_that_is_a_file_of_the_server_is_no_fact_of_a_class(tmp_path: Path) -> None:
    own = object_info(load_catalog(), lambda _: ["notes.txt"])["OpenAIInputFiles"]
    own["input"]["required"]["file"][1]["default"] = "notes.txt"
    inputs = {
        "model": [FOLDERS["checkpoints"], {"default": "sd15.safetensors"}],
        "named": [["None", "sd15.safetensors"], {"default": "None"}],
    }
    saved = tmp_path / "answer.json"
    saved.write_text(json.dumps(answer(FancyLoader=pack_class(**inputs), OpenAIInputFiles=own)), encoding="utf-8")
    comfy2runpod("catalog", "refresh", "--from", saved, "-o", tmp_path / "c.json")
    assert "default" not in inputs_of(tmp_path / "c.json", "OpenAIInputFiles")["file"]
    fancy = inputs_of(tmp_path / "c.json", "FancyLoader")
    assert ("default" in fancy["model"], fancy["named"]["default"]) == (False, "None")


def test_an_unknown_class_gets_the_folder_that_holds_just_its_files(tmp_path: Path) -> None:
    inputs = {
        "base": [["None", *FOLDERS["checkpoints"]], {}],
        "one_of_them": [["old/wan.ckpt"], {}],
        "style": ["COMBO", {"options": FOLDERS["loras"]}],
        "image": [["example.png"], {"image_upload": True}],
        "detector": [["auto", "yolo.onnx"], {}],
        "mode": [["fast", "v1.5"], {}],
    }
    saved = tmp_path / "answer.json"
    saved.write_text(json.dumps(answer(FancyLoader=pack_class(**inputs))), encoding="utf-8")
    done = comfy2runpod("catalog", "refresh", "--from", saved, "--packs-only", "-o", tmp_path / "c.json")
    told = inputs_of(tmp_path / "c.json", "FancyLoader")
    assert {name: (told[name]["choices"], told[name].get("folders")) for name in inputs} == {
        "base": (["None"], ["checkpoints"]),
        "one_of_them": ([], ["checkpoints"]),
        "style": ([], ["loras"]),
        "image": ([], ["input"]),
        "detector": (["auto"], [""]),
        "mode": (["fast", "v1.5"], None),
    }
    assert "folder not told: FancyLoader.detector" in done.stderr
    assert ".safetensors" in told["base"]["extensions"]
    assert ".onnx" in told["detector"]["extensions"]


def test_a_server_is_asked_for_the_files_of_its_model_folders(tmp_path: Path) -> None:
    routes = {
        "/object_info": {"FancyLoader": pack_class(weights=[["a.gguf", "b.gguf"], {}])},
        "/system_stats": {"system": {"comfyui_version": "0.19.0", "required_frontend_version": "1.42.8"}},
        "/models": ["checkpoints", "unet_gguf"],
        "/models/checkpoints": ["a.safetensors"],
        "/models/unet_gguf": ["b.gguf", "a.gguf"],
    }
    with standing_in(routes) as url:
        done = comfy2runpod("catalog", "refresh", "--from", url + "/", "-o", tmp_path / "c.json")
    assert done.returncode == 0, done.stderr
    spec = inputs_of(tmp_path / "c.json", "FancyLoader")["weights"]
    assert (spec["choices"], spec["folders"], spec["extensions"]) == ([], ["unet_gguf"], [".gguf"])
    made = json.loads((tmp_path / "c.json").read_text("utf-8"))
    assert (made["comfyui"], made["commit"], made["editor"]) == ("0.19.0", None, "1.43")


def test_markers_tell_folders(tmp_path: Path) -> None:
    markers = [["None", "__folder__ipadapter.safetensors", "__folder__ipadapter.bin"], {}]
    saved = tmp_path / "answer.json"
    saved.write_text(json.dumps({"FancyLoader": pack_class(model=markers)}), encoding="utf-8")
    comfy2runpod("catalog", "refresh", "--from", saved, "-o", tmp_path / "c.json")
    spec = inputs_of(tmp_path / "c.json", "FancyLoader")["model"]
    assert (spec["choices"], spec["folders"], spec["extensions"]) == (["None"], ["ipadapter"], [".safetensors", ".bin"])


def test_the_same_answer_gives_the_same_bytes_packed_or_not_and_in_any_order(tmp_path: Path, saved: Path) -> None:
    classes = json.loads(saved.read_text("utf-8"))
    packed = tmp_path / "answer.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(dict(reversed(classes.items()))).encode()))
    texts = {comfy2runpod("catalog", "refresh", "--from", source).stdout for source in (saved, packed, saved)}
    assert len(texts) == 1
    assert json.loads(texts.pop())["classes"].keys() == classes.keys()


def test_a_class_that_cannot_be_read_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    saved = tmp_path / "answer.json"
    broken = pack_class()
    broken["input"] = {"required": {"x": []}}
    saved.write_text(json.dumps({"Broken": broken, "FancyImage": pack_class()}), encoding="utf-8")
    done = comfy2runpod("catalog", "refresh", "--from", saved, "--comfyui", "0.21.0", "-o", tmp_path / "c.json")
    assert "omitted: Broken" in done.stderr
    assert classes_of(tmp_path / "c.json").keys() == {"FancyImage"}


@pytest.mark.parametrize("content", [b"not json", b"[]", b"{}", b'{"a": 1}', b"\x1f\x8bcut", b'{"a": {"input": 1}}'])
def test_what_is_not_an_answer_is_refused_and_nothing_written(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_bytes(content)
    done = comfy2runpod("catalog", "refresh", "--from", tmp_path / "answer.json", "-o", tmp_path / "c.json")
    assert (done.returncode, "bad-object-info" in done.stderr) == (1, True)
    assert not (tmp_path / "c.json").exists()


def test_a_server_that_does_not_answer_exits_3(tmp_path: Path) -> None:
    with standing_in({}) as url:
        silent = comfy2runpod("catalog", "refresh", "--from", url)
    gone = comfy2runpod("catalog", "refresh", "--from", url)
    for done in (silent, gone):
        assert (done.returncode, "server-unreachable" in done.stderr) == (3, True)
    assert comfy2runpod("catalog", "refresh", "--from", tmp_path / "nowhere.json").returncode == 3


def test_a_pack_that_is_not_there_is_refused_with_the_nearest(saved: Path) -> None:
    done = comfy2runpod("catalog", "refresh", "--from", saved, "--pack", "fancy-nodes")
    assert done.returncode == 1
    assert "Did you mean comfyui-fancy-nodes?" in done.stderr


def test_a_layer_leaves_comfyuis_own_classes_as_they_are(tmp_path: Path) -> None:
    own = load_catalog().raw("EmptyImage")
    classes = {"EmptyImage": {**(own or {}), "inputs": []}, "FutureNode": {"inputs": [], "module": "comfy_extras.new"}}
    layer = tmp_path / "layer.json"
    layer.write_text(json.dumps({"comfyui": "9.0.0", "classes": classes}), encoding="utf-8")
    assert comfy2runpod("check", GRAPH, "--catalog", layer).returncode == 0
    shown = comfy2runpod("catalog", "show", "EmptyImage", "--catalog", layer, "--format", "json")
    assert json.loads(shown.stdout)["inputs"] == (own or {})["inputs"]
    assert comfy2runpod("catalog", "show", "FutureNode", "--catalog", layer).returncode == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "it is not JSON"),
        ("[]", "it has neither `classes` nor `facts`"),
        ('{"FancyImage": {"input": {}}}', "catalog refresh --from"),
        ('{"classes": {"FancyImage": {"inputs": [{"type": "INT"}]}}}', "the class FancyImage is malformed"),
    ],
)
def test_a_bad_catalog_beside_a_graph_is_refused(content: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "x.json").write_text(content, encoding="utf-8")
    (tmp_path / "graph.json").write_bytes(GRAPH.read_bytes())
    done = comfy2runpod("check", tmp_path / "graph.json", "--format", "json")
    assert done.returncode == 1
    (entry,) = json.loads(done.stdout)
    assert entry["code"] == "bad-catalog"
    assert entry["at"]["file"] == (tmp_path / "catalog" / "x.json").as_posix()
    assert why in entry["reason"]


def test_show_tells_what_is_known_of_a_class(saved: Path, tmp_path: Path) -> None:
    text = comfy2runpod("catalog", "show", "RandomNoise").stdout
    assert "noise_seed" in text
    assert "seed control" in text
    assert "a file of checkpoints" in comfy2runpod("catalog", "show", "CheckpointLoaderSimple").stdout
    data = json.loads(comfy2runpod("catalog", "show", "RandomNoise", "--format", "json").stdout)
    assert (data["class"], data["source"]) == ("RandomNoise", "ComfyUI 0.21.0")
    comfy2runpod("catalog", "refresh", "--from", saved, "--packs-only", "-o", tmp_path / "c.json")
    assert (
        "a catalog that was given"
        in comfy2runpod("catalog", "show", "FancyImage", "--catalog", tmp_path / "c.json").stdout
    )
    done = comfy2runpod("catalog", "show", "RandomNoize")
    assert done.returncode == 1
    assert "Did you mean RandomNoise" in done.stderr


def test_a_model_of_an_unknown_folder_needs_a_folder_in_the_note(tmp_path: Path) -> None:
    saved, catalog, graph = tmp_path / "answer.json", tmp_path / "c.json", tmp_path / "graph.json"
    loader = pack_class(detector=[["yolo.onnx"], {}])
    saved.write_text(json.dumps(answer(FancyImage=loader)), encoding="utf-8")
    comfy2runpod("catalog", "refresh", "--from", saved, "--packs-only", "-o", catalog)
    data = json.loads(PACK_GRAPH.read_text("utf-8"))
    node = next(node for node in data["nodes"] if node["type"] == "FancyImage")
    node["widgets_values"].append("yolo.onnx")
    node["properties"]["models"] = [{"name": "yolo.onnx", "url": "https://example.org/yolo.onnx"}]
    graph.write_text(json.dumps(data), encoding="utf-8")
    done = comfy2runpod("compile", graph, "--catalog", catalog, "-o", tmp_path / "out")
    assert (done.returncode, "model-without-folder" in done.stderr) == (1, True)
    note = "models: {yolo.onnx: {directory: detection}}"
    data["nodes"].append({"id": 98, "type": "Note", "title": "comfy2runpod", "widgets_values": [note]})
    graph.write_text(json.dumps(data), encoding="utf-8")
    done = comfy2runpod("compile", graph, "--catalog", catalog, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    (model,) = json.loads((tmp_path / "out" / "graph" / "models.lock.json").read_text("utf-8"))["models"]
    assert model["directory"] == "detection"
