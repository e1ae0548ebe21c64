"""Models in the image: what `--bake` puts there, and that a start goes by its list and by nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfy2runpod_runtime.models.baked import baked_folder, baked_models
from comfy2runpod_runtime.models.lock import read_lock
from comfy2runpod_runtime.models.provision import provision_worker
from comfy2runpod_runtime.settings import Settings
from tests.patience import HANG_SECONDS

from .hub_standin import HubStandIn, serving

CONTENTS = {
    "small.safetensors": random.Random(1).randbytes(1000),
    "large.safetensors": random.Random(2).randbytes(5000),
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    with serving(HubStandIn(files=dict(CONTENTS))) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def entry(name: str, **more: Any) -> dict[str, Any]:
    content = CONTENTS[name]
    known = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    url = f"https://huggingface.co/org/name/resolve/main/{name}"
    return {"file": name, "directory": "loras/ink", "url": url, **known, **more}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    write_lock(tmp_path, *map(entry, CONTENTS))
    return tmp_path


def write_lock(package: Path, *entries: dict[str, Any]) -> None:
    (package / "models.lock.json").write_text(json.dumps({"version": 1, "models": entries}))


def bake(package: Path, largest: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "comfy2runpod_runtime.models.bake", "--package", str(package)]
    return subprocess.run(
        [*command, f"--largest={largest}"], env=os.environ, capture_output=True, text=True, timeout=HANG_SECONDS,
        check=False,
    )  # fmt: skip


def in_image(package: Path) -> set[str]:
    return {model.file for model in baked_models(read_lock(package / "models.lock.json"), baked_folder(package))}


@pytest.mark.parametrize(
    ("largest", "expected"),
    [(999, set()), (1000, {"small.safetensors"}), (4999, {"small.safetensors"}), (5000, set(CONTENTS))],
)
def test_models_up_to_a_size_are_put_into_the_image_and_a_start_downloads_the_others(
    hub: HubStandIn, package: Path, largest: int, expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = bake(package, largest)
    assert done.returncode == 0, done.stderr
    assert in_image(package) == expected
    hub.asked.clear()
    models, lock = package / "volume", read_lock(package / "models.lock.json")
    monkeypatch.setenv("VOLUME_DIR", str(package / "elsewhere"))
    provision_worker(lock, models, Settings.read(), baked_models(lock, baked_folder(package)))
    there = {path.name for path in models.rglob("*.safetensors")}
    assert there == set(CONTENTS) - expected
    assert len(hub.downloads()) == len(there)


def test_nothing_but_the_models_and_their_list_is_left(hub: HubStandIn, package: Path) -> None:
    assert bake(package, 5000).returncode == 0
    folder = baked_folder(package)
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        "baked.json", *(f"loras/ink/{name}" for name in CONTENTS)
    }  # fmt: skip
    for name, content in CONTENTS.items():
        assert (folder / "loras/ink" / name).read_bytes() == content


def test_layers_that_keep_no_times_change_nothing(hub: HubStandIn, package: Path) -> None:
    assert bake(package, 1000).returncode == 0
    os.utime(baked_folder(package) / "loras/ink/small.safetensors", (0, 0))
    assert in_image(package) == {"small.safetensors"}


def test_of_another_lock_or_size_no_model_is_taken_for_baked(hub: HubStandIn, package: Path) -> None:
    assert bake(package, 5000).returncode == 0
    write_lock(package, entry("small.safetensors", sha256="0" * 64), entry("large.safetensors"))
    assert in_image(package) == {"large.safetensors"}
    (baked_folder(package) / "loras/ink/large.safetensors").write_bytes(b"cut off")
    assert in_image(package) == set()


@pytest.mark.parametrize("text", ["", "{", '{"files": [{"path": 1}]}', '{"files": [{"path": "../x", "size": 1}]}'])
def test_a_list_that_is_none_says_that_nothing_is_baked(package: Path, text: str) -> None:
    baked_folder(package).mkdir()
    (baked_folder(package) / "baked.json").write_text(text)
    assert in_image(package) == set()


@pytest.mark.parametrize("unknown", [{"size": None}, {"sha256": None}])
def test_a_lock_that_does_not_tell_everything_is_no_lock_to_bake(package: Path, unknown: dict[str, None]) -> None:
    write_lock(package, entry("small.safetensors", **unknown))
    done = bake(package, 5000)
    assert done.returncode != 0
    assert "small.safetensors" in done.stderr
    assert "comfy2runpod lock" in done.stderr
    assert not baked_folder(package).exists()


def test_a_list_that_cannot_be_written_ends_the_build_with_its_reason(hub: HubStandIn, package: Path) -> None:
    (baked_folder(package) / "baked.json").mkdir(parents=True)
    done = bake(package, 1000)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "baked.json" in done.stderr


def test_another_file_of_that_name_ends_the_build_and_is_not_listed(hub: HubStandIn, package: Path) -> None:
    hub.wrong["small.safetensors"] = CONTENTS["small.safetensors"][::-1]
    done = bake(package, 1000)
    assert done.returncode != 0
    assert "sha256" in done.stderr
    assert in_image(package) == set()
