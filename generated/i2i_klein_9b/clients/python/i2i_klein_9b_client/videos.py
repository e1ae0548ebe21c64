"""Videos of a request: the container is told by a file's first bytes. The worker decodes it, and checks the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from .contract import FORMAT_LABELS
from .files import File, FileKind
from .video_files import video_format, video_format_problem, with_article

# A path, an open file, the file's bytes, or a string: an https URL, a data URL, or base64.
Video: TypeAlias = File


def _problem(data: bytes, limits: Mapping[str, Any]) -> str | None:
    form, accepted = video_format(data), limits["x-formats"]
    if form in accepted:
        return None
    if not data:
        found = "empty"
    else:
        label = "" if form is None else FORMAT_LABELS[form]
        found = f"{with_article(label)} video" if label else "not a video of a known container"
    return video_format_problem(found, [FORMAT_LABELS.get(one, one) for one in accepted])


VIDEOS = FileKind("video", "video/mp4", _problem)
