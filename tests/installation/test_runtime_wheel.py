"""The wheel in every package: valid as a wheel, the same wherever it is built, and with the runtime alone."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import io
import json
import os
import shutil
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from comfy2runpod import __version__
from comfy2runpod.catalog.release import RELEASE
from comfy2runpod.ir.interface import ImageSettings
from comfy2runpod.stages.emit.environment import template_text
from comfy2runpod.stages.emit.image import WORKER_LOCK, build_files
from comfy2runpod.stages.emit.runtime_wheel import WHEELS, Wheel, pinned, requirements, runtime_wheel

from .conftest import Built, tracked
from .environments import ROOT, environment, fresh, ran, tool

PACKAGES = ("comfy2runpod_contract", "comfy2runpod_runtime")
INFO = f"comfy2runpod_runtime-{__version__}.dist-info"
# Of the standard library alone: it says what a wheel made elsewhere is.
MAKE = "import sys; from comfy2runpod.stages.emit.runtime_wheel import runtime_wheel; print(runtime_wheel().sha256)"


@pytest.fixture(scope="module")
def archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(runtime_wheel().data))


def written(folder: Path, wheel: Wheel) -> Path:
    (folder / wheel.name).write_bytes(wheel.data)
    return folder / wheel.name


def test_it_holds_the_two_packages_and_no_other_file(archive: zipfile.ZipFile) -> None:
    ours = {path.partition("/")[2] for path in tracked("contract", "runtime")}
    info = {f"{INFO}/{name}" for name in ("METADATA", "WHEEL", "entry_points.txt", "RECORD", "licenses/LICENSE")}
    assert set(archive.namelist()) == ours | info
    assert {name.partition("/")[0] for name in ours} == set(PACKAGES)


def test_its_record_is_right_and_names_everything(archive: zipfile.ZipFile) -> None:
    rows = list(csv.reader(io.StringIO(archive.read(f"{INFO}/RECORD").decode())))
    assert [row[0] for row in rows] == archive.namelist()
    for name, digest, size in rows:
        data = archive.read(name)
        expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        assert (digest, size) == (("", "") if name.endswith("RECORD") else (f"sha256={expected}", str(len(data)))), name


def test_nothing_of_the_machine_is_in_it(archive: zipfile.ZipFile) -> None:
    for entry in archive.infolist():
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        assert (entry.compress_type, entry.create_system, entry.extra) == (zipfile.ZIP_STORED, 3, b"")
        assert entry.external_attr >> 16 == 0o100644
    assert str(ROOT).encode() not in runtime_wheel().data


def test_wheel_checkers_find_nothing(tmp_path: Path) -> None:
    wheel = written(tmp_path, runtime_wheel())
    assert parse_wheel_filename(wheel.name)[:2] == ("comfy2runpod-runtime", parse_wheel_filename(wheel.name)[1])
    ran([tool("twine"), "check", "--strict", wheel], tmp_path, environment(tmp_path))
    ran([tool("check-wheel-contents"), "--ignore", "W009", "--toplevel", ",".join(PACKAGES), wheel], tmp_path,
        environment(tmp_path))  # fmt: skip


def test_it_is_the_same_beside_bytecode_and_what_editors_leave(built: Built, tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    shutil.copytree(built.checkout, copy)
    runtime = copy / "runtime" / "comfy2runpod_runtime"
    for name in ("__pycache__/errors.cpython-313.pyc", "errors.py~", "errors.py.orig", ".errors.py.swp", ".env", "core",
                 ".#errors.py", "notes.txt", ".ipynb_checkpoints/errors.py", "errors copy.py"):  # fmt: skip
        (runtime / name).parent.mkdir(exist_ok=True)
        (runtime / name).write_text("secret")
    (runtime / "linked.py").symlink_to("/etc/hostname")
    (runtime / "errors.py").write_bytes((runtime / "errors.py").read_bytes().replace(b"\n", b"\r\n"))
    path = os.pathsep.join(str(copy / folder) for folder in ("compiler", "contract", "runtime"))
    for seed in ("0", "1"):
        env = environment(tmp_path, PYTHONPATH=path, PYTHONHASHSEED=seed, TZ="Asia/Tokyo", LC_ALL="C")
        assert ran([sys.executable, "-c", MAKE], tmp_path, env).strip() == runtime_wheel().sha256


def test_it_is_the_same_from_an_installed_wheel(built: Built, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(site)
    assert not (site / "Dockerfile.j2").exists()
    env = environment(tmp_path, PYTHONPATH=str(site))
    assert ran([sys.executable, "-c", MAKE], tmp_path, env).strip() == runtime_wheel().sha256


def test_an_installation_without_the_runtime_says_so(built: Built, tmp_path: Path) -> None:
    env = environment(tmp_path, PYTHONPATH=str(built.checkout / "compiler"))
    # Without this environment's own site-packages, whose .pth files name the checkout.
    script = f"import sys; sys.path[:] = [path for path in sys.path if path != {str(ROOT / 'runtime')!r}]; {MAKE}"
    with pytest.raises(AssertionError, match="comfy2runpod_runtime is not installed beside comfy2runpod"):
        ran([sys.executable, "-c", script], tmp_path, env)


# What is needed of others: said once, in worker.in.


def test_its_requirements_are_the_compilers_own_too() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(requirements()) <= set(project["dependencies"])
    assert project["requires-python"] == ">=3.11"


def test_its_metadata_say_what_it_needs(archive: zipfile.ZipFile) -> None:
    metadata = HeaderParser().parsestr(archive.read(f"{INFO}/METADATA").decode())
    assert (metadata["Name"], metadata["Version"]) == ("comfy2runpod-runtime", __version__)
    assert tuple(metadata.get_all("Requires-Dist")) == requirements()
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_lock_holds_every_requirement(archive: zipfile.ZipFile) -> None:
    locked = dict(line.split(" ")[0].split("==") for line in template_text("worker.lock").splitlines() if "==" in line)
    for requirement in map(Requirement, requirements()):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_its_modules_import_what_it_says_that_it_needs_and_nothing_of_the_compiler(archive: zipfile.ZipFile) -> None:
    needed: set[str] = set()
    for name in archive.namelist():
        if name.endswith(".py"):
            needed |= imports(ast.parse(archive.read(name), name))
    assert "comfy2runpod" not in needed
    distributions = packages_distributions()
    others = needed - set(sys.stdlib_module_names) - set(PACKAGES)
    declared = {canonicalize_name(Requirement(one).name) for one in requirements()}
    # Part of what is declared: they come with it, in a version that it names.
    with_them = {"botocore": "boto3", "s3transfer": "boto3", "pydantic_core": "pydantic"}
    found = {canonicalize_name(distributions[with_them.get(module, module)][0]) for module in others}
    assert found == declared


def imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
    return found


def test_the_requirements_name_it_by_the_hash_that_it_has() -> None:
    assert pinned().splitlines() == [
        f"--find-links {WHEELS}",
        f"-r {WORKER_LOCK}",
        f"comfy2runpod-runtime=={__version__} \\",
        f"    --hash=sha256:{hashlib.sha256(runtime_wheel().data).hexdigest()}",
    ]
    assert build_files(RELEASE.version, ImageSettings())[WORKER_LOCK] == template_text("worker.lock")


IMPORT_ALL = """
import importlib, json, pkgutil, sys
names = []
for name in ("comfy2runpod_contract", "comfy2runpod_runtime"):
    package = importlib.import_module(name)
    names += [name, *(info.name for info in pkgutil.walk_packages(package.__path__, name + "."))]
