"""The options that a package was compiled with: kept in its manifest, taken by `build`, named by `compile --check`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from comfy2runpod.write.manifest import Chosen, Source, manifest_of, read_manifest

from .command import ROOT, Done, comfy2runpod

ERRORS = ROOT / "tests" / "errors" / "bind"
# Two editors queue other prompts of the first; the second calls a paid service.
CASES = {
    "editors_disagree": (["--editor", "1.58"], {"editor": "1.58"}),
    "paid_api_node": (["--allow-api-node", "OpenAIDalle2"], {"api_nodes": ["OpenAIDalle2"]}),
}
MANIFEST = ".comfy2runpod.json"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a stand-in for buildah alone, which notes that it was called to build."""
    place = tmp_path / "bin"
    place.mkdir()
    calls = place / "calls"
    (place / "buildah").write_text(f'#!{shutil.which("sh")}\n[ "$1" = version ] || echo "$1" >> {calls}\n')
    (place / "buildah").chmod(0o755)
    monkeypatch.setenv("PATH", str(place))
    return calls


def compiled(folder: Path, name: str, *options: str | Path) -> Path:
    (folder / "graphs").mkdir(exist_ok=True)
    shutil.copy(ERRORS / f"{name}.json", folder / "graphs" / f"{name}.json")
    done = comfy2runpod("compile", f"graphs/{name}.json", "-o", "out", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out" / name


def build(package: Path, *arguments: str | Path) -> Done:
    return comfy2runpod("build", package, "--build-context", "system=container-image://localhost/base", *arguments)


def manifest(package: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((package / MANIFEST).read_text("utf-8"))
    return told


def change(package: Path, **keys: object) -> None:
    (package / MANIFEST).write_text(json.dumps({**manifest(package), **keys}))


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_package_is_built_beside_its_graph_with_the_options_that_it_was_compiled_with(
    name: str, tmp_path: Path, engine: Path
) -> None:
    options, told = CASES[name]
    package = compiled(tmp_path, name, *options)
    assert manifest(package)["options"] == told
    done = build(package)
    assert done.returncode == 0, done.stderr
    assert "not compared" not in done.stderr
    assert engine.read_text() == "build\n"


def test_it_really_is_compared_with_them(tmp_path: Path, engine: Path) -> None:
    package = compiled(tmp_path, "editors_disagree", "--editor", "1.58")
    change(package, options={"editor": "1.43"})
    done = build(package)
    assert done.returncode == 1
    assert "compiles to now with --editor 1.43: " in done.stderr
    assert "Compile the graph again with these options" in done.stderr
    change(package, options={})
    assert "editors-disagree" in build(package).stderr
    assert not engine.exists()


def test_without_options_a_manifest_has_none(tmp_path: Path) -> None:
    shutil.copy(ROOT / "graphs" / "t2i_klein_4b.json", tmp_path)
    assert comfy2runpod("compile", "t2i_klein_4b.json", "-o", "out", cwd=tmp_path).returncode == 0
    assert "options" not in manifest(tmp_path / "out" / "t2i_klein_4b")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--editor", "1.58"], ""),
        (
            ["--editor", "1.43"],
            "compiled with --editor 1.58, and is compared with --editor 1.43: give --check the same",
        ),
        (["--editor", "1.58", "--allow-api-nodes"], "compared with --editor 1.58 --allow-api-nodes: give --check"),
    ],
)
def test_check_says_with_which_options_the_package_was_compiled(given: list[str], said: str, tmp_path: Path) -> None:
    compiled(tmp_path, "editors_disagree", "--editor", "1.58")
    done = comfy2runpod("compile", "--check", "graphs/editors_disagree.json", "-o", "out", *given, cwd=tmp_path)
    assert done.returncode == (1 if said else 0), done.stderr
    assert said in " ".join(done.stderr.split())


def test_check_says_that_the_package_was_compiled_with_none(tmp_path: Path) -> None:
    shutil.copy(ROOT / "graphs" / "t2i_klein_4b.json", tmp_path)
    assert comfy2runpod("compile", "t2i_klein_4b.json", "-o", "out", cwd=tmp_path).returncode == 0
    done = comfy2runpod("compile", "--check", "t2i_klein_4b.json", "-o", "out", "--editor", "1.58", cwd=tmp_path)
    assert done.returncode == 1
    assert "was compiled with no options, and is compared with --editor 1.58" in " ".join(done.stderr.split())


