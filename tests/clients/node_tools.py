"""Node and TypeScript for the tests of the TypeScript clients: brought by `npm ci`, from a locked list."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from filelock import FileLock

HERE = Path(__file__).parent
GENERATED = HERE.parents[1] / "generated"
OLDEST_NODE = 20


@dataclass
class TypeScript:
    """Builds clients, each once, and calls them."""

    node: str
    folder: Path
    _built: dict[Path, Path] = field(default_factory=dict)
    _driver: subprocess.Popen[str] | None = None

    def build(self, package: Path) -> Path:
        """A package's built client: a copy of its folder, with `dist` in it."""
        if package not in self._built:
            target = self.folder / f"{len(self._built)}" / package.name
            shutil.copytree(package / "clients" / "typescript", target)
            (target / "node_modules").symlink_to(HERE / "node_modules")
            done = self.tsc(target)
            assert done.returncode == 0, done.stdout
            self._built[package] = target
        return self._built[package]

    def tsc(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        compiler = HERE / "node_modules" / "typescript" / "bin" / "tsc"
        return subprocess.run(
            [self.node, str(compiler), *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120
        )

    def call(self, package: str | Path, do: str, url: str, **plan: Any) -> Any:
        """What comes of one call, by driver.mjs; `options` are made impatient."""
        impatient = {"requestSeconds": 2, "callSeconds": 20, "pollSeconds": [0.01, 0.05], "retrySeconds": 2}
        plan["options"] = {**impatient, **plan.get("options", {})}
        folder = GENERATED / package if isinstance(package, str) else package
        plan |= {"client": str(self.build(folder)), "do": do, "url": url}
        if self._driver is None:
            # What nobody handles ends the process, and so the test.
            command = [self.node, "--unhandled-rejections=strict", str(HERE / "typescript" / "driver.mjs")]
            self._driver = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True)
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        watchdog = threading.Timer(120, self._driver.kill)
        watchdog.start()
        try:
            self._driver.stdin.write(json.dumps(plan) + "\n")
            self._driver.stdin.flush()
            line = self._driver.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            self.close()
            pytest.fail("driver.mjs died, or took two minutes; what it said is above")
        return json.loads(line)

    def close(self) -> None:
        """Ends the process that makes the calls."""
        if self._driver is not None:
            self._driver.kill()
            self._driver.communicate()
            self._driver = None


def typescript_in(folder: Path) -> TypeScript:
    """The tools; without them the test is skipped, or fails if NODE_REQUIRED is 1."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _without("node and npm are not here")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        _without(f"node {version} is too old: the clients need {OLDEST_NODE}")
    fault = _install(npm)
    if fault:
        _without(f"npm ci failed: {fault}")
    return TypeScript(node, folder)


def _install(npm: str) -> str:
    """Brings what package-lock.json names, unless it is there; what went wrong."""
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    ready = HERE / "node_modules" / ".ready"
    # Several workers of pytest-xdist share the folder.
    with FileLock(HERE / ".npm.lock"):
        if ready.is_file() and ready.read_text() == wanted:
            return ""
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode == 0:
            ready.write_text(wanted)
        return "" if done.returncode == 0 else done.stderr[-500:]


def _without(reason: str) -> Any:
    if os.environ.get("NODE_REQUIRED") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
