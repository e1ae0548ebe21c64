"""Converts decoded frames: upright, and in a pixel format of H.264."""

from __future__ import annotations

from dataclasses import dataclass

import av
from av.video.reformatter import ColorRange, Colorspace

from comfy2runpod_runtime.inputs.input_errors import MediaRefused

_EIGHT_BITS = 8
_QUARTER_TURN = 90
_GBR = "gbr"


@dataclass(frozen=True, slots=True)
class FrameForm:
    """How the frames of a video are written.

    Attributes:
        width: in pixels, upright.
        height: in pixels, upright.
        pixel_format: one that libx264 takes.
        quarter_turns: how often a frame is turned by 90 degrees, counterclockwise, to be upright.
        full_range: whether 0 is black and 255 is white, rather than 16 and 235.
        colour_matrix: the colour matrix, by H.264's number.
    """

    width: int
    height: int
    pixel_format: str
    quarter_turns: int
    full_range: bool
    colour_matrix: int

    def applied(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Returns a frame in this form."""
        if frame.format.name != self.pixel_format:
            from_rgb = frame.format.name.startswith(_GBR)
            frame = frame.reformat(
                format=self.pixel_format,
                dst_colorspace=Colorspace.ITU709 if from_rgb else None,
                src_color_range=None if from_rgb else self._range,
                dst_color_range=self._range,
                # No threads: the process may start none.
                threads=1,
            )
        return _turned(frame, self.quarter_turns) if self.quarter_turns else frame

    @property
    def _range(self) -> ColorRange:
        return ColorRange.JPEG if self.full_range else ColorRange.MPEG


def frame_form(frame: av.VideoFrame) -> FrameForm:
    """Decides from a video's first frame how all are written.

    Colour keeps its resolution, and has 8 or 10 bits. H.264 halves its resolution only along an even side: an odd one
    keeps its size, with colour in full resolution.

    Raises:
        MediaRefused: its colours cannot be turned into RGB, which is what ComfyUI's nodes get.
    """
    try:
        frame.reformat(format="rgb24", threads=1)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaRefused("has colours that cannot be turned into RGB; save it with those of BT.709") from error
    turns = round(frame.rotation / _QUARTER_TURN) % 4
    width, height = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
    name = frame.format.name
    chroma = "444"
    if ("420" in name or name.startswith("gray")) and not width % 2 and not height % 2:
        chroma = "420"
    elif "422" in name and not width % 2 and not turns % 2:
        chroma = "422"
    deep = max(component.bits for component in frame.format.components) > _EIGHT_BITS
    full = name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
    kind = "yuv" if deep or not name.startswith("yuvj") else "yuvj"
    matrix = Colorspace.ITU709 if name.startswith(_GBR) else frame.colorspace
    return FrameForm(width, height, f"{kind}{chroma}p{'10le' if deep else ''}", turns, full, matrix)


def _turned(frame: av.VideoFrame, quarter_turns: int) -> av.VideoFrame:
    """Turns a frame counterclockwise, plane by plane."""
    swaps = quarter_turns % 2
    width, height = (frame.height, frame.width) if swaps else (frame.width, frame.height)
    turned = av.VideoFrame(width, height, frame.format.name)
    size = 2 if max(component.bits for component in frame.format.components) > _EIGHT_BITS else 1
    for source, target in zip(frame.planes, turned.planes, strict=True):
        pixels = memoryview(source).cast("B").cast("H" if size > 1 else "B")
        stride, columns, rows = source.line_size // size, source.width, source.height
        padding = bytes(target.line_size - target.width * size)
        if not swaps:
            lines = [pixels[row * stride : row * stride + columns][::-1] for row in reversed(range(rows))]
        else:
            # Each line is a column of the source: the last is the first of a turn to the left.
            upwards = [pixels[column : column + (rows - 1) * stride + 1 : stride] for column in range(columns)]
            lines = upwards[::-1] if quarter_turns == 1 else [line[::-1] for line in upwards]
        target.update(b"".join(line.tobytes() + padding for line in lines))
    for name in ("colorspace", "color_range", "color_trc", "color_primaries"):
        setattr(turned, name, getattr(frame, name))
    return turned
