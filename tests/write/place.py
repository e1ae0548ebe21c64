"""A folder with a user's files, and how it is compared."""

from __future__ import annotations

import os
from pathlib import Path

Tree = dict[str, tuple[object, ...]]


def tree(folder: Path, *, inodes: bool = False) -> Tree:
    """Everything below a folder: kind, mode, content; with `inodes` which file it is."""
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        held: object = None
        if path.is_symlink():
            held = str(path.readlink())
        elif path.is_file():
            held = path.read_bytes()
        name = path.relative_to(folder).as_posix()
        found[name] = (oct(status.st_mode), held, *((status.st_ino,) if inodes and not path.is_dir() else ()))
    return found


def put_users_things(folder: Path) -> tuple[str, ...]:
    """A repository, notes beside and inside generated folders, a link, a pipe, an empty folder; their paths."""
    texts = {
        ".git/HEAD": "ref: refs/heads/main\n",
        ".git/objects/ab/cdef": "an object",
        "NOTES.md": "mine",
        ".github/workflows/mine.yml": "on: push\n",
        "docs/mine/notes.txt": "notes",
        "__pycache__/schema.cpython-311.pyc": "cached",
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / ".git/objects/ab/cdef").chmod(0o444)
    (folder / "tool").write_text("#!/bin/sh\n")
    (folder / "tool").chmod(0o750)
    (folder / "link").symlink_to("nowhere")
    (folder / "empty").mkdir(exist_ok=True)
    (folder / ".git").chmod(0o700)
    if not (folder / "pipe").exists():
        os.mkfifo(folder / "pipe")
    return (*texts, "tool", "link", "empty", "pipe")


def names(folder: Path) -> list[str]:
    """What stands in a folder."""
    return sorted(path.name for path in folder.iterdir())
