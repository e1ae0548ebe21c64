"""What the simulator draws: it leaves the process as it was, has every frame, and is bounded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import pytest
from PIL import Image

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.shapes.values import Clip, Constant, Images, NodeError, Sound, Value
from comfy2runpod.simulator.media import save_animation, save_video
from comfy2runpod.simulator.saving import saved
from comfy2runpod_contract.json_types import JsonObject


@pytest.mark.parametrize(("encoder", "decoder"), [("libsvtav1", "libdav1d"), ("libvpx-vp9", "vp9")])
def test_an_encoder_leaves_the_callers_thread_at_its_priority(encoder: str, decoder: str, tmp_path: Path) -> None:
    # Root alone may have real-time priority, which SVT-AV1 takes for its caller, and all that the caller starts.
    before = os.sched_getscheduler(0)
    path = tmp_path / "clip.webm"
    save_video(Clip(Images(64, 48, 3), 8.0, None), b"mark", path, {}, encoder)
    assert os.sched_getscheduler(0) == before
    with av.open(path) as video:
        assert video.streams.video[0].codec_context.name == decoder
        assert sum(1 for _ in video.decode(video=0)) == 3


@pytest.mark.parametrize("ending", ["webp", "png"])
@pytest.mark.parametrize("width", [1, 9, 64])
def test_an_animation_has_every_frame(ending: str, width: int, tmp_path: Path) -> None:
    path = tmp_path / f"moving.{ending}"
    save_animation(Images(width, 16, 200), 8.0, b"mark of six", path, {})
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == 200


def nowhere(_ending: str) -> tuple[Path, JsonObject]:
    raise AssertionError("something is saved")


@pytest.mark.parametrize(
    ("class_type", "name", "value", "said"),
    [
        ("SaveImage", "images", Images(16384, 16384, 1), "134,217,728 pixels an image, not 268,435,456"),
        ("SaveImage", "images", Images(4096, 4096, 4096), "2,147,483,648 pixels a batch of images"),
        ("SaveAnimatedWEBP", "images", Images(512, 512, 4096), "134,217,728 pixels in all frames of an animation"),
        ("SaveAnimatedPNG", "images", Images(16384, 16384, 1), "pixels in all frames of an animation"),
        ("SaveVideo", "video", Clip(Images(16384, 16384, 2), 24.0, None), "67,108,864 pixels a frame of a video"),
        ("SaveVideo", "video", Clip(Images(4096, 4096, 4096), 24.0, None), "4,294,967,296 pixels in all frames"),
        ("SaveWEBM", "images", Images(4096, 4096, 4096), "4,294,967,296 pixels in all frames"),
        ("SaveVideo", "video", Clip(Images(64, 64, 99), 1e-5, Sound(1e9, 44100)), "134,217,728 samples of sound"),
        ("SaveAudio", "audio", Sound(1e15, 44100), "134,217,728 samples of sound"),
        ("SaveAudioMP3", "audio", Sound(3601, 44100), "134,217,728 samples of sound"),
    ],
)
def test_what_is_larger_than_the_simulator_makes_is_refused_before_it_is_made(
    class_type: str, name: str, value: Value, said: str
) -> None:
    node_class = load_catalog().get(class_type)
    assert node_class is not None
    with pytest.raises(NodeError, match=said):
        saved(node_class, {name: value, "fps": Constant(8.0)}, b"mark of six", nowhere, {})


_SAVE = """
import resource, sys
from pathlib import Path
from comfy2runpod.shapes.values import Clip, Images, Sound
from comfy2runpod.simulator.media import save_sound, save_video

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = int(sys.argv[1])
save_video(Clip(Images(640, 480, count), 24.0, None), b"mark of six", Path(sys.argv[2], "clip.mp4"), {})
save_sound(Sound(count, 44100), b"mark of six", Path(sys.argv[2], "tone.flac"), {})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_frames_and_samples_are_not_in_memory_all_at_once(tmp_path: Path) -> None:
    def kilobytes(count: int) -> int:
        done = subprocess.run(
            [sys.executable, "-c", _SAVE, str(count), str(tmp_path)], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    # 290 frames more are 134 MB, and 290 seconds of sound 51.
    assert kilobytes(300) < kilobytes(10) + 60_000