for name in names:
    importlib.import_module(name)
foreign = sorted({name.partition(".")[0] for name in sys.modules if name.startswith("comfy2runpod")})
print(json.dumps([len(names), foreign]))
"""


def test_installed_with_this_pythons_packages_every_module_of_it_imports(tmp_path: Path) -> None:
    """The worker's own locked packages are those of test_worker_image; here all there is to see is that it is whole."""
    bin_folder = fresh(tmp_path / "venv")
    env = environment(tmp_path)
    wheel = written(tmp_path, runtime_wheel())
    ran([bin_folder / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], tmp_path, env)
    shown = ran([bin_folder / "python", "-m", "pip", "show", "--files", "comfy2runpod-runtime"], tmp_path, env)
    assert "License-Expression: Apache-2.0" in shown or "License: " in shown
    (site,) = (tmp_path / "venv").glob("lib/*/site-packages")
    # The third-party packages of this environment, without the project that is installed in it.
    borrowed = tmp_path / "borrowed"
    borrowed.mkdir()
    for entry in next(Path(sys.prefix).glob("lib/*/site-packages")).iterdir():
        if "comfy2runpod" not in entry.name and entry.suffix != ".pth" and not (site / entry.name).exists():
            (borrowed / entry.name).symlink_to(entry)
    env["PYTHONPATH"] = str(borrowed)
    count, foreign = json.loads(ran([bin_folder / "python", "-c", IMPORT_ALL], tmp_path, env).splitlines()[-1])
    assert count == sum(path.endswith(".py") for path in tracked("contract", "runtime"))
    assert foreign == list(PACKAGES)
