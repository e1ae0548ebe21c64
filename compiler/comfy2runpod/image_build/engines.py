"""The container engines that build images, and how each is called."""

from __future__ import annotations

import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from comfy2runpod.diagnostics import Locus, UnreachableError
from comfy2runpod.errors.build import EngineFailed, NoEngine
from comfy2runpod_contract.tether import tethered
from comfy2runpod_contract.texts import one_line

# What an engine last said is told with its failure.
_LAST_LINES = 20
_LONGEST_LINE = 4096
_ASK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine.

    `build_words` begin a build; `image_context` is how it calls an image that stands for a stage; `asks` is a command
    that succeeds where it can build, and fails where its daemon is not there.
    """

    name: str
    build_words: tuple[str, ...]
    image_context: str
    asks: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


ENGINES = (
    Engine(
        "docker",
        ("docker", "build", "--progress=plain"),
        "docker-image://",
        ("docker", "version", "--format", "{{.Server.Version}}"),
        # buildx would run git in the package, by whatever configuration lies there.
        {"DOCKER_BUILDKIT": "1", "BUILDX_GIT_INFO": "false", "BUILDX_GIT_LABELS": "false"},
    ),
    Engine("podman", ("podman", "build", "--layers"), "container-image://", ("podman", "version")),
    Engine("buildah", ("buildah", "build", "--layers"), "container-image://", ("buildah", "version")),
)
NAMES = tuple(engine.name for engine in ENGINES)


@dataclass(frozen=True, slots=True)
class Build:
    """What is to be built: a folder, the names of the result, what the Dockerfile is told, and further labels.

    `contexts` are build contexts, `NAME=VALUE`; `base` an image in the place of the stage `base`; `target` the stage to
    build, empty for the last; `secrets` variables that steps may read and no layer keeps; `more` words for the engine
    that we know nothing of.
    """

    folder: Path
    tags: tuple[str, ...]
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    contexts: tuple[str, ...] = ()
    base: str | None = None
    target: str = ""
    secrets: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


def find_engine(named: str | None = None) -> Engine:
    """The engine that is named, or the first of docker, podman and buildah that can build here.

    Raises:
        UnreachableError: there is none, or its daemon does not answer.
    """
    wanted = [engine for engine in ENGINES if named in (None, engine.name)]
    silent: list[str] = []
    for engine in wanted:
        if shutil.which(engine.name) is None:
            continue
        if _answers(engine):
            return engine
        silent.append(engine.name)
    raise UnreachableError(NoEngine(at=Locus("image"), wanted=tuple(one.name for one in wanted), silent=tuple(silent)))


def build_command(engine: Engine, build: Build) -> list[str]:
    """The words of a build. What a person gave stands behind an option's own `=`, so that none is taken for another."""
    contexts = [*build.contexts, *([f"base={engine.image_context}{build.base}"] if build.base else [])]
    return [
        *engine.build_words,
        *(f"--build-arg={name}={value}" for name, value in sorted(build.arguments.items())),
        *(f"--label={name}={value}" for name, value in sorted(build.labels.items())),
        *(f"--build-context={context}" for context in contexts),
        *(f"--tag={tag}" for tag in build.tags),
        *([f"--target={build.target}"] if build.target else []),
        *(f"--secret=id={name},env={name}" for name in build.secrets),
        *build.more,
        f"--file={build.folder / 'Dockerfile'}",
        str(build.folder.resolve()),
    ]


def push_command(engine: Engine, tag: str) -> list[str]:
    """The words of a push."""
    return [engine.name, "push", tag]


def run_engine(
    engine: Engine, command: Sequence[str], environment: Mapping[str, str], said: Callable[[str], None]
) -> None:
    """Runs an engine, which ends with this process, and hands on each line that it prints.

    Raises:
        UnreachableError: it failed; with what it last said.
    """
    last = deque[str](maxlen=_LAST_LINES)
    with subprocess.Popen(  # noqa: S603 - an engine, which the user chose
        tethered(command), env={**environment, **engine.environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            while process.stdout is not None and (line := process.stdout.readline(_LONGEST_LINE)):
                text = one_line(line.decode("utf-8", "replace"))
                if text:
                    last.append(text)
                    said(text)
            code = process.wait()
        except BaseException:
            process.terminate()
            raise
    if code:
        raise UnreachableError(
            EngineFailed(at=Locus(command[-1]), engine=engine.name, status=code, doing=command[1], last=tuple(last))
        )


def _answers(engine: Engine) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            tethered(engine.asks), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=_ASK_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
