"""A stranger's repository runs nothing when a package in it is built or compiled; with git itself, and a canary."""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from comfy2runpod.git import commit_of, ignored_by_git, remote_of

from .command import ROOT, comfy2runpod

GRAPH = ROOT / "graphs" / "t2i_klein_4b.json"
# Of a configuration: what names a program, for one of git's commands or another. `CANARY` stands for the program.
KEYS = {
    "core.fsmonitor": "CANARY",
    "core.sshCommand": "CANARY",
    "core.pager": "CANARY",
    "core.editor": "CANARY",
    "core.askPass": "CANARY",
    "core.alternateRefsCommand": "CANARY",
    "core.gitProxy": "CANARY",
    "credential.helper": "!CANARY",
    "diff.external": "CANARY",
    "diff.all.textconv": "CANARY",
    "diff.all.command": "CANARY",
    "filter.all.clean": "CANARY",
    "filter.all.smudge": "CANARY",
    "filter.all.process": "CANARY",
    "filter.all.required": "true",
    "merge.all.driver": "CANARY",
    "gpg.program": "CANARY",
    "log.showSignature": "true",
    "interactive.diffFilter": "CANARY",
    "sequence.editor": "CANARY",
    "uploadpack.packObjectsHook": "CANARY",
    **{
        f"alias.{name}": "!CANARY"
        for name in ("rev-parse", "status", "config", "check-ignore", "ls-tree", "remote", "diff-index", "ls-files")
    },
    **{
        f"pager.{name}": "CANARY"
        for name in ("rev-parse", "status", "config", "check-ignore", "ls-tree", "remote")
    },
}  # fmt: skip
HOOKS = (
    "post-index-change",
    "fsmonitor-watchman",
    "reference-transaction",
    "post-checkout",
    "pre-commit",
    "pre-auto-gc",
)


