"""Runs prompts on the simulator and on a real ComfyUI, and compares the sizes of what they save.

    COMFYUI_DIR=… COMFYUI_PYTHON=… python -m tests.sizes GRAPHS [--count N --seed S]

GRAPHS is a folder of graphs. Those that are refused, or use paid services, are left out. The real ComfyUI runs on the
CPU with the node pack beside this module, which stands in for models. Exit code 1 if a size that the simulator does not
mark as uncertain is another there.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import av
import httpx
import numpy as np
from PIL import Image

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.folders import INPUT_FOLDERS
from comfy2runpod.simulator.server import running_simulator
from comfy2runpod_contract.media import MediaKind
from tests.standins.serving import free_port

Prompt: TypeAlias = dict[str, Any]
# What each node saves: of each file its width, height, frames and, of a video, rate.
Sizes: TypeAlias = dict[str, list[tuple[float, ...]]]

_PACK = Path(__file__).parent / "node_pack"
_SECONDS = 300
_SEEN = (MediaKind.IMAGE, MediaKind.ANIMATION, MediaKind.VIDEO)
_CATALOG = load_catalog()


@dataclass(frozen=True)
class Answer:
    """What came of a prompt: the sizes, or why there are none."""

    sizes: Sizes
    failure: str = ""


def prompts_of(graphs: Path, folder: Path) -> dict[str, Prompt]:
    """The prompts of the graphs that are not refused, by name, without those of paid services."""
    subprocess.run(
        [sys.executable, "-m", "comfy2runpod", "prompt", str(graphs), "-o", str(folder), "--editor", "1.43", "-q"],
        capture_output=True,
        check=False,
    )
    suffix = ".prompt.json"
    found = {path.name.removesuffix(suffix): json.loads(path.read_bytes()) for path in folder.glob(f"*{suffix}")}
    return dict(sorted(found.items()))


def files_of(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """The folder and name of each model and input file that a prompt names."""
    for node in prompt.values():
        node_class = _CATALOG.get(node["class_type"])
        for name, value in node["inputs"].items():
            spec = None if node_class is None else node_class.by_name.get(name)
            for folder in () if spec is None or not isinstance(value, str) else spec.folders:
                yield folder, value


def media(name: str) -> bytes:
    """A file for an input of this name: five seconds of video or sound, or an image."""
    ending = name.rpartition(".")[2].lower()
    if ending not in {"mp4", "mov", "webm", "mp3", "wav", "flac", "m4a"}:
        image = io.BytesIO()
        Image.new("RGB", (1024, 768), (90, 60, 30)).save(image, {"jpg": "JPEG", "webp": "WEBP"}.get(ending, "PNG"))
        return image.getvalue()
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        if ending in {"mp4", "mov", "webm"}:
            video = container.add_stream("libx264", rate=24)
            video.width, video.height, video.pix_fmt = 640, 480, "yuv420p"
            for index in range(120):
                shade = np.full((480, 640, 3), 2 * index, np.uint8)
                container.mux(video.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
            container.mux(video.encode(None))
        sound = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 44100 * 5), np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 44100, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return file.getvalue()


def size(name: str, content: bytes) -> tuple[float, ...]:
    """The size of a saved file."""
    if name.endswith((".png", ".webp", ".jpg")):
        with Image.open(io.BytesIO(content)) as image:
            return image.width, image.height, getattr(image, "n_frames", 1)
    with av.open(io.BytesIO(content)) as container:
        video = container.streams.video[0]
        return video.width, video.height, sum(1 for _ in container.decode(video)), float(video.average_rate or 0)


def saved(client: httpx.Client, prompt: Prompt, outputs: Mapping[str, Any]) -> Sizes:
    """The sizes of what the nodes saved that save images and videos."""
    sizes: Sizes = {}
    for node_id, output in outputs.items():
        node_class = _CATALOG.get(prompt[node_id]["class_type"]) if node_id in prompt else None
        if node_class is None or node_class.saves is None or node_class.saves.shown:
            continue
        if node_class.saves.kind in _SEEN:
            files = [file for files in output.values() for file in files if isinstance(file, dict)]
            sizes[node_id] = [
                size(file["filename"], client.get("/view", params=file).raise_for_status().content) for file in files
            ]
    return sizes


def run(client: httpx.Client, prompt: Prompt) -> Answer:
    """Uploads what a prompt names, queues it and waits for its end."""
    for folder, name in files_of(prompt):
        if folder in INPUT_FOLDERS:
            subfolder, _, plain = name.rpartition("/")
            client.post(
                "/upload/image", files={"image": (plain, media(name))}, data={"subfolder": subfolder, "overwrite": "1"}
            )
    answer = client.post("/prompt", json={"prompt": prompt}).json()
    if "error" in answer or answer.get("node_errors"):
        return Answer({}, f"refused: {json.dumps(answer)[:300]}")
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        history = client.get(f"/history/{answer['prompt_id']}").json()
        if (entry := history.get(answer["prompt_id"])) is not None:
            if entry["status"]["status_str"] == "success":
                return Answer(saved(client, prompt, entry["outputs"]))
            told = [part for kind, part in entry["status"]["messages"] if kind == "execution_error"]
            return Answer({}, "; ".join(f"{part['node_type']}: {part['exception_message'].strip()}" for part in told))
        time.sleep(0.1)
    client.post("/interrupt", json={})
    return Answer({}, f"no end within {_SECONDS} s")


@contextmanager
def real_comfyui(folder: Path, prompts: Sequence[Prompt]) -> Iterator[str]:
    """A real ComfyUI on the CPU with an empty file for each model; its address."""
    python, source = os.environ["COMFYUI_PYTHON"], os.environ["COMFYUI_DIR"]
    for prompt in prompts:
        for name, file in files_of(prompt):
            if name not in INPUT_FOLDERS:
                place = folder / "models" / name / file
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
    for name in ("custom_nodes", "input", "output", "temp", "user"):
        (folder / name).mkdir()
    (folder / "custom_nodes" / "sizes").symlink_to(_PACK)
    port = free_port()
    command = [
        python, "main.py", "--cpu", "--disable-auto-launch", "--disable-api-nodes", f"--port={port}",
        f"--base-directory={folder}", f"--database-url=sqlite:///{folder}/user/comfyui.db",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=source, stdout=log, stderr=log)
        try:
            for _ in range(_SECONDS):
                if server.poll() is not None:
                    raise SystemExit(f"ComfyUI did not start:\n{(folder / 'log').read_text()[-2000:]}")
                try:
                    httpx.get(f"http://127.0.0.1:{port}/queue", trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graphs", type=Path)
    parser.add_argument("--count", type=int, default=0, help="so many graphs, drawn by the seed; 0: all")
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    ends: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="sizes-") as temporary:
        folder = Path(temporary)
        prompts = prompts_of(options.graphs, folder / "prompts")
        if options.count:
            drawn = random.Random(options.seed).sample(sorted(prompts), min(options.count, len(prompts)))
            prompts = {name: prompts[name] for name in drawn}
        base = folder / "comfyui"
        base.mkdir()
        with (
            running_simulator(_CATALOG) as simulator,
            real_comfyui(base, list(prompts.values())) as url,
            httpx.Client(base_url=simulator.url, timeout=60, trust_env=False) as here,
            httpx.Client(base_url=url, timeout=60, trust_env=False) as there,
        ):
            for number, (name, prompt) in enumerate(prompts.items(), 1):
                found = run(here, prompt)
                end, why = compared(found, len(simulator.unknown_sizes()), run(there, prompt))
                ends[end] += 1
                print(f"{number}/{len(prompts)} {end:10} {name} {why}", flush=True)
    print(", ".join(f"{end}: {count}" for end, count in ends.most_common()))
    return 1 if ends["different"] or ends["failed"] else 0


def compared(simulated: Answer, uncertain: int, real: Answer) -> tuple[str, str]:
    """How a prompt's two answers compare, in a word, and the details."""
    if simulated.failure:
        return "failed", f"on the simulator: {simulated.failure}"
    if real.failure:
        return "not run", f"on the real ComfyUI: {real.failure}"
    if not simulated.sizes and not real.sizes:
        return "nothing", "to compare: neither an image nor a video is saved"
    if simulated.sizes == real.sizes:
        return "same", "with sizes marked as uncertain" if uncertain else ""
    if uncertain:
        return "uncertain", ""
    return "different", f"simulated {simulated.sizes}, real {real.sizes}"


if __name__ == "__main__":
    sys.exit(main())
