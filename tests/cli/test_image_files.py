"""Files beside a graph that its note takes into the image: which are read, what the package has of them, and drift."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .command import ROOT, comfy2runpod

CASE = ROOT / "tests" / "errors" / "annotation" / "image_file_not_given.json"
ALLOW = "--allow-image-additions"
BINARY = bytes(range(256)) * 4
SECRET = "hf_" + "Ab1" * 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder `graphs` with a graph, whose note `noted` writes."""
    (tmp_path / "graphs").mkdir()
    return tmp_path


def noted(folder: Path, files: dict[str, str]) -> None:
    graph = json.loads(CASE.read_text("utf-8"))
    (note,) = [node for node in graph["nodes"] if node["type"] == "MarkdownNote"]
    note["widgets_values"] = [json.dumps({"name": "small", "image": {"files": files}})]
    (folder / "graphs" / "small.json").write_text(json.dumps(graph))


def compiled(folder: Path, *options: str) -> tuple[int, str]:
    done = comfy2runpod("compile", "graphs/small.json", "-o", "out", ALLOW, *options, cwd=folder)
    return done.returncode, done.stderr


def put(folder: Path, name: str, data: bytes) -> Path:
    place = folder / "graphs" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


def test_the_package_and_its_manifest_have_the_files_and_the_dockerfile_copies_them(folder: Path) -> None:
    put(folder, "a.txt", b"one\r\n")
    put(folder, "lut/table.cube", BINARY)
    noted(
        folder,
        {
            "/app/files/words/a.txt": "a.txt",
            "/opt/comfyui/models/luts/t.cube": "lut/table.cube",
            "/app/files/b": "a.txt",
        },
    )
    assert compiled(folder)[0] == 0
    package = folder / "out" / "small"
    files = {
        "image/files/app/words/a.txt": b"one\r\n",
        "image/files/app/b": b"one\r\n",
        "image/files/comfyui/models/luts/t.cube": BINARY,
    }
    assert {name: (package / name).read_bytes() for name in files} == files
    manifest = json.loads((package / ".comfy2runpod.json").read_text("utf-8"))
    assert files.keys() <= manifest["files"].keys()
    sums = {"a.txt": b"one\r\n", "lut/table.cube": BINARY}
    assert manifest["graph"]["files"] == {name: hashlib.sha256(data).hexdigest() for name, data in sums.items()}
    lines = (package / "Dockerfile").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("COPY image/files/")] == [
        "COPY image/files/app/ /app/files/",
        "COPY image/files/comfyui/ /opt/comfyui/",
    ]
    # Before what changes with every graph, behind what is installed.
    order = [
        lines.index(next(line for line in lines if part in line)) for part in ("requirements.txt /", "/app/files/")
    ]
    assert order == sorted(order)
    assert lines.index("COPY image/files/app/ /app/files/") < next(
        number for number, line in enumerate(lines) if line.startswith("COPY entrypoint.sh ")
    )
    let_in = {line[1:] for line in (package / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"}
    assert files.keys() <= let_in
    assert "image/*" not in let_in


def test_a_changed_file_is_drift_for_check_and_build(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = put(folder, "a.txt", b"one")
    noted(folder, {"/app/files/a.txt": "a.txt"})
    assert compiled(folder)[0] == 0
    assert compiled(folder, "--check")[0] == 0
    place.write_bytes(b"two")
    code, said = compiled(folder, "--check")
    assert (code, "image/files/app/a.txt" in said) == (1, True)
    tools = folder / "bin"
    tools.mkdir()
    (tools / "buildah").write_text(f"#!{shutil.which('sh')}\n")
    (tools / "buildah").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    build = ("build", folder / "out" / "small", "--build-context", "system=container-image://localhost/base")
    done = comfy2runpod(*build)
    assert (done.returncode, "image/files/app/a.txt" in done.stderr) == (1, True)
    place.write_bytes(b"one")
    assert comfy2runpod(*build).returncode == 0


def test_the_same_files_give_the_same_bytes(folder: Path) -> None:
    put(folder, "a.txt", BINARY)
    noted(folder, {"/app/files/a.txt": "a.txt"})
    packages = []
    for name in ("one", "two"):
        assert comfy2runpod("compile", "graphs/small.json", "-o", name, ALLOW, cwd=folder).returncode == 0
        place = folder / name
        packages.append({path.relative_to(place): path.read_bytes() for path in place.rglob("*") if path.is_file()})
    assert packages[0] == packages[1]


@pytest.mark.parametrize("command", ["compile", "check", "lock"])
def test_a_file_that_is_not_there_is_told_at_its_place_in_the_note(folder: Path, command: str) -> None:
    noted(folder, {"/app/files/a.txt": "missing/a.txt"})
    done = comfy2runpod(command, "graphs/small.json", ALLOW, cwd=folder)
    assert done.returncode == 1
    assert "input image.files./app/files/a.txt" in done.stderr
    assert "The file missing/a.txt" in done.stderr
    assert "No such file or directory" in done.stderr
    assert not (folder / "generated").exists()


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("link out", "a link that leads out of the graph's folder"),
        ("folder out", "a link that leads out of the graph's folder"),
        ("loop", "ymbolic link"),
        ("folder", "s a directory"),
        ("pipe", "it is a pipe"),
        ("large", "it is larger than 16 MB"),
    ],
)
def test_only_a_file_of_the_graphs_own_folder_is_taken(folder: Path, kind: str, problem: str) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "a.txt").write_text("not for the image")
    place = folder / "graphs" / "sub" / "a.txt"
    if kind == "folder out":
        place.parent.symlink_to(folder / "elsewhere")
    else:
        place.parent.mkdir()
    match kind:
        case "link out":
            place.symlink_to("../../elsewhere/a.txt")
        case "loop":
            place.symlink_to("a.txt")
        case "folder":
            place.mkdir()
        case "pipe":
            os.mkfifo(place)
        case "large":
            with place.open("wb") as file:
                file.truncate(16_000_001)
    noted(folder, {"/app/files/a.txt": "sub/a.txt"})
    code, said = compiled(folder)
    assert code == 1
    assert problem in said
    assert not (folder / "out").exists()


