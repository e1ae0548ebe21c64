"""Prepares the files of a documentation site for the local server."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from urllib.parse import quote

_INDEX = "index.html"
# Not the system's table: media types must not depend on the machine.
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


def pages_of(files: Mapping[str, bytes], packages: Collection[str]) -> dict[str, tuple[str, bytes]]:
    """Returns the pages by path, each with its media type. An index page is also returned for its folder.

    Args:
        files: the files of the site, by path.
        packages: names of the packages with an endpoint on this server; their pages get its path.
    """
    pages = {path: (_MEDIA_TYPES.get(PurePosixPath(path).suffix, _OTHER), data) for path, data in files.items()}
    for name in packages:
        path = f"{name}/{_INDEX}"
        pages[path] = (pages[path][0], _with_endpoint(pages[path][1], name))
    indexes = [path for path in pages if PurePosixPath(path).name == _INDEX]
    return {**pages, **{path.removesuffix(_INDEX): pages[path] for path in indexes}}


def _with_endpoint(page: bytes, name: str) -> bytes:
    """Adds the path of the endpoint to a page. Pages on disk, or on a server without an endpoint, have none."""
    path = html.escape(f"/v2/{quote(name)}")
    return page.replace(b"<head>\n", f'<head>\n<meta name="comfy2runpod-endpoint" content="{path}">\n'.encode(), 1)
