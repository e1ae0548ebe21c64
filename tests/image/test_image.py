"""The image of a package, built by buildah as it is and run by podman with its own entry point.

CI builds it without torch; `make image-test` with all of it. Without an engine these tests are skipped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from comfy2runpod.catalog.release import RELEASE
from tests.cli.command import ROOT
from tests.runtime.hub_standin import HubStandIn, serving
from tests.standins.runpod_queue import RunPodQueue

from .conftest import NAME, SECRET, WHOLE, BuiltImage, alone, built, lighten
from .engine import BASE, Store, in_image, running, settings_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

# Of the graph: what the prompt is if nothing else is said.
DEFAULT = "A paper boat on a rain puddle"
_SECONDS = 600
_STOP_SECONDS = 60
_PYTHON = "/opt/comfyui-venv/bin/python"
LARGE = "flux-2-klein-4b.safetensors"
_ADDITIONS = """image:
  files: {/app/files/words.txt: words.txt}
  pip: {roman==5.1: "sha256:bf595d8a9bc4a8e8b1dfa23e1d4def0251b03b494786df6b8c3d3f1635ce285a"}
"""
# No layer is larger: hosts pull them side by side.
_LARGEST_LAYER = 2_500_000_000


def test_what_was_built_is_the_emitted_dockerfile(image: BuiltImage, tmp_path: Path) -> None:
    assert (image.package / "Dockerfile").read_bytes() == (alone(tmp_path) / "Dockerfile").read_bytes()
    assert (image.package / "Dockerfile").read_bytes() == (ROOT / "generated" / NAME / "Dockerfile").read_bytes()


def test_its_configuration_is_what_the_package_says(image: BuiltImage) -> None:
    config = image.store.inspect(image.name)["config"]
    assert config["Entrypoint"] == ["/app/entrypoint.sh"]
    assert (config["StopSignal"], config["WorkingDir"]) == ("SIGTERM", "/app")
    labels = config["Labels"]
    workflow = (image.package / "workflow_api.json").read_bytes()
    assert labels["org.opencontainers.image.title"] == "Flux.2 Klein 4B text to image"
    assert labels["io.github.comfy2runpod.comfyui"] == RELEASE.commit
    assert labels["io.github.comfy2runpod.cuda"] == RELEASE.cuda
    assert labels["io.github.comfy2runpod.prompt.sha256"] == hashlib.sha256(workflow).hexdigest()


def test_no_secret_of_the_folder_is_in_a_layer(image: BuiltImage, tmp_path: Path) -> None:
    layers = tmp_path / "layers"
    image.store.call("buildah", "push", "--quiet", "--disable-compression", image.name, f"dir:{layers}")
    sizes = {}
    for path in layers.iterdir():
        sizes[path.name] = path.stat().st_size
        assert not holds(path, SECRET.encode()), path
    shutil.rmtree(layers)
    assert len(sizes) > 10
    assert max(sizes.values()) < _LARGEST_LAYER


def holds(path: Path, marker: bytes) -> bool:
    """Whether bytes stand in a file, read in parts."""
    with path.open("rb") as file:
        before = b""
        while part := file.read(1 << 22):
            if marker in before + part:
                return True
            before = part[-len(marker) :]
    return False


def test_only_what_a_worker_needs_is_in_it(image: BuiltImage) -> None:
    tools = "for tool in gcc cc g++ make git curl; do command -v $tool; done"
    libraries = "find /opt -name '*.a' -o -name pip -o -path '/opt/*/tests/*' -name 'test_*.py'"
    comfyui = "ls -A /opt/comfyui | grep -E '^[.]|tests'"
    assert in_image(image.store, image.name, f"{tools}; {libraries}; {comfyui}; true") == ""
    # Neither caches nor lists of packages beside those of the base.
    left = "find /root /tmp /var/tmp /var/cache /var/lib/apt -type f"
    there, before = (set(in_image(image.store, name, left).splitlines()) for name in (image.name, BASE))
    assert there - before == set()


def test_all_of_its_python_is_compiled(image: BuiltImage) -> None:
    script = (
        "import pathlib, importlib.util as u\n"
        "all = [p for p in pathlib.Path('/opt/comfyui').rglob('*.py')]\n"
        "print(len(all), [str(p) for p in all if not pathlib.Path(u.cache_from_source(p)).exists()])\n"
        "import comfy2runpod_runtime.endpoint as e, runpod\n"
        "print([m.__name__ for m in (e, runpod) if not pathlib.Path(m.__cached__).exists()])"
    )
    first, second, *_ = in_image(
        image.store, image.name, f'cd /app && /opt/worker/bin/python -c "{script}"'
    ).splitlines()
    count, _, missing = first.partition(" ")
    assert int(count) > 20
    assert (missing, second) == ("[]", "[]")


@pytest.mark.skipif(not WHOLE, reason="torch is left out: make image-test")
def test_torch_and_what_is_compiled_for_it_load(image: BuiltImage) -> None:
    script = (
        "import torch, torchaudio, torchvision, comfy_kitchen, av, scipy, transformers, numpy.testing, torch.testing;"
        "print(torch.__version__.partition('+')[0], torch.version.cuda)"
    )
    said = in_image(image.store, image.name, f'HOME=/tmp /opt/comfyui-venv/bin/python -c "{script}"')
    assert said.splitlines()[-1] == f"{RELEASE.torch} {RELEASE.cuda}", said


def adding(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """A graph that adds a file and a Python package to its image, and its lock of files with these contents by URL."""
    text = (ROOT / "graphs" / f"{NAME}.json").read_text()
    note = f"{json.dumps(_ADDITIONS)[1:-1]}models:"
    assert text.count("\\nmodels:") == 1
    (folder / f"{NAME}.json").write_text(text.replace("\\nmodels:", f"\\n{note}"))
    (folder / "words.txt").write_text("ink\n")
    files = {
        url: {"revision": None, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for url, content in contents.items()
    }
    (folder / f"{NAME}.lock.json").write_text(json.dumps({"version": 1, "files": files}))
    return folder / f"{NAME}.json"


@pytest.mark.skipif(WHOLE, reason="the same steps with all of it would only take longer")
async def test_models_and_what_the_note_adds_are_in_it(store: Store, source: Path, tmp_path: Path) -> None:
    """`--bake`, `image.files` and `image.pip`: a job then needs the hub for the large models alone."""
    models = json.loads((ROOT / "generated" / NAME / "models.lock.json").read_text())["models"]
    contents = {model["file"]: model["file"].encode() * 100 for model in models}
    contents[LARGE] *= 100
    graph = adding(tmp_path, {model["url"]: contents[model["file"]] for model in models})
    package = alone(tmp_path / "alone", graph=graph, options=("--allow-image-additions",))
    lighten(package)
    with serving(HubStandIn(files=contents)) as hub:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HF_ENDPOINT", hub.url)
            patch.setenv("HF_TOKEN", SECRET)
            added = built(store, package, source, "localhost/image-test-added:1", "--bake=10kB")
        baked = len(contents) - 1
        assert len(hub.downloads()) == baked
        assert SECRET not in added.log
        said = in_image(
            store, added.name, f"cat /app/files/words.txt; {_PYTHON} -c 'import roman; print(roman.toRoman(12))'"
        )
        assert said.splitlines() == ["ink", "XII"]
        assert in_image(store, added.name, f"grep -rlF {SECRET} /app /opt/package /root /run; true") == ""
        hub.asked.clear()
        async with RunPodQueue() as queue:
            queue.submit("job-1", json.loads((package / "test_input.json").read_text())["input"])
            settings = {**queue.environment(), **settings_of(), "HF_ENDPOINT": hub.url}
            with running(store, added.name, settings, tmp_path / "log") as container:
                posted = await container.result_of(queue, "job-1", _SECONDS)
                container.stop(_STOP_SECONDS)
    assert posted["output"]["media_type"] == "image/png", posted
    assert len(hub.downloads()) == 1


async def test_a_job_is_done_by_the_worker_in_it(image: BuiltImage, tmp_path: Path) -> None:
    """Its own entry point, RunPod's SDK and its queue's protocol; the models come from a stand-in of the hub."""
    lock = json.loads((image.package / "models.lock.json").read_text())
    files = {model["path"].rpartition("/")[2]: model["file"].encode() * 100 for model in lock["models"]}
    with serving(HubStandIn(files=files)) as hub:
        async with RunPodQueue() as queue:
            queue.submit("job-1", json.loads((image.package / "test_input.json").read_text())["input"] | {"seed": 7})
            settings = {**queue.environment(), **settings_of(), "HF_ENDPOINT": hub.url}
            with running(image.store, image.name, settings, tmp_path / "log") as container:
                posted = await container.result_of(queue, "job-1", _SECONDS)
                code = container.stop(_STOP_SECONDS)
    assert posted["output"]["media_type"] == "image/png", posted
    assert posted["output"]["seed"] == 7
    assert len(hub.downloads()) == len(files)
    # By SIGTERM, and not by what follows it.
    assert code not in (137, 125), container.said()[-4000:]
    assert SECRET not in container.said()


def test_a_changed_default_makes_the_last_layers_anew_and_no_other(
    image: BuiltImage, source: Path, tmp_path: Path
) -> None:
    text = (ROOT / "graphs" / f"{NAME}.json").read_text()
    assert DEFAULT in text
    (tmp_path / f"{NAME}.json").write_text(text.replace(DEFAULT, "A paper plane on a rain puddle"))
    package = alone(tmp_path / "alone", graph=tmp_path / f"{NAME}.json")
    if not WHOLE:
        lighten(package)
    second = built(image.store, package, source, "localhost/image-test:2")
    before, after = (image.store.inspect(name)["rootfs"]["diff_ids"] for name in (image.name, second.name))
    same = [one for one, other in zip(before, after, strict=True) if one == other]
    assert before[: len(same)] == same
    assert len(before) - len(same) <= 1, "the package's own files are one layer"
    assert second.log.count("Using cache") > 20


@pytest.mark.skipif(not WHOLE, reason="every package with torch: make image-test")
@pytest.mark.parametrize("name", ["i2i_klein_9b", "i2i_multiangle", "t2v_ltx2"])
def test_every_package_builds_on_the_same_base(name: str, image: BuiltImage, source: Path, tmp_path: Path) -> None:
    other = built(image.store, alone(tmp_path, name), source, f"localhost/image-test-{name}:1")
    ours, theirs = (image.store.inspect(one)["rootfs"]["diff_ids"] for one in (image.name, other.name))
    assert ours[:-3] == theirs[: len(ours) - 3]


@pytest.mark.skipif(WHOLE, reason="the same steps with all of it would only take longer")
def test_a_base_that_was_built_alone_is_built_on(store: Store, image: BuiltImage, source: Path, tmp_path: Path) -> None:
    package = alone(tmp_path)
    lighten(package)
    base = built(store, package, source, "localhost/image-test-base:1", "--only-base")
    on_it = built(store, package, source, "localhost/image-test:3", "--base=localhost/image-test-base:1")
    ours, theirs = (store.inspect(one)["rootfs"]["diff_ids"] for one in (base.name, on_it.name))
    assert theirs[: len(ours)] == ours
    assert len(theirs) > len(ours)
