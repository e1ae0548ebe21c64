"""A video: decoded whole, because a truncated mp4 opens well and fails only when its frames are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from comfy2runpod_contract.media import MediaKind, media_facts
from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.outputs.base import FileOutput
from comfy2runpod_runtime.outputs.containers import video_type
from comfy2runpod_runtime.outputs.measures import MovingMeasures


@dataclass(frozen=True, slots=True)
class Video(FileOutput):
    """A video, with sound or without."""

    media_type: str = media_facts(MediaKind.VIDEO).media_type

    def decode(self, path: Path) -> MovingMeasures:
        """Decodes every frame and sample; duration is frames by rate.

        Raises:
            OutputInvalid: it is no video, or not whole.
        """
        try:
            with av.open(path) as container:
                if not container.streams.video:
                    raise OutputInvalid(f"{path.name} holds no video.")
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                rate = stream.average_rate or Fraction(0)
                streams = [stream, *container.streams.audio[:1]]
                frames, width, height = 0, 0, 0
                for frame in container.decode(*streams):
                    if isinstance(frame, av.VideoFrame):
                        frames += 1
                        width, height = frame.width, frame.height
                announced, media_type = stream.frames, video_type(container)
        except av.FFmpegError as error:
            raise OutputInvalid(f"{path.name} is not a whole video ({type(error).__name__}).") from error
        if not frames or not rate:
            raise OutputInvalid(f"{path.name} holds no frames.")
        if frames < announced:
            raise OutputInvalid(f"{path.name} is not a whole video: {frames} of its {announced} frames are there.")
        return MovingMeasures(width, height, frames, round(float(frames / rate), 2), media_type)
