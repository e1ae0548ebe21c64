"""scripts/changed_packages.py: which images CI builds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EVERY = ["one", "two"]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "changed_packages.py", tmp_path / "scripts")
    for name in EVERY:
        package = tmp_path / "generated" / name
        (package / "docs").mkdir(parents=True)
        (package / "runtime").mkdir()
        for file in ("Dockerfile", "handler.py", "docs/API.md", "README.md", "runtime/a.whl"):
            (package / file).write_text(f"{name}\n")
        (package / ".dockerignore").write_text("# a comment\n*\n!handler.py\n!runtime/*.whl\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def changed(repository: Path, *commit: str) -> list[str]:
    command = [sys.executable, "scripts/changed_packages.py", *commit]
    done = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True)
    found: list[str] = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    return found


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("generated/one/handler.py", ["one"]), ("generated/two/Dockerfile", ["two"]),
        ("generated/one/.dockerignore", ["one"]), ("generated/one/runtime/a.whl", ["one"]),
        ("generated/one/docs/API.md", []), ("generated/two/README.md", []), ("generated/one/.env", []),
        ("README.md", []), ("generated/one/runtime/b.txt", []), ("generated/two/new.py", []),
    ],
)  # fmt: skip
def test_a_package_is_named_if_its_image_is_made_of_the_file(repository: Path, file: str, names: list[str]) -> None:
    before = git(repository, "rev-parse", "HEAD")
    place = repository / file
    place.write_text((place.read_text() if place.exists() else "") + "# more\n")
    git(repository, "add", "--force", ".")
    git(repository, "commit", "-qm", "second")
    assert changed(repository, before) == names


def test_a_deleted_and_a_moved_input_count(repository: Path) -> None:
    before = git(repository, "rev-parse", "HEAD")
    git(repository, "rm", "-q", "generated/one/runtime/a.whl")
    git(repository, "mv", "generated/two/handler.py", "generated/two/other.py")
    git(repository, "commit", "-qm", "second")
    assert changed(repository, before) == EVERY


@pytest.mark.parametrize(
    "commit", [(), ("",), ("0" * 40,), ("no-such-branch",), ("--output=pwned",), ("HEAD:generated",)]
)
def test_without_a_commit_to_compare_with_all_are_named(repository: Path, commit: tuple[str, ...]) -> None:
    assert changed(repository, *commit) == EVERY
    assert not list(repository.glob("**/pwned"))


def test_every_package_of_this_repository_is_one() -> None:
    assert changed(ROOT) == sorted(path.parent.name for path in ROOT.glob("generated/*/handler.py"))
