"""The kinds of media that an input can be: what loading, decoding and naming need to know of each.

The decoder process imports this, so that it imports the standard library alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InputKind:
    """A kind of media.

    Attributes:
        name: its name: in messages, and for the decoder program.
        plural: the same of several.
        library: the package that decodes it, the only one beside ours that its decoder process can import.
        accept: the header by which a server is asked for it.
        data_url: how a data URL of it begins, for messages.
        ending: the extension of the re-encoded file for ComfyUI.
        signature: what is in this file after `signature_at` bytes.
        signature_at: in bytes.
        remedy: what a caller can do about a file that exceeds the decoder's limits.
    """

    name: str
    plural: str
    library: str
    accept: bytes
    data_url: str
    ending: str
    signature: bytes
    signature_at: int
    remedy: str


IMAGE = InputKind(
    name="image",
    plural="images",
    library="PIL",
    accept=b"image/*",
    data_url="data:image/png;base64,…",
    ending=".png",
    signature=b"\x89PNG\r\n\x1a\n",
    signature_at=0,
    remedy="save it again as a plain PNG or JPEG",
)
VIDEO = InputKind(
    name="video",
    plural="videos",
    library="av",
    accept=b"video/*",
    data_url="data:video/mp4;base64,…",
    ending=".mp4",
    signature=b"ftyp",
    signature_at=4,
    remedy="send a shorter or smaller one, or save it again as an MP4 with H.264",
)
KINDS = (IMAGE, VIDEO)
