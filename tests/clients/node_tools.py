"""Node and TypeScript for the tests of the TypeScript clients, and of the page's script."""

from __future__ import annotations

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

from scripts.node_tools import NodeTools, NoNodeError, node_tools

HERE = Path(__file__).parent
GENERATED = HERE.parents[1] / "generated"


@dataclass
class TypeScript:
    """Builds clients, each once, and calls them."""

    tools: NodeTools
    folder: Path
    _built: dict[Path, Path] = field(default_factory=dict)
    _driver: subprocess.Popen[str] | None = None

    def build(self, package: Path) -> Path:
        """A package's built client: a copy of its folder, with `dist` in it."""
        if package not in self._built:
            target = self.folder / f"{len(self._built)}" / package.name
            shutil.copytree(package / "clients" / "typescript", target)
            (target / "node_modules").symlink_to(self.tools.modules)
            done = self.tools.tsc(target)
            assert done.returncode == 0, done.stdout
            self._built[package] = target
        return self._built[package]

    def call(self, package: str | Path, do: str, url: str, **plan: Any) -> Any:
        """What comes of one call, by driver.mjs; `options` are made impatient."""
        impatient = {"requestSeconds": 2, "callSeconds": 20, "pollSeconds": [0.01, 0.05], "retrySeconds": 2}
        plan["options"] = {**impatient, **plan.get("options", {})}
        folder = GENERATED / package if isinstance(package, str) else package
        plan |= {"client": str(self.build(folder)), "do": do, "url": url}
        if self._driver is None:
            # An unhandled error ends the process, and so the test.
            command = [self.tools.node, "--unhandled-rejections=strict", str(HERE / "typescript" / "driver.mjs")]
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
    return TypeScript(node_or_skip(), folder)


def node_or_skip() -> NodeTools:
    """The locked tools of Node; without them the test is skipped, or fails if NODE_REQUIRED is 1."""
    try:
        return node_tools()
    except NoNodeError as error:
        if os.environ.get("NODE_REQUIRED") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
