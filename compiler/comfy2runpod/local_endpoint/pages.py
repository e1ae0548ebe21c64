"""A site's files as a server's pages: their paths, media types and bytes."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from urllib.parse import quote

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


def pages_of(files: Mapping[str, bytes], packages: Collection[str]) -> dict[str, tuple[str, bytes]]:
    """Every file under its path, and each index under its folder's too.

    The pages of `packages`, by name, are told of the endpoint that stands behind them.
    """
    pages = {path: (_MEDIA_TYPES.get(PurePosixPath(path).suffix, _OTHER), data) for path, data in files.items()}
    for name in packages:
        path = f"{name}/{_INDEX}"
        pages[path] = (pages[path][0], _with_endpoint(pages[path][1], name))
    indexes = [path for path in pages if PurePosixPath(path).name == _INDEX]
    return {**pages, **{path.removesuffix(_INDEX): pages[path] for path in indexes}}


def _with_endpoint(page: bytes, name: str) -> bytes:
    """A page that knows where its jobs go. On disk, and on a server without an endpoint, it does not."""
    path = html.escape(f"/v2/{quote(name)}")
    return page.replace(b"<head>\n", f'<head>\n<meta name="comfy2runpod-endpoint" content="{path}">\n'.encode(), 1)
