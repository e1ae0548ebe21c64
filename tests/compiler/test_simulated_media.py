"""What the simulator draws leaves the process as it was."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest

from comfy2runpod.shapes.values import Clip, Images
from comfy2runpod.simulator.media import save_video


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
