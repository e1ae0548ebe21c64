"""Images built and run for real, with Debian's buildah, podman and runc: no Docker, no registry, a store of its own.

What is not real: the base is a Debian with this machine's Python 3.12 in the place of Docker Hub's image, and ComfyUI's
source is a folder in the place of GitHub's. Both are given as build contexts of the names of the stages that they
replace; the Dockerfile is the package's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.installation.environments import python
from tests.standins.runpod_queue import RunPodQueue
from tests.standins.serving import free_port

TOOLS = ("buildah", "podman", "runc", "mmdebstrap")
BASE = "localhost/stand-in-python:3.12"
# Of Debian, for this machine's Python.
_PACKAGES = (
    "ca-certificates", "libssl3", "libffi8", "zlib1g", "libbz2-1.0", "liblzma5", "libsqlite3-0", "libreadline8",
    "libuuid1",
)  # fmt: skip
# Nor what nobody reads in an image, as in Docker Hub's.
_SMALL = tuple(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale", "info"))
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_HANG_SECONDS = 7200
# No more than a container without privileges may have here.
LIMITS = ("--ulimit", "nofile=1024:20000", "--ulimit", "nproc=1000:1000")


def lacking() -> str | None:
    """What an image cannot be built for want of; None if nothing is."""
    if os.geteuid() != 0:
        return "building images here needs root"
    tools = [tool for tool in TOOLS if shutil.which(tool) is None]
    if tools:
        return f"{', '.join(tools)} is not installed"
    return None if python("3.12") else "no Python 3.12 here, which the image has"


@dataclass(frozen=True)
class Store:
    """Where images are: a folder of its own."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """How engines find it, and how they build without a container runtime's rights."""
        place = self.folder / "storage.conf"
        if not place.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            roots = f'graphroot = "{self.folder}/images"\nrunroot = "{self.folder}/run"\n'
            place.write_text(f'[storage]\ndriver = "overlay"\n{roots}')
        return {**os.environ, "CONTAINERS_STORAGE_CONF": str(place), "BUILDAH_ISOLATION": "chroot"}

    def call(self, *words: str | Path, check: bool = True) -> str:
        """What an engine's command prints."""
        done = subprocess.run(
            [str(word) for word in words], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", check=False, timeout=_HANG_SECONDS,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout[-4000:]}"
        return done.stdout

    def has(self, image: str) -> bool:
        """Whether an image is there."""
        return self.call("buildah", "images", "--quiet", "--filter", f"reference={image}").strip() != ""

    def inspect(self, image: str) -> dict[str, Any]:
        """An image's configuration, as the OCI has it."""
        told: dict[str, Any] = json.loads(self.call("buildah", "inspect", "--type", "image", image))["OCIv1"]
        return told

    def build_options(self, source: Path) -> list[str]:
        """The options of `comfy2runpod build` that put this machine's things in the place of the world's."""
        pip = self.folder / "pip.conf"
        pip.write_text(f"[global]\ncert = {_CERTIFICATES}\n")
        mounts = {os.environ.get("SSL_CERT_FILE", _CERTIFICATES): _CERTIFICATES, str(pip): "/etc/pip.conf"}
        return [
            "--engine=buildah",
            f"--build-context=system=container-image://{BASE}",
            f"--build-context=comfyui-source={source}",
            "--engine-arg=--pull-never",
            *(f"--engine-arg=--volume={here}:{there}:ro" for here, there in mounts.items()),
        ]

    def remove(self) -> None:
        """Everything of it."""
        self.call("podman", "rm", "--all", "--force", check=False)
        self.call("buildah", "rm", "--all", check=False)
        self.call("buildah", "rmi", "--all", "--force", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def make_base(store: Store) -> None:
    """A Debian with this machine's Python 3.12, in the place of Docker Hub's python:3.12-slim."""
    if store.has(BASE):
        return
    container = store.call("buildah", "from", "scratch").strip()
    # Made in its place: an archive would be written, unpacked and copied.
    root = Path(store.call("buildah", "mount", container).strip())
    store.call("mmdebstrap", "--variant=minbase", *_SMALL, f"--include={','.join(_PACKAGES)}", _codename(), root)
    asked = [python("3.12") or "", "-c", "import sys; print(sys.base_prefix)"]
    prefix = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    (root / "usr/local/lib").mkdir(parents=True, exist_ok=True)
    shutil.copy2(prefix / "bin/python3.12", root / "usr/local/bin")
    for library in prefix.glob("lib/libpython3.12.so*"):
        shutil.copy2(library, root / "usr/local/lib", follow_symlinks=False)
    left = shutil.ignore_patterns("site-packages", "test", "__pycache__", "*.a", "config-3*")
    shutil.copytree(prefix / "lib/python3.12", root / "usr/local/lib/python3.12", ignore=left)
    packages = root / "usr/local/lib/python3.12/site-packages"
    packages.mkdir()
    for name in prefix.glob("lib/python3.12/site-packages/pip*"):
        shutil.copytree(name, packages / name.name)
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to("python3.12")
    store.call("chroot", root, "ldconfig")
    store.call("buildah", "umount", container)
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    store.call("buildah", "config", "--env", path, container)
    store.call("buildah", "commit", "--quiet", "--rm", container, BASE)


def _codename() -> str:
    """This machine's Debian, whose libraries its Python needs."""
    told = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return told["VERSION_CODENAME"].strip('"')


@dataclass
class Container:
    """A container that runs: its name, and the file of its log."""

    store: Store
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """What it has printed so far."""
        return self.log.read_text("utf-8", "replace")

    async def result_of(self, queue: RunPodQueue, job_id: str, seconds: float) -> dict[str, Any]:
        """What it posts as the result of a job; its log where it ends before, or takes too long."""
        try:
            async with asyncio.timeout(seconds):
                while not (posted := queue.of(job_id)):
                    assert self.process.poll() is None, f"it ended before:\n{self.said()[-6000:]}"
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"no result:\n{self.said()[-6000:]}") from None
        return posted[0]

    def stop(self, seconds: int) -> int:
        """SIGTERM, and after so many seconds SIGKILL; its exit code."""
        self.store.call("podman", "--runtime", "runc", "stop", "--time", str(seconds), self.name)
        return self.process.wait(timeout=_HANG_SECONDS)


@contextmanager
def running(store: Store, image: str, environment: Mapping[str, str], log: Path, *more: str) -> Iterator[Container]:
    """A container with the image's own entry point, on this machine's network; `more` are podman's options."""
    name = f"image-test-{os.getpid()}-{time.monotonic_ns()}"
    settings = [f"--env={key}={value}" for key, value in environment.items()]
    run = ["podman", "--runtime", "runc", "run", "--rm", "--name", name, "--network", "host"]
    command = [*run, *LIMITS, *settings, *more, image]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=store.environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
        try:
            yield Container(store, name, process, log)
        finally:
            store.call("podman", "--runtime", "runc", "rm", "--force", name, check=False)
            process.wait(timeout=_HANG_SECONDS)


def in_image(store: Store, image: str, script: str) -> str:
    """What a shell prints in a container of an image."""
    run = ("podman", "--runtime", "runc", "run", "--rm", "--network", "none", *LIMITS, "--entrypoint", "/bin/sh")
    return store.call(*run, image, "-c", script)


def settings_of(port: int | None = None) -> dict[str, str]:
    """What a worker is told beside RunPod's variables."""
    return {"COMFYUI_PORT": str(port or free_port()), "HF_HUB_DISABLE_TELEMETRY": "1"}
