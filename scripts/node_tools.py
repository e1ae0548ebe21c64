"""Installs the locked Node tools, TypeScript and the pages' bundler; requirements/node has versions and hashes."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

FOLDER = Path(__file__).parents[1] / "requirements" / "node"
OLDEST_NODE = 20


class NoNodeError(Exception):
    """Node, npm or the packages are not available; the message says why."""


@dataclass(frozen=True)
class NodeTools:
    """A Node of a supported version, and the folder of its packages."""

    node: str
    modules: Path

    def tsc(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """TypeScript's compiler, on the project in a folder."""
        command = [self.node, str(self.modules / "typescript" / "bin" / "tsc"), *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)

    def esbuild(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The bundler."""
        command = [self.node, str(self.modules / "esbuild" / "bin" / "esbuild"), *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def node_tools() -> NodeTools:
    """The tools; `npm ci` installs them if they are missing.

    Raises:
        NoNodeError: Node or npm is missing or too old, or the installation fails.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NoNodeError("node and npm are not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        raise NoNodeError(f"node {version} is too old: {OLDEST_NODE} is needed")
    _install(npm)
    return NodeTools(node, FOLDER / "node_modules")


def _install(npm: str) -> None:
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    ready = FOLDER / "node_modules" / ".ready"
    # Several workers of pytest-xdist share the folder.
    with FileLock(FOLDER / ".npm.lock"):
        if ready.is_file() and ready.read_text() == wanted:
            return
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode != 0:
            raise NoNodeError(f"npm ci failed: {done.stderr[-500:]}")
        ready.write_text(wanted)