def test_a_catalog_is_named_and_only_read_where_a_person_gives_it(tmp_path: Path, engine: Path) -> None:
    server = tmp_path / "object_info.json"
    sizes = {name: ["INT", {"default": 512, "min": 1, "max": 4096}] for name in ("width", "height", "batch_size")}
    color = ["INT", {"default": 0, "min": 0, "max": 0xFFFFFF}]
    fancy = {
        "input": {"required": {**sizes, "color": color}}, "output": ["IMAGE"], "output_name": ["IMAGE"],
        "output_is_list": [False], "name": "FancyImage", "display_name": "Fancy image", "output_node": False,
        "python_module": "custom_nodes.comfyui-fancy-nodes",
    }  # fmt: skip
    server.write_text(json.dumps({"FancyImage": fancy}))
    given = tmp_path / "elsewhere" / "fancy pack.json"
    given.parent.mkdir()
    done = comfy2runpod("catalog", "refresh", "--from", server, "--packs-only", "-o", given)
    assert done.returncode == 0, done.stderr
    package = compiled(tmp_path, "unknown_class_of_a_pack", "--catalog", given)
    assert manifest(package)["options"] == {"catalogs": ["fancy pack.json"]}
    done = build(package)
    assert done.returncode == 0, done.stderr
    assert "compiled with --catalog 'fancy pack.json', which is not given here" in done.stderr
    done = build(package, "--catalog", given)
    assert done.returncode == 0, done.stderr
    assert "not compared" not in done.stderr
    other = given.with_name("newer.json")
    other.write_text(given.read_text("utf-8").replace("Fancy image", "Plain image"))
    assert "package-is-older" in build(package, "--catalog", other).stderr


LONG = ["x" * 1001]
MANY = ["x"] * 1001


@pytest.mark.parametrize(
    "options",
    [
        None, [], "--editor 1.58", {"output": "/"}, {"editor": "1.58", "plugins": ["x"]}, {"editor": 1.58},
        {"editor": "1.58; id"}, {"editor": "../1.58"}, {"editor": "1" * 7}, {"editor": "1.5\n"}, {"allow_api_nodes": 1},
        {"allow_api_nodes": "yes"}, {"allow_api_nodes": None}, {"api_nodes": "OpenAIDalle2"}, {"api_nodes": [1]},
        {"api_nodes": [""]}, {"api_nodes": ["a\nb"]}, {"api_nodes": ["\u001b[2J"]}, {"api_nodes": LONG},
        {"api_nodes": MANY}, {"catalogs": ["../../etc/passwd"]}, {"catalogs": ["/etc/passwd"]}, {"catalogs": {}},
        {"catalogs": MANY},
    ],
)  # fmt: skip
def test_a_manifest_with_other_options_is_none(options: object, tmp_path: Path, engine: Path) -> None:
    text = json.dumps({"version": 1, "generator": "x", "kind": "package", "files": {}, "options": options})
    with pytest.raises(ValueError, match=r"options|which"):
        read_manifest(text.encode())
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / MANIFEST).write_text(text)
    done = build(tmp_path / "p")
    assert (done.returncode, "no-package-to-build" in done.stderr) == (1, True)
    assert not engine.exists()


def test_what_is_written_is_read_back_equal() -> None:
    chosen = Chosen("1.58", True, ("A node", "B+"), ("a.json", "b.json"))
    source = Source("x.json", "0" * 64, {"lists/a.txt": "1" * 64})
    written = manifest_of({}, "package", source, chosen)
    assert read_manifest(written.to_bytes()) == written


@pytest.mark.parametrize(
    "files", [[], {"../a": "0" * 64}, {"a": "0"}, {"a": 1}, {str(n): "0" * 64 for n in range(1001)}]
)
def test_files_beside_a_graph_lie_in_its_folder_and_have_a_hash(files: object) -> None:
    told = {"version": 1, "generator": "x", "kind": "package", "files": {}}
    with pytest.raises(ValueError, match=r"graph|file in it"):
        read_manifest(json.dumps({**told, "graph": {"name": "x", "sha256": "0" * 64, "files": files}}).encode())


def test_an_editor_of_another_version_is_told_and_what_allows_nothing_does_nothing(
    tmp_path: Path, engine: Path
) -> None:
    package = compiled(tmp_path, "editors_disagree", "--editor", "1.58")
    change(package, options={"editor": "9.99"})
    done = build(package)
    assert done.returncode == 1
    assert "options-unknown" in done.stderr
    assert "--editor 9.99" in done.stderr
    assert not engine.exists()
    change(package, options={"editor": "1.58", "allow_api_nodes": True, "api_nodes": ["NoSuchNode"]})
    assert build(package).returncode == 0
    change(package, options={"editor": "9.99"})
    assert build(package, "--force").returncode == 0
