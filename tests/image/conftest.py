"""An image of a package, built once for all tests that look at it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from comfy2runpod.catalog.release import RELEASE
from comfy2runpod.stages.emit.image import layer_locks
from tests.cli.command import ROOT, comfy2runpod

from .engine import Store, lacking, make_base

# Everything with torch, as `make image-test` asks for it; else without what is large, which a worker on the simulator
# does not need.
WHOLE = bool(os.environ.get("IMAGE_TESTS"))
REQUIRED = bool(os.environ.get("IMAGE_REQUIRED")) or WHOLE
# A store that is kept between runs, where one is named: a base and torch are not made anew.
STORE = os.environ.get("IMAGE_STORE")
# Of ComfyUI's packages, what the simulator imports and what those need.
SMALL = frozenset(
    ("aiohappyeyeballs", "aiohttp", "aiosignal", "annotated-types", "attrs", "av", "frozenlist", "idna", "markupsafe",
     "multidict", "networkx", "numpy", "pillow", "propcache", "pydantic", "pydantic-core", "typing-extensions",
     "typing-inspection", "yarl")
)  # fmt: skip
NAME = "t2i_klein_4b"
SECRET = "a-secret-of-the-person-who-builds"
FORGOTTEN = (".env", "id_rsa", ".git/config", ".aws/credentials", "runtime/secret.txt", "image/id_rsa", "docs/note.txt")


@dataclass(frozen=True)
class BuiltImage:
    """The store, the image's name, the package that it was built of, and what the build printed."""

    store: Store
    name: str
    package: Path
    log: str


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    missing = lacking()
    if missing and REQUIRED:
        pytest.fail(f"{missing}; IMAGE_REQUIRED or IMAGE_TESTS asks for a build")
    if missing:
        pytest.skip(missing)
    made = Store(Path(STORE) if STORE else tmp_path_factory.mktemp("images"))
    make_base(made)
    yield made
    if not STORE:
        made.remove()


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In the place of ComfyUI's source: its main.py is the simulator, whose modules lie beside it."""
    folder = tmp_path_factory.mktemp("comfyui")
    shutil.copyfile(Path(__file__).with_name("comfyui_main.py"), folder / "main.py")
    left = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "compiler/comfy2runpod", folder / "comfy2runpod", ignore=left)
    shutil.copytree(ROOT / "contract/comfy2runpod_contract", folder / "comfy2runpod_contract", ignore=left)
    # What is not to come along.
    for name in ("tests/test_a.py", "tests-unit/test_b.py", ".github/a.yml"):
        (folder / name).parent.mkdir()
        (folder / name).touch()
    return folder


def alone(folder: Path, name: str = NAME, graph: Path | None = None, options: Sequence[str] = ()) -> Path:
    """A package alone in an empty folder, with what people forget in such a folder."""
    done = comfy2runpod("compile", graph or ROOT / "graphs" / f"{name}.json", "-o", folder, *options)
    assert done.returncode == 0, done.stderr
    for forgotten in FORGOTTEN:
        (folder / name / forgotten).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / forgotten).write_text(f"KEY={SECRET}\n")
    return folder / name


def lighten(package: Path) -> None:
    """The package's locks without what is large: torch and CUDA, and what a model needs."""
    for lock in layer_locks(RELEASE.version):
        text = (package / "image" / lock).read_text()
        entries = re.findall(r"^\S.*(?:\n[ \t].*)*", text, re.MULTILINE)
        kept = [entry for entry in entries if entry.partition("==")[0] in SMALL]
        (package / "image" / lock).write_text("".join(f"{entry}\n" for entry in kept) or "# left out\n")


def built(store: Store, package: Path, source: Path, tag: str, *options: str) -> BuiltImage:
    """The image of a package, by `comfy2runpod build`."""
    with pytest.MonkeyPatch.context() as patch:
        for key, value in store.environment.items():
            patch.setenv(key, value)
        done = comfy2runpod("build", package, "-v", "--force", f"--tag={tag}", *store.build_options(source), *options)
    assert done.returncode == 0, done.stderr[-6000:]
    return BuiltImage(store, tag, package, done.stderr)


@pytest.fixture(scope="session")
def image(store: Store, source: Path, tmp_path_factory: pytest.TempPathFactory) -> BuiltImage:
    """The image of one package, built from its folder alone."""
    package = alone(tmp_path_factory.mktemp("alone"))
    if not WHOLE:
        lighten(package)
    return built(store, package, source, "localhost/image-test:1")
