"""The web address of the repository that a folder is of, for the image's labels."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from comfy2runpod.git import remote_of

_SSH = re.compile(r"(?:ssh://)?git@([A-Za-z0-9.-]+)[:/]([A-Za-z0-9._/-]+)")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def source_of(folder: Path) -> str:
    """The web address of the repository, without what stands before its host: that may be a password."""
    return web_address(remote_of(folder))


def web_address(remote: str) -> str:
    """A remote as an address of the web; empty where it is none, or holds characters that no address has."""
    if not (remote.isascii() and remote.isprintable()):
        return ""
    if (ssh := _SSH.fullmatch(remote)) is not None:
        remote = f"https://{ssh[1]}/{ssh[2]}"
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme != "https" or not _HOST.fullmatch(host) or not re.fullmatch(r"[A-Za-z0-9._~/-]*", parts.path):
        return ""
    return urlunsplit(("https", f"{host}:{port}" if port else host, parts.path.removesuffix(".git"), "", ""))
