"""The packages that the local server runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod.diagnostics import Locus
from comfy2runpod.errors.files import CannotRun
from comfy2runpod.quoting import plain
from comfy2runpod.read_files import catalogs_in, package_name
from comfy2runpod.run_package import RunError
from comfy2runpod_contract.limits import DEFAULT_EXECUTION_MS

_HUB_TESTS = ".runpod/tests.json"


@dataclass(frozen=True, slots=True)
class Package:
    """A compiled package on disk. `name` is in its URL; `catalogs` are the files with what it carries of node packs."""

    folder: Path
    name: str
    title: str
    description: str
    execution_seconds: float
    catalogs: tuple[Path, ...] = ()


def read_package(folder: Path, name: str | None = None) -> Package:
    """Reads a package.

    Args:
        folder: the package's folder.
        name: its name in the URL; None for the one that it was compiled with.

    Raises:
        RunError: it is not a compiled package.
    """
    place = folder.resolve()
    if not (place / "handler.py").is_file():
        raise RunError(CannotRun(at=Locus(folder.as_posix()), problem="there is no handler.py in it"))
    try:
        info = json.loads((place / "docs" / "openapi.json").read_text("utf-8"))["info"]
        title, description = str(info["title"]), plain(str(info["description"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(CannotRun(at=Locus(folder.as_posix()), problem="its docs/openapi.json cannot be read")) from None
    return Package(
        place, name or package_name(place), title, description, _execution_seconds(place), catalogs_in(place)
    )


def _execution_seconds(place: Path) -> float:
    try:
        return float(json.loads((place / _HUB_TESTS).read_text("utf-8"))["tests"][0]["timeout"]) / 1000
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return DEFAULT_EXECUTION_MS / 1000
