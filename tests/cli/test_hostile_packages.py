"""A stranger's package: links in it lead no command out of its folder, and no document of it is a fault of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .command import ROOT, comfy2runpod

GRAPH = ROOT / "graphs" / "t2i_klein_4b.json"
SECRET = "SECRET-OF-THE-USERS"
SECONDS = 120
# A link's place in the package, and the commands that read what it stands for.
LINKS = [
    ("docs/API.md", ("docs", "serve", "build")),
    ("docs/openapi.json", ("docs", "serve", "build")),
    ("docs/input.schema.json", ("docs", "serve", "run", "diff", "build")),
    ("docs/output.schema.json", ("docs", "serve", "run", "diff", "build")),
    ("docs", ("docs", "serve", "run", "diff", "build")),
    ("models.lock.json", ("docs", "serve", "diff", "build")),
    ("handler.py", ("docs", "serve", "run", "build")),
    (".runpod", ("serve", "diff", "build")),
    (".runpod/tests.json", ("serve", "diff", "build")),
    ("Dockerfile", ("build",)),
    (".comfy2runpod.json", ("build",)),
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("compiled")
    assert comfy2runpod("compile", GRAPH, "-o", place).returncode == 0
    return place / GRAPH.stem


@pytest.fixture
def package(compiled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(compiled, tmp_path / "pkg")


def called(command: str, package: Path, folder: Path) -> tuple[int, str]:
    """A command on a package, as a process: `serve` would go on for ever."""
    words = {
        "docs": ["docs", package, "-o", "site"],
        "serve": ["serve", package, "--port", "0"],
        "run": ["run", package, "--input", '{"prompt": "a cat", "steps": 1}', "-o", "out"],
        "diff": ["diff", package, package],
        "build": ["build", package, "--force", "--engine", "docker", "--build-context", "system=docker-image://base"],
    }[command]
    program = [sys.executable, "-c", "from comfy2runpod.cli import main; main()", *map(str, words)]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("link", "command"), [(link, command) for link, commands in LINKS for command in commands])
def test_a_link_in_a_package_leads_nowhere(package: Path, tmp_path: Path, link: str, command: str) -> None:
    outside = tmp_path / "outside"
    shutil.move(package / link, outside)
    for file in [outside] if outside.is_file() else [path for path in outside.rglob("*") if path.is_file()]:
        # The same to a reader, and to be found again.
        mark = f' "x": "{SECRET}",' if file.suffix == ".json" else f"\n# {SECRET}\n"
        text = file.read_text("utf-8")
        file.write_text(text.replace("{", "{" + mark, 1) if file.suffix == ".json" else text + mark)
    (package / link).symlink_to(os.path.relpath(outside, (package / link).parent))
    code, said = called(command, package, tmp_path)
    assert (code, f"{link} is not read: it is a link" in said) == (1, True), said
    assert SECRET not in said
    for folder in (tmp_path / "site", tmp_path / "out"):
        assert not folder.exists()


def test_a_package_that_the_user_names_by_a_link_is_read(package: Path, tmp_path: Path) -> None:
    (tmp_path / "named").symlink_to(package)
    for command in ("docs", "run", "diff"):
        code, said = called(command, tmp_path / "named", tmp_path)
        assert code == 0, said


def test_a_link_out_of_a_folder_of_packages_is_not_followed(package: Path, tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "x").symlink_to(package)
    code, said = called("docs", tmp_path / "packages", tmp_path)
    assert (code, "leads out of" in said) == (1, True), said


def test_catalogs_behind_links_are_not_the_packages(package: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.json").write_text(f'"{SECRET}')
    for link, target in (("catalog", "../other"), ("catalog/a.json", "../../other/a.json")):
        (package / link).parent.mkdir(exist_ok=True)
        (package / link).symlink_to(target)
        code, said = called("run", package, tmp_path)
        assert (code, SECRET in said) == (0, False), said
        (package / link).unlink()


DEEP = "[" * 300_000 + "]" * 300_000
SCHEMA = "docs/output.schema.json"


@pytest.mark.parametrize(
    ("path", "text", "commands"),
    [
        ("docs/openapi.json", f'{{"info": {DEEP}}}', ("docs", "serve")),
        ("docs/openapi.json", "[]", ("docs", "serve")),
        ("docs/openapi.json", '{"info": {"title": "a", "description": "b", "version": NaN}}', ("docs", "serve")),
        (SCHEMA, f'{{"properties": {DEEP}}}', ("docs", "serve", "run", "diff")),
        (SCHEMA, '{"properties": []}', ("docs", "run", "diff")),
        ("docs/input.schema.json", DEEP, ("docs", "run", "diff")),
        ("models.lock.json", f'{{"models": {DEEP}}}', ("docs", "diff")),
        (".runpod/tests.json", f'{{"tests": {DEEP}}}', ("diff",)),
        (".comfy2runpod.json", DEEP, ("build",)),
        (".comfy2runpod.json", '{"version": 1, "generator": "", "kind": "package", "files": []}', ("build",)),
        ("catalog/a.json", DEEP, ("run", "serve")),
    ],
)
def test_a_document_that_is_none_is_named(
    package: Path, tmp_path: Path, path: str, text: str, commands: tuple[str, ...]
) -> None:
    (package / path).parent.mkdir(exist_ok=True)
    (package / path).write_text(text)
    for command in commands:
        code, said = called(command, package, tmp_path)
        assert (code, path in said) == (1, True), (command, said[:2000])


def test_a_name_that_is_no_text_is_named(package: Path, tmp_path: Path) -> None:
    (package / "docs" / os.fsdecode(b"\xff.md")).write_text("x")
    for command in ("docs", "serve"):
        code, said = called(command, package, tmp_path)
        assert (code, "docs/\\udcff.md is not read: its name is no text" in said) == (1, True), said


def test_a_folder_whose_name_is_no_part_of_a_url_is_refused(package: Path, tmp_path: Path) -> None:
    # Which tells the name that it was compiled with.
    (package / ".runpod" / "tests.json").unlink()
    for name in ("a{b}", "a{b", os.fsdecode(b"\xff"), "a\nb"):
        package = package.rename(tmp_path / name)
        for command in ("docs", "serve"):
            code, said = called(command, package, tmp_path)
            assert (code, "rename the folder" in said) == (2, True), said
