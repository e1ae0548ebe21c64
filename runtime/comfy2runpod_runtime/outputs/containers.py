"""What a file of frames or samples really is, whatever its name says."""

from __future__ import annotations

from collections.abc import Mapping

from av.container import InputContainer

from comfy2runpod_contract.media import OTHER_TYPE

# By FFmpeg's name of a container: the media type of a video in it, and of a sound alone.
_VIDEO: Mapping[str, str] = {
    "mov,mp4,m4a,3gp,3g2,mj2": "video/mp4",
    "matroska,webm": "video/webm",
    "ogg": "video/ogg",
}
_SOUND: Mapping[str, str] = {
    "mov,mp4,m4a,3gp,3g2,mj2": "audio/mp4",
    "matroska,webm": "audio/webm",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
}


def video_type(container: InputContainer) -> str:
    """The media type of a video in a container."""
    return _VIDEO.get(container.format.name, OTHER_TYPE)


def sound_type(container: InputContainer) -> str:
    """The media type of a sound in a container."""
    return _SOUND.get(container.format.name, OTHER_TYPE)
