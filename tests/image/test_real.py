"""The image with a real ComfyUI in it: `make image-test-real`, where folders of its parts are named.

COMFYUI_SOURCE: ComfyUI's source, of the release that packages are made for or one of the same requirements.
IMAGE_MODELS: the package's model files, below it by their names; small ones with random weights do.
IMAGE_NODES: custom nodes that such small files need, if they need any; a folder of folders.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.runtime.hub_standin import HubStandIn, serving
from tests.standins.runpod_queue import RunPodQueue

from .conftest import WHOLE, alone, built
from .engine import Store, running, settings_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(
        not (WHOLE and os.environ.get("COMFYUI_SOURCE") and os.environ.get("IMAGE_MODELS")),
        reason="COMFYUI_SOURCE and IMAGE_MODELS name no folders: make image-test-real",
    ),
]
_SECONDS = 1800


async def test_the_real_comfyui_in_it_makes_an_image(store: Store, tmp_path: Path) -> None:
    source, weights = Path(os.environ["COMFYUI_SOURCE"]), Path(os.environ["IMAGE_MODELS"])
    image = built(store, alone(tmp_path), source, "localhost/image-test-real:1")
    lock = json.loads((image.package / "models.lock.json").read_text())
    files = {
        model["path"].rpartition("/")[2]: next(weights.rglob(Path(model["file"]).name)).read_bytes()
        for model in lock["models"]
    }
    nodes = Path(os.environ.get("IMAGE_NODES", tmp_path / "none"))
    mounts = (
        [f"--volume={one}:/opt/comfyui/custom_nodes/{one.name}:ro" for one in nodes.iterdir()] if nodes.is_dir() else []
    )
    job = {"prompt": "a paper boat", "width": 256, "height": 192, "steps": 1, "seed": 7}
    with serving(HubStandIn(files=files)) as hub:
        async with RunPodQueue() as queue:
            queue.submit("job-1", job)
            settings = {**queue.environment(), **settings_of(), "HF_ENDPOINT": hub.url, "COMFYUI_ARGS": "--cpu"}
            with running(image.store, image.name, settings, tmp_path / "log", *mounts) as container:
                posted = await container.result_of(queue, "job-1", _SECONDS)
                container.stop(60)
    output = posted["output"]
    assert (output["media_type"], output["width"], output["height"], output["seed"]) == ("image/png", 256, 192, 7), (
        posted
    )
