"""The generated TypeScript clients: compiled strictly, their types held to, and against a real endpoint on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfy2runpod.local_endpoint import API_KEY, LocalEndpoint, running_endpoint
from comfy2runpod.stages.emit.package import emit
from comfy2runpod.write import write_package
from tests.end_to_end.saving import Graph
from tests.package.test_package import PROMPT, VARIANTS, interface

from .node_tools import GENERATED, HERE, TypeScript

PACKAGES = sorted(path for path in GENERATED.iterdir() if path.is_dir())
STRICT = ("strict", "noUncheckedIndexedAccess", "exactOptionalPropertyTypes")


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with a text, a boolean, choices, a list of images, an animation and a text that comes back."""
    graph = Graph()
    empty = graph.add("EmptyImage", 64, 48, 3, 0)
    text = graph.add("PrimitiveString", "two words")
    images = graph.add("SaveImage", "a", images=(empty, 0))
    moving = graph.add("SaveAnimatedWEBP", "b", 8, True, 80, "default", images=(empty, 0))
    words = graph.add("PreviewAny", source=(text, 0))
    note = f"""name: every_kind
inputs:
  text: {{from: {text}.value, required: true}}
  lossless: {{from: {moving}.lossless}}
  method: {{from: {moving}.method}}
  width: {{from: {empty}.width, max: 256}}
outputs:
  images: {{from: {images}, many: true}}
  moving: {{from: {moving}}}
  words: {{from: {words}}}
"""
    return graph.package(note, tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with a nasty text wherever a text may stand."""
    folder = tmp_path_factory.mktemp("packages") / "nasty"
    write_package(emit(interface(), PROMPT, VARIANTS), folder)
    return folder


@pytest.mark.parametrize("package", [*PACKAGES, "kinds", "nasty"], ids=lambda one: getattr(one, "name", one))
def test_every_client_compiles_strictly(
    typescript: TypeScript, package: Path | str, request: pytest.FixtureRequest
) -> None:
    folder = package if isinstance(package, Path) else request.getfixturevalue(package)
    built = typescript.build(folder)
    options = json.loads((built / "tsconfig.json").read_text())["compilerOptions"]
    assert all(options[name] for name in STRICT)
    assert {path.name for path in (built / "dist").glob("*.js")} == {
        f"{path.stem}.js" for path in (built / "src").glob("*.ts")
    }


def test_what_a_browser_loads_compiles_without_nodes_types_and_imports_nothing(typescript: TypeScript) -> None:
    built = typescript.build(GENERATED / "i2i_multiangle")
    # The entry takes in whatever it reaches.
    config = {"extends": "./tsconfig.json", "compilerOptions": {"types": [], "noEmit": True}, "files": ["src/index.ts"]}
    (built / "browser.json").write_text(json.dumps({**config, "include": []}))
    done = typescript.tools.tsc(built, "-p", "browser.json", "--listFiles")
    assert done.returncode == 0, done.stdout
    reached = [Path(line) for line in done.stdout.splitlines() if "/src/" in line]
    assert "transport.ts" in {path.name for path in reached}
    assert "node.ts" not in {path.name for path in reached}
    imported = {name for path in reached for name in re.findall(r'from "(.*?)"', path.read_text())}
    assert all(name.startswith("./") for name in imported)


def check_types(typescript: TypeScript, built: Path, source: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Compiles a caller's module to caller.js, in a project that has the client as an installed package."""
    name = json.loads((built / "package.json").read_text())["name"]
    modules = folder / "node_modules"
    modules.mkdir(exist_ok=True)
    if not (modules / name).exists():
        (modules / name).symlink_to(built)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "caller.ts").write_text(source)
    config = {
        "compilerOptions": {
            "module": "NodeNext",
            "target": "ES2022",
            "lib": ["ES2022", "DOM"],
            "types": [],
            # Also the declarations, as a caller sees them.
            "skipLibCheck": False,
            **dict.fromkeys(STRICT, True),
        },
        "files": ["caller.ts"],
    }
    (folder / "tsconfig.json").write_text(json.dumps(config))
    return typescript.tools.tsc(folder)