def git(folder: Path, *words: str) -> str:
    person = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgSign=false")
    done = subprocess.run(["git", *person, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def committed(folder: Path) -> str:
    git(folder, "init", "-q")
    git(folder, "add", "-Af", ".")
    git(folder, "commit", "-qm", "all")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A program that leaves `canary.ran` beside itself."""
    program = tmp_path / "canary"
    program.write_text(f"#!/bin/sh\necho ran >> {tmp_path}/canary.ran\ncat\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], str]:
    """Builds with a stand-in for docker, and returns the words that it got."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "docker").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/calls\n')
    (place / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{Path(shutil.which('git') or '').parent}:/usr/bin:/bin")

    def built(package: Path) -> str:
        system = ("--build-context", "system=docker-image://localhost/base")
        done = comfy2runpod("build", package, "--engine", "docker", "--tag", "x/y:1", "--force", *system)
        assert done.returncode == 0, done.stderr
        return (tmp_path / "calls").read_text()

    return built


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("package")
    assert comfy2runpod("compile", GRAPH, "-o", place).returncode == 0
    return place / GRAPH.stem


def test_nothing_that_a_configuration_names_is_run(
    tmp_path: Path, package: Path, canary: Path, build: Callable[[Path], str]
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(package, tree / "pkg")
    (tree / ".gitattributes").write_text("* filter=all diff=all merge=all\n")
    (tree / ".gitignore").write_text("*.log\n")
    commit = committed(tree)
    for name in HOOKS:
        shutil.copy(canary, tree / ".git" / "hooks" / name)
    (tree / "more").write_text(f'[core]\n\tfsmonitor = "{canary}"\n[remote "origin"]\n\turl = https://of.example/x\n')
    git(tree, "config", "include.path", str(tree / "more"))
    git(tree, "config", "remote.origin.url", "https://me:secret@host.example/a.git")
    for key, value in KEYS.items():
        git(tree, "config", key, value.replace("CANARY", str(canary)))
    # As long as git's index, so that git would have the filters look.
    (tree / "pkg" / "Dockerfile").touch()
    subprocess.run(["git", "status"], cwd=tree, check=False, capture_output=True)
    assert (tmp_path / "canary.ran").exists(), "the canary is not one"
    (tmp_path / "canary.ran").unlink()

    words = build(tree / "pkg")
    assert f"--label=org.opencontainers.image.revision={commit}\n" in words
    assert "--label=org.opencontainers.image.source=https://host.example/a\n" in words
    assert "secret" not in words
    assert ignored_by_git(tree, ["pkg/a.log", "pkg/handler.py"]) == ("pkg/a.log",)
    assert comfy2runpod("compile", GRAPH, "-o", "out", cwd=tree).returncode == 0
    assert not (tmp_path / "canary.ran").exists()


@pytest.mark.parametrize("place", ["committed", "beside"])
def test_a_bare_repository_among_the_files_is_no_repository(
    tmp_path: Path, package: Path, canary: Path, build: Callable[[Path], str], place: str
) -> None:
    """As git 2.39 takes for one any folder with `HEAD`, `objects` and `refs`."""
    tree = tmp_path / "tree"
    shutil.copytree(package, tree / "pkg")
    if place == "committed":
        committed(tree)
    bare = tree / "pkg"
    (bare / "objects").mkdir()
    (bare / "refs" / "heads").mkdir(parents=True)
    (bare / "HEAD").write_text("ref: refs/heads/main\n")
    inside = f'[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = "{canary}"\n'
    (bare / "config").write_text(inside + '[remote "origin"]\n\turl = https://host.example/a\n')
    subprocess.run(["git", "-c", "safe.bareRepository=all", "status"], cwd=bare, check=False, capture_output=True)
    assert (tmp_path / "canary.ran").exists(), "the canary is not one"
    (tmp_path / "canary.ran").unlink()
    words = build(bare)
    assert "opencontainers.image" not in words
    assert ignored_by_git(bare, ["a"]) == ()
    assert not (tmp_path / "canary.ran").exists()


def test_variables_of_git_lead_nowhere_else(tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, other = tmp_path / "tree", tmp_path / "other"
    for folder in (tree, other):
        folder.mkdir()
        (folder / "a").write_text(folder.name)
    commit = committed(tree)
    committed(other)
    for name, value in {
        "GIT_DIR": f"{other}/.git",
        "GIT_WORK_TREE": str(other),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": str(canary),
        "GIT_EXTERNAL_DIFF": str(canary),
    }.items():
        monkeypatch.setenv(name, value)
    assert commit_of(tree) == commit
    assert not (tmp_path / "canary.ran").exists()


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_a_commit_is_named_only_where_the_files_are_its_files(tmp_path: Path, form: str) -> None:
    tree = tmp_path / "tree"
    (tree / "pkg" / "inner").mkdir(parents=True)
    (tree / "pkg" / "a").write_bytes(b"one\r\n")
    (tree / "pkg" / "inner" / "b").write_text("two")
    (tree / "pkg" / "link").symlink_to("a")
    (tree / "other").write_text("three")
    (tree / ".gitignore").write_text("*.log\n")
    git(tree, "init", "-q", f"--object-format={form}")
    commit = committed(tree)
    package = tree / "pkg"
    assert commit_of(package) == commit_of(tree) == commit
    git(tree, "worktree", "add", "-q", "--detach", "../linked")
    assert commit_of(tmp_path / "linked" / "pkg") == commit
    git(tree, "gc", "-q")
    git(tree, "pack-refs", "--all")
    (tree / "other").write_text("changed")
    (package / "a.log").write_text("ignored")
    assert (commit_of(package), commit_of(tree)) == (commit, "")
    for changed in ("a", "inner/b"):
        before = (package / changed).read_bytes()
        (package / changed).write_bytes(b"changed")
        assert commit_of(package) == ""
        (package / changed).write_bytes(before)
    (package / "new").touch()
    assert commit_of(package) == ""
    git(tree, "add", ".")
    assert commit_of(package) == ""
    (package / "new").unlink()
    (package / "link").unlink()
    assert commit_of(package) == ""
    (package / "link").write_text("a")
    assert commit_of(package) == ""
    (package / "link").unlink()
    (package / "link").symlink_to("a")
    assert commit_of(package) == commit
    # A repository within, with what it would have git do.
    (package / "within").mkdir()
    git(package / "within", "init", "-q")
    assert commit_of(package) == ""


def test_a_file_that_leads_to_a_repository_which_does_not_know_of_it_names_none(tmp_path: Path) -> None:
    tree, package = tmp_path / "tree", tmp_path / "package"
    for folder in (tree, package):
        folder.mkdir()
        (folder / "a").write_text("a")
    committed(tree)
    git(tree, "config", "remote.origin.url", "https://host.example/private")
    (package / ".git").write_text(f"gitdir: {tree}/.git\n")
    assert (commit_of(package), remote_of(package), ignored_by_git(package, ["a"])) == ("", "", ())
    (package / ".git").unlink()
    (package / ".git").symlink_to(tree / ".git")
    assert (commit_of(package), remote_of(package), ignored_by_git(package, ["a"])) == ("", "", ())


def test_git_is_run_by_one_module_alone() -> None:
    compiler = ROOT / "compiler" / "comfy2runpod"
    found = [
        path.relative_to(compiler).as_posix()
        for path in sorted(compiler.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value == "git"
    ]
    assert set(found) == {"git.py"}
