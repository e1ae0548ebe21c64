"""README's "From a graph to an endpoint", command by command: real buildah and podman under Docker's name.

What is not real is said in `engine.py` and `docker_standin.py`; the models come from a stand-in of the hub, and without
`make image-test-real` ComfyUI is the simulator.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from comfy2runpod_contract.json_types import JsonObject
from tests.cli.command import ROOT
from tests.readme.test_readme import ENDPOINT, README
from tests.runtime.hub_standin import HubStandIn, serving

from .conftest import NAME, WHOLE, BuiltImage, lighten
from .engine import LIMITS, Store, settings_of

TAG = f"ghcr.io/me/{NAME}:1"
_HANG_SECONDS = 7200
COMMANDS = [line for line in ENDPOINT.replace("\\\n", "").splitlines() if line]


@dataclass
class Place:
    """Where the commands are run: a home, README's graphs, and `docker` on PATH."""

    folder: Path
    store: Store
    hub: HubStandIn

    @property
    def repository(self) -> Path:
        return self.folder / "home" / "my-endpoints"

    @property
    def package(self) -> Path:
        return self.repository / NAME

    @property
    def registry(self) -> Path:
        return self.folder / "registry"

    def prepare(self, source: Path) -> None:
        for name in ("home", "bin"):
            (self.folder / name).mkdir()
        shutil.copytree(ROOT / "graphs", self.folder / "graphs")
        settings = {**settings_of(), "HF_ENDPOINT": self.hub.url}
        added = {
            "build": [word.removeprefix("--engine-arg=") for word in self.store.build_options(source)[1:]],
            "run": ["--network=host", *LIMITS, *(f"--env={key}={value}" for key, value in settings.items())],
            "registry": str(self.registry),
        }
        (self.folder / "standin.json").write_text(json.dumps(added))
        program = [sys.executable, Path(__file__).with_name("docker_standin.py"), self.folder / "standin.json"]
        docker = self.folder / "bin" / "docker"
        docker.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, program))} "$@"\n')
        docker.chmod(0o755)

    def run(self, command: str) -> str:
        """What a command prints."""
        home = str(self.folder / "home")
        person = {f"GIT_{who}_{what}": "me@here" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        path = os.pathsep.join([str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder, env={**self.store.environment, **person, "HOME": home, "PATH": path},
            capture_output=True, text=True, errors="replace", check=False, timeout=_HANG_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
        assert "Traceback" not in done.stderr, done.stderr[-6000:]
        return done.stdout


@pytest.fixture
def place(store: Store, image: BuiltImage, source: Path, tmp_path: Path) -> Iterator[Place]:
    # An image was built: what it has in common with this one is not built anew.
    lock = json.loads((image.package / "models.lock.json").read_text())
    files = {model["path"].rpartition("/")[2]: model["file"].encode() * 100 for model in lock["models"]}
    with serving(HubStandIn(files=files)) as hub:
        made = Place(tmp_path, store, hub)
        made.prepare(source)
        yield made
    store.call("podman", "volume", "rm", "--force", "models", check=False)


def is_repository(place: Place, said: str) -> None:
    del said
    assert (place.repository / ".git").is_dir()


def is_compiled(place: Place, said: str) -> None:
    assert f"{NAME}" in said
    assert list(place.package.glob("runtime/*.whl"))
    needed = (place.package / "README.md").read_text()
    (seconds,) = [word for word in ENDPOINT_TEXT.split("`") if word.startswith("RUNPOD_INIT_TIMEOUT=")]
    assert f"`{seconds}`" in needed
    assert "(16.1 GB)" in ENDPOINT_TEXT
    assert "3 files, 16.1 GB" in needed
    if not WHOLE:
        lighten(place.package)


def is_added(place: Place, said: str) -> None:
    del said
    listed = place.run(f"git -C ~/my-endpoints diff --cached --name-only -- {NAME}").split()
    assert [name for name in listed if name.endswith(".whl")]
    manifest = json.loads((place.package / ".comfy2runpod.json").read_text())["files"]
    assert {f"{NAME}/{name}" for name in manifest} <= set(listed)


def is_committed(place: Place, said: str) -> None:
    assert "A paper boat" in said
    assert place.run("git -C ~/my-endpoints status --porcelain") == ""


def is_built(place: Place, said: str) -> None:
    assert f"{TAG}: built by docker" in said
    labels = place.store.inspect(TAG)["config"]["Labels"]
    commit = place.run("git -C ~/my-endpoints rev-parse HEAD").strip()
    assert labels["org.opencontainers.image.revision"] == commit
    assert "pushed" not in said


def is_answered(place: Place, said: str) -> None:
    """Its standard output is the answer, and the file that it names has the size that was asked for."""
    check_image(json.loads(said), place.repository / "results" / "image.png", (768, 512))
    models = place.store.call("podman", "volume", "inspect", "--format", "{{.Mountpoint}}", "models").strip()
    there = {path.name for path in Path(models).rglob("*.safetensors")}
    assert there == set(place.hub.files)
    assert len(place.hub.downloads()) == len(there)
    # The package's own README has the same for its test_input.json; the models are there now.
    (own,) = re.findall(r"```sh\n(docker run .*?)\n```", (place.package / "README.md").read_text(), re.DOTALL)
    assert f" {NAME} " in own
    said = place.run(f"cd {place.package} && {own.replace(f' {NAME} ', f' {TAG} ')}")
    check_image(json.loads(said), place.package / "results" / "image.png", (1024, 1024))
    assert len(place.hub.downloads()) == len(there)


def check_image(answer: JsonObject, file: Path, size: tuple[int, int]) -> None:
    """The answer names the file, and what it says of the file is so."""
    assert answer["image"] == file.name
    assert (answer["width"], answer["height"], answer["media_type"]) == (*size, "image/png")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == answer["sha256"]
    with Image.open(file) as image:
        image.load()
        assert (image.size, image.format) == (size, "PNG")


def is_pushed(place: Place, said: str) -> None:
    del said
    manifest = json.loads((place.registry / TAG / "manifest.json").read_text())
    assert len(manifest["layers"]) == len(place.store.inspect(TAG)["rootfs"]["diff_ids"])


ENDPOINT_TEXT = README[README.index("## From a graph to an endpoint") : README.index("## Say it in the graph")]
# Of each command, by how it begins, what it has to have done.
CHECKS: dict[str, Callable[[Place, str], None]] = {
    "git init": is_repository,
    "comfy2runpod compile": is_compiled,
    "git -C ~/my-endpoints add": is_added,
    "git -C ~/my-endpoints commit": is_committed,
    "comfy2runpod build": is_built,
    "docker run": is_answered,
    "docker push": is_pushed,
}


def test_every_command_has_its_check() -> None:
    """Also where no image can be built: a command that is new in README.md fails here until it is walked through."""
    assert len(COMMANDS) == len(CHECKS)
    for command, begins in zip(COMMANDS, CHECKS, strict=True):
        assert command.startswith(f"{begins} "), command


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_commands_lead_from_a_graph_to_an_image_that_answers(place: Place) -> None:
    for command, check in zip(COMMANDS, CHECKS.values(), strict=True):
        check(place, place.run(command))
