"""A saved file without the prompt that ComfyUI writes into it.

The worker's own ComfyUI is started so that it writes none (`--disable-metadata`), but some nodes do all the same. One
that the worker is attached to does, unless it was started so; then the same seed gives another file each time, and
whoever gets it can read how the endpoint works. What is shown and heard stays as it is, bit for bit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import av

from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.metadata.documents import glb, svg
from comfy2runpod_runtime.metadata.images import gif, jpeg, png, webp
from comfy2runpod_runtime.metadata.sounds import flac, mp3, wav
from comfy2runpod_runtime.metadata.streams import remuxed

_REWRITTEN: Mapping[str, Callable[[bytes], bytes | None]] = {
    "image/png": png,
    "image/jpeg": jpeg,
    "image/webp": webp,
    "image/gif": gif,
    "image/svg+xml": svg,
    "model/gltf-binary": glb,
    "audio/flac": flac,
    "audio/mpeg": mp3,
    "audio/wav": wav,
}


def stripped(path: Path, media_type: str) -> Path:
    """The file without metadata, beside the one given; that one itself if it holds none.

    Raises:
        OutputInvalid: a file that decodes, and whose parts do not fit together all the same.
    """
    family, _, kind = media_type.partition("/")
    target = path.with_stem(f"{path.stem}-stripped")
    try:
        rewrite = _REWRITTEN.get(media_type)
        if rewrite is None and family in ("video", "audio"):
            return remuxed(path, target)
        content = None if rewrite is None else rewrite(path.read_bytes())
    except (struct.error, ValueError, KeyError, IndexError, RecursionError, av.FFmpegError) as error:
        raise OutputInvalid(f"{path.name} is not a whole {kind} file ({type(error).__name__}).") from error
    if content is None:
        return path
    target.write_bytes(content)
    return target