def test_a_link_within_the_folder_is_the_file_that_it_leads_to(folder: Path) -> None:
    put(folder, "a.txt", b"one")
    (folder / "graphs" / "b.txt").symlink_to("a.txt")
    noted(folder, {"/app/files/b.txt": "b.txt"})
    assert compiled(folder)[0] == 0
    copied = folder / "out" / "small" / "image" / "files" / "app" / "b.txt"
    assert (copied.is_symlink(), copied.read_bytes()) == (False, b"one")


def test_files_that_are_too_large_together_are_refused(folder: Path) -> None:
    names = [f"{number}.bin" for number in range(3)]
    for name in names:
        put(folder, name, b"\1" * 9_000_000)
    noted(folder, {f"/app/files/{name}": name for name in names})
    code, said = compiled(folder)
    assert code == 1
    assert "have 18 MB together; a package takes 16 MB" in said


def test_more_files_than_a_package_takes_are_refused(folder: Path) -> None:
    put(folder, "a", b"")
    noted(folder, {f"/app/files/{number}": "a" for number in range(51)})
    assert "Expected 50 at most, found 51" in compiled(folder)[1]
    noted(folder, {f"/app/files/{number}": "a" for number in range(50)})
    assert compiled(folder)[0] == 0


@pytest.mark.parametrize(
    "data",
    [
        f"token: {SECRET}\n".encode(),
        f"token: {SECRET}\n".encode("utf-16"),
        BINARY + SECRET.encode() + BINARY,
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        b"index = https://me:q8Jd7Xk2Lw@pypi.example.org/simple\n",
    ],
)
def test_a_file_with_a_secret_is_refused_and_the_secret_not_shown(folder: Path, data: bytes) -> None:
    put(folder, "a.cfg", data)
    noted(folder, {"/app/files/a.cfg": "a.cfg"})
    code, said = compiled(folder)
    assert code == 1
    assert "error[secret-in-image-file]" in said
    assert SECRET not in said
    assert "q8Jd7" not in said
    assert not (folder / "out").exists()


def test_git_takes_what_the_note_takes(folder: Path) -> None:
    for name in ("small.safetensors", "id_card.txt", "build/x.pyc"):
        put(folder, name, b"x")
    noted(folder, {f"/opt/comfyui/models/{name}": name for name in ("small.safetensors", "id_card.txt", "build/x.pyc")})
    assert compiled(folder)[0] == 0
    package = folder / "out" / "small"
    git = ["git", "-C", str(package), "-c", "core.excludesFile=/dev/null"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    listed = subprocess.run([*git, "ls-files", "image/files"], check=True, capture_output=True, text=True).stdout
    assert len(listed.split()) == 3
