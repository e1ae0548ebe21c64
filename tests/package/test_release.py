"""The catalog, the image's lock, the editor and every sentence are of the one ComfyUI that `RELEASE` names."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.object_info import class_entry
from comfy2runpod.catalog.release import NOT_IN_IMAGE, RELEASE
from comfy2runpod.editor import profile_of_version
from comfy2runpod.stages.emit.image import layer_locks
from comfy2runpod_contract.json_types import Json

ROOT = Path(__file__).parents[2]
SHIPPED = resources.files("comfy2runpod")
PACKAGES = sorted(path.parent for path in ROOT.glob("generated/*/Dockerfile"))


def pins(lock: str) -> dict[str, str]:
    """The versions of a lock file, by package."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))


def image_lock() -> str:
    return (SHIPPED / f"templates/comfyui-{RELEASE.version}.lock").read_text("utf-8")


def texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def test_the_catalog_is_of_the_release() -> None:
    catalog = load_catalog()
    assert (catalog.comfyui, catalog.commit) == (RELEASE.version, RELEASE.commit)
    profile = profile_of_version(RELEASE.editor)
    assert profile is not None
    assert catalog.editor == profile.name
    assert len(catalog) == 705


def test_one_catalog_and_one_lock_are_shipped() -> None:
    assert [path.name for path in (SHIPPED / "catalog/data").glob("*.json")] == [f"comfyui-{RELEASE.version}.json"]
    locks = [path.name for path in (SHIPPED / "templates").iterdir() if path.name.startswith("comfyui-")]
    assert locks == [f"comfyui-{RELEASE.version}.lock"]


def test_the_images_lock_has_what_the_release_requires() -> None:
    locked = pins(image_lock())
    assert RELEASE.requirements["comfyui-frontend-package"] == f"=={RELEASE.editor}"
    wrong = [
        f"{name}{allowed}: {locked.get(name)}"
        for name, allowed in RELEASE.requirements.items()
        if name not in locked or locked[name] not in Requirement(name + allowed).specifier
    ]
    assert wrong == []


def test_torch_is_of_the_cuda_line_that_packages_say() -> None:
    locked = pins(image_lock())
    assert locked["torch"] == locked["torchaudio"] == RELEASE.torch
    assert locked["nvidia-cuda-runtime"].startswith(f"{RELEASE.cuda}.")
    assert RELEASE.host_cuda[0] == RELEASE.cuda
    for package in PACKAGES:
        for name, key in (("hub", "config"), ("tests", "config")):
            config = json.loads((package / ".runpod" / f"{name}.json").read_text("utf-8"))[key]
            assert config["allowedCudaVersions"] == [*RELEASE.host_cuda]


def test_a_layer_has_its_part_of_the_lock_and_none_is_empty() -> None:
    parts = {name: pins(text) for name, text in layer_locks(RELEASE.version).items()}
    assert {name: list(part) for name, part in parts.items() if len(part) < 3} == {
        "cudnn.lock": ["nvidia-cudnn-cu13", "nvidia-nccl-cu13"], "triton.lock": ["triton"], "torch.lock": ["torch"],
    }  # fmt: skip
    assert all(name.startswith(("cuda-", "nvidia-")) for name in parts["cuda.lock"])
    assert not any(name.startswith("nvidia-") for name in parts["comfyui.lock"])
    assert not set(NOT_IN_IMAGE) & pins(image_lock()).keys()


def test_the_tests_drive_the_releases_editor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    group = f"editor-{load_catalog().editor.replace('.', '-')}"
    assert project["dependency-groups"][group] == [f"comfyui-frontend-package=={RELEASE.editor}"]
    locked = pins((ROOT / f"requirements/editor-{load_catalog().editor}.lock").read_text("utf-8"))
    assert locked == {"comfyui-frontend-package": RELEASE.editor}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_packages_build_the_release(package: Path) -> None:
    commits = re.findall(r"ComfyUI\.git#(\S+)", (package / "Dockerfile").read_text("utf-8"))
    assert commits == [RELEASE.commit]
    # A lock a layer, which together are the release's.
    locks = {name: (package / "image" / name).read_text("utf-8") for name in layer_locks(RELEASE.version)}
    assert locks == layer_locks(RELEASE.version)
    assert sorted("".join(locks.values()).splitlines()) == sorted(image_lock().splitlines())


def test_no_sentence_speaks_of_another_release() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    spoken = (".py", ".md", ".err", ".j2", ".toml")
    others = {"CHANGELOG.md", "tests/errors/bind/unknown_class_of_a_newer_comfyui.err"}
    files = [name for name in listed.splitlines() if name.endswith(spoken) and name not in others]
    if not files:
        pytest.skip("no checkout")
    named = re.compile(r"ComfyUI (\d+\.\d+\.\d+)")
    other = {
        (name, version)
        for name in files
        for version in named.findall((ROOT / name).read_text("utf-8"))
        if version != RELEASE.version
    }
    assert other == set()


def test_no_marker_of_the_catalogs_maker_is_in_it() -> None:
    catalog = load_catalog()
    assert [name for name in catalog if any("__folder__" in text for text in texts(catalog.raw(name)))] == []


def test_no_marker_becomes_a_value_of_a_catalog() -> None:
    marker = "__folder__input.txt"
    option = {"key": "a", "inputs": {"required": {"file": ["COMBO", {"default": marker, "options": [marker, "none"]}]}}}
    entry = class_entry(
        "Fancy",
        {
            "input": {
                "required": {
                    "listed": [[marker, "3d/__folder__input3d.glb"], {"default": marker}],
                    "several": ["COMBO", {"options": [marker], "multiselect": True, "default": [marker]}],
                    "kind": ["COMFY_DYNAMICCOMBO_V3", {"options": [option, {**option, "key": marker}]}],
                }
            }
        },
    )
    assert marker not in json.dumps(entry)
    listed, several, kind = entry["inputs"]
    assert listed["folders"] == ["input", "input3d"]
    assert several["folders"] == ["input"]
    assert [one["key"] for one in kind["options"]] == ["a"]
    assert kind["options"][0]["inputs"][0]["choices"] == ["none"]
