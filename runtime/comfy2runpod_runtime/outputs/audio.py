"""A sound, decoded whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av

from comfy2runpod_contract.media import MediaKind, media_facts
from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.outputs.base import FileOutput
from comfy2runpod_runtime.outputs.containers import sound_type
from comfy2runpod_runtime.outputs.measures import AudioMeasures


@dataclass(frozen=True, slots=True)
class Audio(FileOutput):
    """A sound."""

    media_type: str = media_facts(MediaKind.AUDIO).media_type

    def decode(self, path: Path) -> AudioMeasures:
        """Decodes every sample.

        Raises:
            OutputInvalid: it holds no sound, or is not whole.
        """
        try:
            with av.open(path) as container:
                if not container.streams.audio:
                    raise OutputInvalid(f"{path.name} holds no sound.")
                seconds = sum(
                    float(frame.samples / frame.sample_rate) for frame in container.decode(container.streams.audio[0])
                )
                media_type = sound_type(container)
        except av.FFmpegError as error:
            raise OutputInvalid(f"{path.name} is not a whole sound file ({type(error).__name__}).") from error
        if not seconds:
            raise OutputInvalid(f"{path.name} holds no sound.")
        return AudioMeasures(round(seconds, 2), media_type)
