"""Takes the steps of a package's Dockerfile that make the worker, in a folder in the place of an image's root.

What docker would do with COPY, RUN, ENV, ARG and ENTRYPOINT, as far as these steps use them: the stages share one
folder, so that nothing needs to be mounted. The steps of ComfyUI itself, which bring torch and its sources, are
omitted. Where an engine is at hand, tests/image builds the image as it is.
"""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from .environments import environment, ran

_ROOTS = r"(?<![\w./-])/(opt|app)(?=/|\b)"
_MOUNTS = re.compile(r"--mount=\S+\s+")


def context(package: Path, target: Path) -> Path:
    """What a build gets of a folder: its .dockerignore's last word about each file."""
    rules = [line for line in (package / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    for path in sorted(package.rglob("*")):
        name, taken = path.relative_to(package).as_posix(), True
        for rule in rules:
            pattern = rule.removeprefix("!").removeprefix("/")
            if fnmatch.fnmatchcase(name, pattern) and ("/" in pattern or "/" not in name or pattern == "*"):
                taken = rule.startswith("!")
        if taken and path.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / name)
    return target


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Each instruction and its arguments, lines joined, comments omitted."""
    text = "\n".join(line for line in dockerfile.splitlines() if not line.startswith("#"))
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word, rest.strip()


def build_worker(built_from: Path, root: Path, python: str) -> tuple[Path, list[str]]:
    """The root with the worker in it, and the entry point as the image has it."""
    variables: dict[str, str] = {}
    entry: list[str] = []
    env = environment(root.parent / "home", Path(python).parent)
    for word, rest in instructions((built_from / "Dockerfile").read_text()):
        placed = re.sub(_ROOTS, lambda found: f"{root}/{found[1]}", _MOUNTS.sub("", rest))
        if word == "ENV" or (word == "ARG" and "=" in rest):
            # What a build is given otherwise stays away: an argument has its default.
            variables |= dict(part.split("=", 1) for part in shlex.split(rest))
        elif word == "ENTRYPOINT":
            entry = json.loads(placed)
        elif word in ("COPY", "RUN") and not _is_of_comfyui(rest):
            if word == "COPY":
                copy(built_from, placed)
            else:
                ran(["bash", "-o", "pipefail", "-c", placed], built_from.parent, {**env, **variables})
    return root, entry


def _is_of_comfyui(arguments: str) -> bool:
    locks = re.findall(r"image/(\w+)\.lock", arguments)
    return "/opt/comfyui " in f"{arguments} " or bool(set(locks) - {"worker"})


def copy(built_from: Path, arguments: str) -> None:
    *sources, target = shlex.split(arguments)
    for source in sources:
        from_path, place = built_from / source, Path(target)
        assert from_path.exists(), f"{source} is not let into the image"
        if from_path.is_dir():
            shutil.copytree(from_path, place)
        else:
            place = place / from_path.name if target.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(from_path, place)
