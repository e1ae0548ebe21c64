"""A site's files as a server's pages: their paths, media types and bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

_INDEX = "index.html"
# Not the system's own table: what a browser is told may not differ between machines.
_MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
_OTHER = "application/octet-stream"


def pages_of(files: Mapping[str, bytes]) -> dict[str, tuple[str, bytes]]:
    """Every file under its path, and each index under its folder's too."""
    pages = {path: (_MEDIA_TYPES.get(PurePosixPath(path).suffix, _OTHER), data) for path, data in files.items()}
    indexes = [path for path in pages if PurePosixPath(path).name == _INDEX]
    return {**pages, **{path.removesuffix(_INDEX): pages[path] for path in indexes}}
