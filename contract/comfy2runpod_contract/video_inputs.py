"""What a video of an input may be, and how large, beside what holds of every file (`limits.py`)."""

from __future__ import annotations

from comfy2runpod_contract.media import FileFormat, by_name

# The container, told by its content (`video_files.py`).
VIDEO_FORMATS = by_name(
    FileFormat("mp4", "MP4", "video/mp4"),
    FileFormat("mov", "QuickTime", "video/quicktime"),
    FileFormat("webm", "WebM", "video/webm"),
    FileFormat("mkv", "Matroska", "video/x-matroska"),
)

# What a note that says nothing means, and the most that it may say. Pixels are of one frame (1920 x 1088, and twice
# 4096 x 2160). ComfyUI holds a frame as 12 bytes a pixel: 500 of 1920 x 1088 are 12.5 GB.
DEFAULT_VIDEO_BYTES = 20_000_000
DEFAULT_VIDEO_PIXELS = 2_088_960
MOST_VIDEO_PIXELS = 17_694_720
DEFAULT_VIDEO_FRAMES = 500
MOST_VIDEO_FRAMES = 10_000
DEFAULT_VIDEO_SECONDS = 30
MOST_VIDEO_SECONDS = 600
