"""An image's worker is built from a package's folder alone: no package index has this project."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
from pathlib import Path

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.simulator import running_simulator
from tests.cli.command import ROOT, comfy2runpod

from .environments import environment, python, ran
from .image import build_worker, context
from .test_runtime_wheel import IMPORT_ALL, PACKAGES

GRAPH = ROOT / "graphs" / "t2i_klein_4b.json"
FORGOTTEN = (
    ".env", "id_rsa", ".git/config", ".aws/credentials", "notes.md", "runtime/secret.txt", "models/big.safetensors",
    "docs/API.md", "clients/python/pyproject.toml", ".venv/bin/python",
)  # fmt: skip


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """One package alone in a folder, with what people forget in such a folder."""
    assert comfy2runpod("compile", GRAPH, "-o", tmp_path / "alone").returncode == 0
    (folder,) = (tmp_path / "alone").iterdir()
    for name in FORGOTTEN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret")
    return folder


def test_the_image_gets_what_it_copies_and_nothing_else(package: Path, tmp_path: Path) -> None:
    given = context(package, tmp_path / "context")
    there = {path.relative_to(given).as_posix() for path in given.rglob("*") if path.is_file()}
    copied: set[str] = set()
    for sources in re.findall(r"^COPY (.*) \S+$", (package / "Dockerfile").read_text(), re.MULTILINE):
        for source in sources.split():
            copied |= {name for name in there if name == source or name.startswith(f"{source}/")}
    assert copied == there
    assert not there & set(FORGOTTEN)
    assert sum(name.startswith("runtime/") for name in there) == 1


def test_the_dockerfiles_worker_steps_make_a_worker_that_answers(package: Path, tmp_path: Path) -> None:
    version = re.search(r"^ARG BASE=python:(3\.\d+)", (package / "Dockerfile").read_text(), re.MULTILINE)
    assert version is not None
    interpreter = python(version[1])
    if interpreter is None:
        pytest.skip(f"no Python {version[1]} here, which the image has")
    (tmp_path / "home").mkdir()
    given = context(package, tmp_path / "context")
    shutil.copy2(package / "Dockerfile", given)
    # Nothing but the folder is left of where it was compiled.
    shutil.rmtree(package.parent)
    root, entry = build_worker(given, tmp_path / "root", interpreter)
    app, worker = root / "app", root / "opt" / "worker" / "bin" / "python"
    assert entry == [str(app / "entrypoint.sh")]
    assert (app / "entrypoint.sh").stat().st_mode & 0o111
    env = environment(tmp_path / "home")
    pip = [interpreter, "-m", "pip", "--python", worker]
    ran([*pip, "check"], app, env)
    count, ours = json.loads(ran([worker, "-c", IMPORT_ALL], app, env).splitlines()[-1])
    assert (count > 50, ours) == (True, list(PACKAGES))
    lists = ran([*pip, "list", "--format", "json"], app, env)
    names = {one["name"].lower() for one in json.loads(lists[lists.index("[") :].splitlines()[0])}
    assert {"comfy2runpod-runtime", "runpod"} <= names
    assert not names & {"comfy2runpod", "torch", "networkx", "numpy", "huggingface-hub"}
    with running_simulator(load_catalog()) as simulator:
        # Without RunPod's variables its SDK runs the package's own example once, and its exit code says how that went.
        log = ran([worker, "-u", app / "handler.py"], app, {**env, "COMFYUI_URL": simulator.url})
    assert "media_type" in log
    assert "image/png" in log
    usage = ran([root / "opt" / "worker" / "bin" / "comfy2runpod-runtime", "start", "--help"], app, env)
    assert "--package" in usage


# As templates of .gitignore for Python and Node name them.
IGNORED = (
    "build", "develop-eggs", "dist", "downloads", "eggs", "env", "ENV", "lib", "lib64", "logs", "out", "parts", "sdist",
    "target", "tmp", "var", "venv", "wheels", "node_modules", "coverage", "*.egg", "*.egg-info", "*.log", "*.manifest",
    "*.mo", "*.pot", "*.py[codz]", "*.so", "*.spec", "*.tgz", "MANIFEST", "instance",
)  # fmt: skip


def test_no_file_of_a_package_is_one_that_people_have_git_ignore(package: Path) -> None:
    for name in FORGOTTEN:
        (package / name).unlink()
    names = [path.relative_to(package) for path in package.rglob("*") if path.is_file()]
    assert len(names) > 30
    lost = [
        str(name) for name in names if any(fnmatch.fnmatchcase(part, rule) for part in name.parts for rule in IGNORED)
    ]
    assert not lost
