"""hub.json and tests.json have the form that RunPod publishes, whatever the graph is, and say what it needs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from comfy2runpod.author.contract import contract_of
from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.release import RELEASE
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.ir.interface import Interface
from comfy2runpod.pipeline import compile_graph
from comfy2runpod.stages.emit.hub_listing import hub_json, hub_tests_json
from comfy2runpod.stages.emit.needs import container_disk_gb, init_timeout_seconds, start_seconds
from comfy2runpod.stages.interface.gpu_pools import GPU_POOLS
from comfy2runpod.worker_settings import worker_settings
from comfy2runpod_contract.media import MediaKind
from tests.rendering.interfaces import bare, several, single

from .variants import ABOUT, GATED, MODELS, PUBLIC, UNLOCKED, variants

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(__file__).parent / "hub.schema.json").read_text("utf-8"))
FORM = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
PACKAGES = sorted(path.parent for path in ROOT.glob("generated/*/.runpod"))
VARIANTS = variants()
EXAMPLE: dict[str, Any] = {"text": "a cat"}


def listing(interface: Interface) -> dict[str, Any]:
    """Both files, as their schema has them."""
    return {"hub": hub_json(interface), "tests": hub_tests_json(interface, EXAMPLE)}


def faults(told: dict[str, Any]) -> list[str]:
    """What is wrong with them: by the form, and by what one part says of another."""
    found = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in FORM.iter_errors(told)]
    config = told["hub"]["config"]
    keys = [variable["key"] for variable in config["env"]]
    found += [f"{key} is asked for twice" for key in set(keys) if keys.count(key) > 1]
    inputs = {variable["key"]: variable["input"] for variable in config["env"] if "input" in variable}
    values = {key: {one["value"] for one in form["options"]} for key, form in inputs.items() if "options" in form}
    for key, allowed in values.items():
        if inputs[key]["default"] not in allowed:
            found.append(f"{key}: its default is no option")
    for key, form in inputs.items():
        if form["type"] == "number" and not form.get("min", 0) <= form["default"] <= form.get("max", 10**9):
            found.append(f"{key}: its default is out of bounds")
    for preset in config["presets"]:
        for key, value in preset["defaults"].items():
            if key not in inputs or value not in values.get(key, {value}):
                found.append(f"{preset['name']}: {key} is asked for otherwise")
    if told["tests"]["config"]["allowedCudaVersions"] != config["allowedCudaVersions"]:
        found.append("the test runs on another CUDA")
    return found


def test_the_schema_is_one_and_the_guides_own_example_passes() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    static, asked = {"key": "A", "value": "b"}, {"name": "A", "type": "string", "description": "What it is."}
    config = {"runsOn": "GPU", "containerDiskInGb": 20, "gpuCount": 1, "gpuIds": "ADA_24,-NVIDIA GeForce RTX 4090"}
    hub = {"title": "A", "description": "B", "type": "serverless", "category": "language", "config": config}
    tests = {
        "tests": [{"name": "a", "input": {}, "timeout": 10000}],
        "config": {"gpuTypeId": "NVIDIA GeForce RTX 4090", "gpuCount": 1, "env": [static]},
    }
    FORM.validate({"hub": hub, "tests": tests})
    config |= {"env": [static, {"key": "B", "input": asked}]}
    FORM.validate({"hub": hub, "tests": tests})
    wrong = [
        {**hub, "category": "3d"}, {**hub, "iconUrl": "http://a/b.png"}, {**hub, "more": 1},
        {**hub, "config": {**config, "gpuIds": "RTX"}}, {**hub, "config": {**config, "allowedCudaVersions": []}},
        {**hub, "config": {**config, "env": [{"key": "B", "input": {**asked, "type": "text"}}]}},
        {**hub, "config": {**config, "env": [{**static, "input": asked}]}},
        {**hub, "config": {**config, "endpointType": "QB"}},
    ]  # fmt: skip
    assert [FORM.is_valid({"hub": one, "tests": tests}) for one in wrong] == [False] * len(wrong)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_generated_package_has_the_form(package: Path) -> None:
    told = {name: json.loads((package / ".runpod" / f"{name}.json").read_text("utf-8")) for name in ("hub", "tests")}
    assert faults(told) == []
    test_input = json.loads((package / "test_input.json").read_text("utf-8"))
    assert told["tests"]["tests"][0]["input"] == test_input["input"]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_has_the_form(name: str) -> None:
    assert faults(listing(VARIANTS[name])) == []


def test_a_fault_is_found() -> None:
    told = listing(several())
    env = told["hub"]["config"]["env"]
    warmup = next(variable for variable in env if variable["key"] == "WARMUP")
    warmup["input"]["default"] = "maybe"
    env.append(env[0])
    told["hub"]["config"]["presets"][0]["defaults"] = {"NOBODY": "x"}
    assert len(faults(told)) == 3


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        (MediaKind.VIDEO, "video"), (MediaKind.ANIMATION, "video"), (MediaKind.IMAGE, "image"),
        (MediaKind.DRAWING, "image"), (MediaKind.MODEL3D, "image"), (MediaKind.AUDIO, "audio"),
        (MediaKind.TEXT, "language"),
    ],
)  # fmt: skip
def test_the_category_is_one_of_the_hubs(kind: MediaKind, category: str) -> None:
    assert hub_json(single(kind, "text/plain"))["category"] == category


def asked(interface: Interface) -> dict[str, dict[str, Any]]:
    config: Any = hub_json(interface)["config"]
    return {variable["key"]: variable["input"] for variable in config["env"]}


@pytest.mark.parametrize(
    ("models", "required", "advanced", "said"),
    [
        ("gated", True, False, "accepted the terms of org/gated"),
        ("gated and public", True, False, "accepted the terms of org/gated"),
        ("unlocked", False, False, "comfy2runpod lock"),
        ("public", False, True, "No model of this package needs one"),
    ],
)
def test_a_token_is_asked_for_as_the_models_need_it(models: str, required: bool, advanced: bool, said: str) -> None:
    token = asked(replace(several(), models=MODELS[models]))["HF_TOKEN"]
    assert (token["required"], token["advanced"]) == (required, advanced)
    assert said in token["description"]


def test_a_token_is_asked_for_where_models_lie_alone() -> None:
    assert "HF_TOKEN" not in asked(replace(several(), models=MODELS["civitai"]))
    assert "CIVITAI_TOKEN" in asked(replace(several(), models=MODELS["civitai"]))
    assert "CIVITAI_TOKEN" not in asked(replace(several(), models=MODELS["public"]))
    assert not {"HF_TOKEN", "CIVITAI_TOKEN"} & asked(replace(several(), models=MODELS["by hand"])).keys()


def test_what_is_asked_is_a_setting_of_the_worker_and_concerns_its_outputs() -> None:
    of_files, of_text = asked(single(MediaKind.IMAGE, "image/png")), asked(single(MediaKind.TEXT, "text/plain"))
    own = {"RUNPOD_INIT_TIMEOUT"}
    assert of_files.keys() - own <= worker_settings().keys()
    assert {"BUCKET_NAME", "OUTPUT_DELIVERY", "OUTPUT_FORMAT", "WARMUP"} <= of_files.keys()
    assert not [key for key in of_text if key.startswith(("BUCKET_", "OUTPUT_"))]
    assert "OUTPUT_FORMAT" not in asked(single(MediaKind.VIDEO, "video/mp4"))
    for key, form in of_files.items():
        if "options" in form and key != "WARMUP":
            assert {one["value"] for one in form["options"]} - {""} == set(worker_settings()[key].choices)


def test_no_secret_has_a_default() -> None:
    for interface in (several(), replace(several(), models=MODELS["all"])):
        for key, form in asked(interface).items():
            if key.endswith(("_TOKEN", "_KEY", "_KEY_ID")):
                assert form["default"] == ""
    assert [key for key, setting in worker_settings().items() if setting.secret] == [
        "BUCKET_ACCESS_KEY_ID", "BUCKET_SECRET_ACCESS_KEY",
    ]  # fmt: skip


def test_the_icon_is_the_notes() -> None:
    icon = "https://example.com/icon.png"
    assert "iconUrl" not in hub_json(bare())
    assert hub_json(replace(bare(), runpod=replace(bare().runpod, icon=icon)))["iconUrl"] == icon


def noted(*lines: str) -> bytes:
    """A graph whose note says more of where it is to run."""
    text = (ROOT / "graphs" / "t2i_klein_4b.json").read_text("utf-8")
    graph = json.loads(text)
    (note,) = [node for node in graph["nodes"] if node.get("title") == "comfy2runpod"]
    before = note["widgets_values"][0]
    note["widgets_values"][0] = before.replace("  execution_timeout: 5m", "\n".join(f"  {line}" for line in lines))
    assert note["widgets_values"][0] != before
    return json.dumps(graph).encode()


@pytest.mark.parametrize(
    "lines",
    [
        ("icon: https://example.com/a/icon.png?v=1&x=%20",),
        ("icon: https://example.com/",),
        ("execution_timeout: 168h", "container_disk: 1GB"),
        ("execution_timeout: 5s", "container_disk: 900TB"),
    ],
)
def test_what_a_note_says_gives_a_listing_of_the_form(lines: tuple[str, ...]) -> None:
    graph = noted(*[line for line in lines if not line.startswith("container_disk")])
    for line in lines:
        if line.startswith("container_disk"):
            graph = graph.replace(b"container_disk: 10GB", line.encode())
    files = compile_graph(graph, "graph.json", load_catalog()).files
    told = {name: json.loads(files[f".runpod/{name}.json"]) for name in ("hub", "tests")}
    assert faults(told) == []
    assert told["hub"].get("iconUrl") == (lines[0].removeprefix("icon: ") if "icon" in lines[0] else None)


@pytest.mark.parametrize(
    "icon",
    [
        "http://example.com/a.png", "javascript:alert(1)", "https://user:pw@example.com/a.png", "https://example.com",
        "https://example.com:8443/a.png", "https://example.com/a b.png", "//example.com/a.png", "icon.png", "[]",
        "https://example.com/é.png", f"https://example.com/{'a' * 3000}", '"https://example.com/\\u202e.png"',
    ],
)  # fmt: skip
def test_an_icon_is_an_address_that_every_reader_takes(icon: str) -> None:
    with pytest.raises(CompileError) as refused:
        compile_graph(noted(f"icon: {icon}"), "graph.json", load_catalog())
    found = [(one.code, one.at.input) for one in refused.value.diagnostics]
    assert ("annotation-value", "runpod.icon") in found


@pytest.mark.parametrize("pool", GPU_POOLS)
def test_the_test_runs_on_a_gpu_of_the_first_pool(pool: str) -> None:
    interface = replace(bare(), runpod=replace(bare().runpod, gpu=(pool, "ADA_24")))
    assert hub_tests_json(interface, {})["config"]["gpuTypeId"] == GPU_POOLS[pool].gpu  # type: ignore[index,call-overload]


# What the models say, and what follows.


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_the_hosts_cuda_is_the_releases(package: Path) -> None:
    hub = json.loads((package / ".runpod" / "hub.json").read_text("utf-8"))
    assert hub["config"]["allowedCudaVersions"] == [*RELEASE.host_cuda]
    assert f"| CUDA of the host | {', '.join(RELEASE.host_cuda)} |" in (package / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("size", "seconds"),
    [
        (0, 420),
        (1, 420),
        (4_000_000_000, 420),
        # 45 GB at 50 MB/s are 900 s; half as much again, and 300 s of ComfyUI.
        (45_000_000_000, 1680),
        (10**15, 86_400),
    ],
)
def test_a_start_is_given_the_time_that_its_download_takes(size: int, seconds: int) -> None:
    assert init_timeout_seconds(size) == seconds


def test_more_to_download_never_gets_less_time() -> None:
    sizes = [gigabytes * 10**9 for gigabytes in range(0, 4000, 7)]
    times = [init_timeout_seconds(size) for size in sizes]
    assert times == sorted(times)
    assert all(time % 60 == 0 for time in times)
    assert all(time * 50 * 10**6 >= size for time, size in zip(times, sizes, strict=True) if time < 86_400)


def test_a_file_of_unknown_size_counts() -> None:
    known = replace(several(), models=(PUBLIC,))
    assert start_seconds(replace(known, models=(PUBLIC, UNLOCKED))) > start_seconds(known)
    assert start_seconds(replace(known, models=(ABOUT,))) == init_timeout_seconds(27_100_000_000)
    # What nobody downloads takes no time.
    assert start_seconds(replace(known, models=MODELS["by hand"])) == init_timeout_seconds(0)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_the_time_to_start_is_the_same_wherever_it_stands(package: Path) -> None:
    hub = json.loads((package / ".runpod" / "hub.json").read_text("utf-8"))
    tests = json.loads((package / ".runpod" / "tests.json").read_text("utf-8"))
    models = json.loads((package / "models.lock.json").read_text("utf-8"))["models"]
    sizes = [model["size"] or model["approximate_size"] or 10 * 10**9 for model in models]
    seconds = init_timeout_seconds(sum(sizes))
    (form,) = [one["input"] for one in hub["config"]["env"] if one["key"] == "RUNPOD_INIT_TIMEOUT"]
    assert form["default"] == seconds
    assert {"key": "RUNPOD_INIT_TIMEOUT", "value": str(seconds)} in tests["config"]["env"]
    assert f"\nRUNPOD_INIT_TIMEOUT={seconds}\n" in (package / ".env.example").read_text("utf-8")
    assert f"`RUNPOD_INIT_TIMEOUT={seconds}`" in (package / "README.md").read_text("utf-8")


def test_the_disk_is_what_diff_reads() -> None:
    interface = replace(several(), models=(PUBLIC, GATED))
    assert container_disk_gb(interface) == interface.runpod.container_disk_gb + 14
    package = next(path for path in PACKAGES if path.name == "t2v_ltx2")
    files = {
        path.relative_to(package).as_posix(): path.read_text("utf-8")
        for path in package.rglob("*.json")
        if not path.name.startswith(".")
    }
    hub = json.loads(files[".runpod/hub.json"])
    assert contract_of(files, "t2v_ltx2").container_disk_gb == hub["config"]["containerDiskInGb"]
