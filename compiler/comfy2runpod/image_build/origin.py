"""The repository and the commit that a folder is of, for the image's labels."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

_SECONDS = 10
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SSH = re.compile(r"(?:ssh://)?git@([A-Za-z0-9.-]+)[:/]([A-Za-z0-9._/-]+)")


def commit_of(folder: Path) -> str:
    """The commit that is checked out; empty where there is none, or where the folder has changes that are in none."""
    commit = _git(folder, "rev-parse", "HEAD")
    clean = _git(folder, "status", "--porcelain", "--", ".") == ""
    return commit if clean and _COMMIT.fullmatch(commit or "") else ""  # type: ignore[return-value]


def source_of(folder: Path) -> str:
    """The web address of the repository, without what stands before its host: that may be a password."""
    return web_address(_git(folder, "remote", "get-url", "origin") or "")


def web_address(remote: str) -> str:
    """A remote as an address of the web; empty where it is none."""
    if (ssh := _SSH.fullmatch(remote)) is not None:
        remote = f"https://{ssh[1]}/{ssh[2]}"
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme != "https" or not host or re.fullmatch(r"[A-Za-z0-9._~/-]*", parts.path) is None:
        return ""
    return urlunsplit(("https", f"{host}:{port}" if port else host, parts.path.removesuffix(".git"), "", ""))


def _git(folder: Path, *words: str) -> str | None:
    """What git says; None where it fails or is not there."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - git itself
            [git, "-C", str(folder), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
