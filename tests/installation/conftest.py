"""What is to be installed: built once, from a copy of the files that git knows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from .environments import ROOT

SHIPPED = ("compiler", "contract", "runtime")
TOP_LEVEL = ("Dockerfile.j2", "LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", ".gitignore")


@dataclass(frozen=True)
class Built:
    """A checkout without history, and what hatchling makes of it."""

    checkout: Path
    wheel: Path
    sdist: Path


def build(checkout: Path, target: str, out: Path) -> Path:
    """The wheel or the sdist of a folder with a pyproject.toml."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(out)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    return next(out.glob("*.whl" if target == "wheel" else "*.tar.gz"))


def tracked(*folders: str) -> list[str]:
    """The files that git knows or would add, by their path."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted(path for path in listed if (ROOT / path).is_file())


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    checkout = tmp_path_factory.mktemp("installation") / "checkout"
    for path in tracked(*SHIPPED, *TOP_LEVEL):
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, checkout / path)
    out = checkout.parent
    return Built(checkout, build(checkout, "wheel", out / "wheel"), build(checkout, "sdist", out / "sdist"))
