"""Facts about node classes that no server tells: what a Save node leaves behind, and which nodes pass a value on.

Rows, so that a node pack's classes are further rows. From ComfyUI 0.20.1's own nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comfy2runpod.ir.interface import MediaKind


@dataclass(frozen=True, slots=True)
class SavedMedia:
    """What a Save node writes: its kind, its media type, and the input that holds the file name's prefix."""

    kind: MediaKind
    media_type: str
    prefix_input: str = "filename_prefix"


SAVE_NODES: Mapping[str, SavedMedia] = {
    "SaveVideo": SavedMedia(MediaKind.VIDEO, "video/mp4"),
    "SaveWEBM": SavedMedia(MediaKind.VIDEO, "video/webm"),
    "SaveImage": SavedMedia(MediaKind.IMAGE, "image/png"),
    "SaveAudio": SavedMedia(MediaKind.AUDIO, "audio/flac"),
    "SaveAudioMP3": SavedMedia(MediaKind.AUDIO, "audio/mpeg"),
    "SaveAudioOpus": SavedMedia(MediaKind.AUDIO, "audio/ogg"),
}

# Nodes whose output 0 is their input `value` unchanged: what is linked to it bounds the value too.
VALUE_NODES = frozenset(
    {"PrimitiveInt", "PrimitiveFloat", "PrimitiveString", "PrimitiveStringMultiline", "PrimitiveBoolean"}
)

# Folders that hold a user's pictures and sounds, not models.
INPUT_FOLDERS = frozenset({"input", "input3d", "output", "temp"})

# RunPod's GPU pools and the memory of one GPU, in GB (RunPod's documentation, 2026-11).
GPU_POOLS: Mapping[str, int] = {
    "AMPERE_16": 16,
    "AMPERE_24": 24,
    "ADA_24": 24,
    "ADA_32_PRO": 32,
    "AMPERE_48": 48,
    "ADA_48_PRO": 48,
    "AMPERE_80": 80,
    "ADA_80_PRO": 80,
    "BLACKWELL_96": 96,
    "HOPPER_141": 141,
    "BLACKWELL_180": 180,
}

# Inputs that a class checks in its own way, so that the server leaves their bounds and choices alone.
CHECKS_ITSELF: Mapping[str, tuple[str, ...]] = {
    "CustomCombo": ("choice", "index"),
    "FluxProUltraImageNode": ("aspect_ratio",),
}
