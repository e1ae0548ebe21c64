"""docs/video-inputs.md is made of the cases that are tried: a case that comes, goes or changes makes it stale."""

from __future__ import annotations

import os
from pathlib import Path

from tests.bad_videos import FILES, VALUES
from tests.video_files import TAKEN, Clip

from .test_image_table import table

PAGE = Path(__file__).parents[2] / "docs" / "video-inputs.md"
_HEAD = """# What a video field takes and refuses

The worker decodes a caller's video whole, in a process of its own that has one thread, bounded memory and CPU time, and
no way to another file. It writes an MP4 anew, which LoadVideo reads: H.264, and AAC if there is sound.

- **Containers** are told by content, and FFmpeg's demuxer is chosen by that, never by probing. Codecs: H.264, H.265,
  VP8, VP9, AV1, MPEG-4, Motion JPEG and ProRes; sound in AAC, AC-3, ALAC, E-AC-3, FLAC, MP3, Opus, Vorbis and PCM. No
  other decoder is ever opened.
- **Streams:** the first of video, and the last of sound, as LoadVideo takes them. Attached pictures, subtitles and data
  are ignored. Up to 32 streams are allowed. A side of a frame has 16 to 16,384 pixels, and at most 40 times as many as
  the other.
- **Frames** keep their number and size, also odd ones, and stand upright. They differ by less than an eye sees (over
  40 dB, as a rule). A video that would need more than 100 MB so becomes coarser, since ComfyUI takes no larger upload.
- **Colour:** 8 bits stay 8, 10 stay 10, and 12 become 10. Colour that is finer than 4:2:0 stays so. The marks for HDR
  (HLG, PQ) and for the colour space are kept, and tones are not mapped: LoadVideo sees the values that were sent.
  Transparency is dropped, as GetVideoComponents does.
- **Times:** a constant rate is kept exactly (of Matroska, whose clock has milliseconds, as FFmpeg reads it); at a
  variable one, each frame keeps its time, and so the average stays.
- **Sound** keeps its length, rate and channels. A rate that AAC does not have becomes 48,000, and what is not mono,
  stereo or 5.1 is mixed to stereo. Sound that begins after the first frame keeps its distance; what begins before it
  begins with it, as GetVideoComponents gives it to the nodes.
- **Not kept:** a matrix that mirrors frames counts as the turn that LoadVideo reads from it, and the mark that a video
  is interlaced is gone. Colours that cannot be turned into RGB (ICtCp) are refused.
- **Pixels that are not square** are kept, with their shape in the file. LoadVideo itself does not read the shape.
- A file that ends early, or in which anything is damaged as far as its codec can tell, is refused.

Each row below is a case that the tests send to a package's real handler (`tests/end_to_end/test_video_inputs.py`), made
by `tests/video_files.py` and `tests/bad_videos.py`. A test compares this page with them; `make goldens` writes it anew.
Each refused case is answered with the code `invalid_input` on the field, and nothing is queued. After each, ComfyUI's
input folder and the folder of temporary files are as they were. The limits of the field that is tried: 2 MB,
1 megapixel a frame, 60 frames, 10 s. What is refused of URLs and of servers that misbehave is the same as for
[images](image-inputs.md).
"""


def row(name: str, clip: Clip) -> str:
    width, height = clip.size
    sound = "none" if clip.sound is None else f"{clip.sound[0]}, {clip.sound[1]:,} Hz, {clip.layout}"
    rate = f"{clip.rate.numerator}/{clip.rate.denominator}" if clip.rate.denominator > 1 else str(clip.rate)
    return f"| `{name}` | {clip.container} | {clip.codec}, {clip.pixels} | {width}x{height}, {rate} | {sound} |"


def test_the_page_has_every_case() -> None:
    values = [(case, reason) for case, (_, reason) in VALUES.items()]
    files = [(case, reason) for case, (_, reason) in FILES.items()]
    assert len(files) >= 40
    page = "\n".join(
        [
            _HEAD,
            "## Taken",
            "",
            "Tried in `tests/runtime/test_videos.py`: the same frames (PSNR of at least 35 dB), size, rate, duration,",
            "and length of sound; and a mark in frame 7 that is in frame 7.",
            "",
            "| case | container | encoder and pixels | size and rate | sound |",
            "| --- | --- | --- | --- | --- |",
            *(row(name, clip) for name, clip in TAKEN.items()),
            "",
            table("Refused values", "what is sent", values),
            table("Refused files", "what the file is", files),
        ]
    )
    if os.environ.get("ACCEPT_GOLDENS"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text("utf-8") == page
