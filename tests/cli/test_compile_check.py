"""`compile --check`: exit 1 if a package is not what its graph gives; nothing is written."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from .command import ROOT, comfy2runpod

GRAPH = ROOT / "graphs" / "t2i_klein_4b.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a graph and the package that it gives."""
    shutil.copy(GRAPH, tmp_path / "graph.json")
    done = comfy2runpod("compile", "graph.json", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def package(folder: Path) -> Path:
    return folder / "out" / "t2i_klein_4b"


def state(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check(folder: Path, *more: str) -> tuple[int, str]:
    """The exit code and all that is said; that nothing is written is looked at too."""
    before = state(folder)
    done = comfy2runpod("compile", "--check", "graph.json", "-o", "out", *more, cwd=folder)
    assert state(folder) == before
    return done.returncode, done.stdout + done.stderr


def test_a_package_that_is_up_to_date_passes(folder: Path) -> None:
    (package(folder) / "mine.txt").write_text("mine\n")
    assert check(folder) == (0, "out/t2i_klein_4b: is what graph.json gives\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("edit", "different: Dockerfile, patch.py."),
        ("delete", "missing: clients/python/README.md."),
        ("delete all", "missing: .comfy2runpod.json, .dockerignore,"),
        ("obsolete", "no longer generated: docs/old.md."),
        ("note", "different: .comfy2runpod.json, .env.example, .runpod/hub.json"),
        ("moved", "different: .comfy2runpod.json."),
    ],
)
def test_one_that_is_not_is_named_with_its_files(folder: Path, change: str, said: str) -> None:
    place, graph = package(folder), folder / "graph.json"
    match change:
        case "edit":
            for name in ("Dockerfile", "patch.py"):
                (place / name).write_text((place / name).read_text("utf-8") + "\n")
        case "delete":
            (place / "clients/python/README.md").unlink()
        case "delete all":
            shutil.rmtree(place)
        case "obsolete":
            manifest = json.loads((place / ".comfy2runpod.json").read_text("utf-8"))
            (place / "docs/old.md").write_text("old\n")
            manifest["files"]["docs/old.md"] = "0" * 64
            (place / ".comfy2runpod.json").write_text(json.dumps(manifest))
        case "note":
            graph.write_text(graph.read_text("utf-8").replace("size: 7.75GB", "size: 99GB"))
        case "moved":
            graph.write_text(graph.read_text("utf-8") + "\n")
    code, text = check(folder)
    assert code == 1
    assert "error[package-drifted]: out/t2i_klein_4b" in text
    assert said in text
    assert "without --check" in text
    # What the remedy says helps; what became of the obsolete file is its own affair.
    assert comfy2runpod("compile", "--force", "graph.json", "-o", "out", cwd=folder).returncode == 0
    assert check(folder)[0] == 0


def test_what_git_leaves_out_of_a_commit_may_be_lacking(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (wheel,) = (package(folder) / "runtime").glob("*.whl")
    wheel.unlink()
    assert check(folder)[0] == 1
    (folder / ".gitignore").write_text("*.whl\n")
    assert check(folder)[0] == 0
    wheel.write_bytes(b"another")
    assert check(folder)[0] == 1


def test_programs_can_read_it(folder: Path) -> None:
    (package(folder) / "Dockerfile").unlink()
    done = comfy2runpod("compile", "--check", "--format", "json", "graph.json", "-o", "out", cwd=folder)
    assert done.returncode == 1
    assert [one["code"] for one in json.loads(done.stdout)].count("package-drifted") == 1


def test_a_graph_that_is_refused_is_refused_here_too(folder: Path) -> None:
    (folder / "graph.json").write_text("{}")
    code, text = check(folder)
    assert code == 1
    assert "package-drifted" not in text


def test_a_link_in_the_place_of_a_file_is_another_file(folder: Path) -> None:
    place = package(folder) / "Dockerfile"
    (folder / "elsewhere").write_bytes(place.read_bytes())
    place.unlink()
    place.symlink_to(folder / "elsewhere")
    code, text = check(folder)
    assert code == 1
    assert "different: Dockerfile." in text