@pytest.mark.parametrize("package", ["t2v_ltx2", "i2i_klein_9b", "i2i_multiangle", "kinds", "clips"])
def test_right_use_compiles_and_wrong_use_does_not(
    typescript: TypeScript, package: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(package) if package in ("kinds", "clips") else GENERATED / package
    source = (HERE / "typescript" / "types" / f"{package}.ts").read_text()
    built = typescript.build(folder)
    # An @ts-expect-error that nothing follows is an error itself.
    done = check_types(typescript, built, source, tmp_path)
    assert done.returncode == 0, done.stdout


def code_of(page: Path) -> str:
    (code,) = re.findall(r"^```ts\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return str(code)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda one: one.name)
def test_what_api_md_shows_compiles(typescript: TypeScript, package: Path, tmp_path: Path) -> None:
    done = check_types(typescript, typescript.build(package), code_of(package / "docs" / "API.md"), tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("package", "file"), [("t2i_klein_4b", "image.png"), ("t2v_ltx2", "video.mp4")])
def test_what_api_md_shows_runs(typescript: TypeScript, package: str, file: str, tmp_path: Path) -> None:
    with running_endpoint(LocalEndpoint(GENERATED / package, worker_log=tmp_path / "log")) as url:
        shown = code_of(GENERATED / package / "docs" / "API.md")
        source = shown.replace('"ENDPOINT_ID"', json.dumps(url)).replace('"…"', json.dumps(API_KEY))
        done = check_types(typescript, typescript.build(GENERATED / package), source, tmp_path)
        assert done.returncode == 0, done.stdout
        done = subprocess.run(
            [typescript.tools.node, "caller.js"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in (tmp_path / "results").iterdir()] == [file]


def test_a_packed_client_is_installed_and_imported(typescript: TypeScript, tmp_path: Path) -> None:
    built = typescript.build(GENERATED / "t2v_ltx2")
    copy = tmp_path / "copy"
    shutil.copytree(built, copy, symlinks=True, ignore=shutil.ignore_patterns("dist"))
    npm = shutil.which("npm")
    assert npm is not None
    environment = {**os.environ, "npm_config_cache": str(tmp_path / "cache"), "npm_config_offline": "true"}

    def run(*command: str, cwd: Path) -> str:
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    # `prepare` builds it.
    run(npm, "pack", "--pack-destination", str(tmp_path), cwd=copy)
    (archive,) = tmp_path.glob("*.tgz")
    user = tmp_path / "user"
    user.mkdir()
    (user / "package.json").write_text('{"type": "module", "private": true}')
    run(npm, "install", "--no-audit", "--no-fund", str(archive), cwd=user)
    assert [path.name for path in (user / "node_modules").iterdir() if not path.name.startswith(".")] == [
        "t2v-ltx2-client"
    ]
    script = (
        'import * as all from "t2v-ltx2-client"; import * as node from "t2v-ltx2-client/node";'
        "console.log(JSON.stringify([Object.keys(all), Object.keys(node)]))"
    )
    exported, of_node = json.loads(run(typescript.tools.node, "--input-type=module", "-e", script, cwd=user))
    assert {"Client", "CallError", "JobFailed", "OutOfMemory", "InputRefused", "stringify"} <= set(exported)
    assert sorted(of_node) == ["file", "save"]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("worker") / "log"
    with running_endpoint(LocalEndpoint(GENERATED / "i2i_multiangle", worker_log=log)) as url:
        yield url


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "me.png"
    Image.new("RGB", (48, 32), "red").save(path)
    return path


def test_an_image_goes_there_and_the_angles_come_back(
    typescript: TypeScript, endpoint: str, image: Path, tmp_path: Path
) -> None:
    wanted = {
        "image": {"$path": str(image)},
        "seed": 7,
        "outputs": ["aerial", "left_90"],
        "output": {"format": "webp"},
    }
    plan: dict[str, Any] = {"request": wanted, "key": API_KEY, "folder": str(tmp_path / "results")}
    done = typescript.call("i2i_multiangle", "runAndSave", endpoint, **plan, options={"callSeconds": 120})
    output, saved = done["value"]["output"], done["value"]["saved"]
    assert (output["seed"], set(output) & {"aerial", "left_90", "close_up"}) == (7, {"aerial", "left_90"})
    assert saved == {name: [str(tmp_path / "results" / f"{name}.webp")] for name in ("aerial", "left_90")}
    content = Path(saved["aerial"][0]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == output["aerial"]["sha256"]
    with Image.open(saved["aerial"][0]) as made:
        assert (made.format, made.size) == ("WEBP", (output["aerial"]["width"], output["aerial"]["height"]))
    assert done["told"][0]["state"] in ("IN_QUEUE", "IN_PROGRESS")


def test_what_the_endpoint_refuses_is_an_error_of_its_code(typescript: TypeScript, endpoint: str, image: Path) -> None:
    request = {"image": {"$path": str(image)}, "steps": 0}
    refused = typescript.call("i2i_multiangle", "run", endpoint, key=API_KEY, request=request)["error"]
    assert (refused["name"], refused["code"], refused["isKnown"]) == ("InvalidInput", "invalid_input", True)
    assert [one["field"] for one in refused["details"]] == ["steps"]
    # Only what was sent has a job, and is paid for; the worker says the same.
    sent = {"key": API_KEY, "request": request, "options": {"checkInput": False, "callSeconds": 120}}
    by_worker = typescript.call("i2i_multiangle", "run", endpoint, **sent)["error"]
    assert (refused["jobId"], by_worker["jobId"] is None) == (None, False)
    assert (by_worker["reason"], by_worker["details"]) == (refused["reason"], refused["details"])
    right = {**request, "steps": 1}
    wrong = typescript.call("i2i_multiangle", "run", endpoint, key="wrong", request=right)["error"]
    assert wrong["name"] == "Unauthorized"
    gone = typescript.call("i2i_multiangle", "status", endpoint, key=API_KEY, jobId="no-such-job")["error"]
    assert gone["name"] == "ResultGone"


def test_every_kind_of_output_comes_back(typescript: TypeScript, kinds: Path, tmp_path: Path) -> None:
    with running_endpoint(LocalEndpoint(kinds, worker_log=tmp_path / "log")) as url:
        request = {"text": "three \u2028 words \U0001f600", "lossless": False, "method": "fastest", "width": 80}
        plan: dict[str, Any] = {"request": request, "key": API_KEY, "folder": str(tmp_path)}
        done = typescript.call(kinds, "runAndSave", url, **plan, options={"callSeconds": 120})["value"]
    assert {name: [Path(path).name for path in paths] for name, paths in done["saved"].items()} == {
        "images": ["images_01.png", "images_02.png", "images_03.png"],
        "moving": ["moving.webp"],
        "words": ["words.txt"],
    }
    assert (tmp_path / "words.txt").read_text() == request["text"]
    with Image.open(tmp_path / "images_03.png") as made:
        assert made.size == (80, 48)


def test_a_seed_beyond_a_javascript_number_goes_there_and_comes_back(typescript: TypeScript, tmp_path: Path) -> None:
    seed = 2**64 - 3
    with running_endpoint(LocalEndpoint(GENERATED / "t2v_ltx2", worker_log=tmp_path / "log")) as url:
        request = {"prompt": "a", "width": 64, "height": 64, "frame_count": 9, "seed": {"$bigint": str(seed)}}
        done = typescript.call("t2v_ltx2", "run", url, key=API_KEY, request=request, options={"callSeconds": 120})
    assert (done["value"]["seed"], done["types"]["seed"]) == (seed, "bigint")
