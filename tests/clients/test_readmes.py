"""What the READMEs of the clients show: every block is run, with the variables of the environment that they name."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.standins.runpod_queue import RunPodQueue, completed, running_queue

from .node_tools import GENERATED, TypeScript
from .test_typescript_client import check_types

PACKAGES = sorted(path.name for path in GENERATED.iterdir() if path.is_dir())
KEY = "key-of-the-readme"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def environment(package: str) -> Iterator[dict[str, str]]:
    """The variables that a person sets, and an endpoint behind them that has each job done at once."""
    schema = json.loads((GENERATED / package / "docs" / "output.schema.json").read_text("utf-8"))
    output = _sample(schema)
    with running_queue(RunPodQueue(key=KEY, result=lambda _input: completed(output))) as queue:
        names = {"RUNPOD_API_KEY": KEY, "RUNPOD_ENDPOINT_ID": "my-endpoint", "RUNPOD_ENDPOINT_BASE_URL": queue.url}
        yield {**os.environ, **names}
    assert {one.path.split("/")[1] for one in queue.seen} == {"my-endpoint"}
    assert all(isinstance(one, dict) for one in queue.inputs)


def _sample(schema: dict[str, Any]) -> dict[str, Any]:
    """An output as its schema has it, of which `save` can write the files."""
    data = base64.b64encode(b"x").decode()
    facts = {"bytes": 1, "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}
    made: dict[str, Any] = {}
    for name, one in schema["properties"].items():
        inner = one.get("items", one)
        if "properties" in inner:
            file = {key: _value(key, member, data, facts) for key, member in inner["properties"].items()}
            made[name] = [file] if one.get("type") == "array" else file
        else:
            made[name] = _value(name, one, data, facts)
    for file in (made, *(one for one in made.values() if isinstance(one, dict))):
        for key in ("url", "expires_at", "timings", "failed"):
            file.pop(key, None)
    return made


def _value(name: str, schema: dict[str, Any], data: str, facts: dict[str, Any]) -> Any:
    if "contentEncoding" in schema:
        return data
    if name in facts:
        return facts[name]
    return schema.get("enum", [{"integer": 1, "number": 1.0, "string": "text"}.get(schema.get("type", ""))])[0]


def test_every_block_of_the_python_readme_runs(package: str, environment: dict[str, str], tmp_path: Path) -> None:
    folder = GENERATED / package / "clients" / "python"
    shown = blocks(folder / "README.md", "python")
    assert len(shown) == 4
    # The first block says what the request of the others is.
    before, _ = shown[0].split("with Client()")
    for block in (shown[0], *(before + other for other in shown[1:])):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block], cwd=tmp_path, env={**environment, "PYTHONPATH": str(folder)},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), block
    assert list((tmp_path / "results").iterdir())


def test_every_block_of_the_typescript_readme_compiles_and_runs(
    package: str, environment: dict[str, str], typescript: TypeScript, tmp_path: Path
) -> None:
    shown = blocks(GENERATED / package / "clients" / "typescript" / "README.md", "ts")
    assert len(shown) == 4
    built = typescript.build(GENERATED / package)
    request = shown[0][shown[0].index("const request") : shown[0].index("const client")]
    typed = f'import type {{ Input }} from "{package.replace("_", "-")}-client";\n'
    for block in (shown[0], *(typed + other.replace("\n\n", f"\n{request}\n", 1) for other in shown[1:])):
        done = check_types(typescript, built, block, tmp_path)
        assert done.returncode == 0, done.stdout + block
        ran = subprocess.run(
            [typescript.tools.node, "caller.js"], cwd=tmp_path, env=environment, capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        assert (ran.returncode, ran.stderr) == (0, ""), block
    assert list((tmp_path / "results").iterdir())


def test_the_python_client_is_installed_as_its_readme_says(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(GENERATED / "t2v_ltx2" / "clients" / "python", copy)
    (block,) = blocks(copy / "README.md", "sh")
    # As in the block, but from local files: no index is queried, and no other environment is changed.
    here = {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "false", "PIP_TARGET": str(tmp_path / "installed")}
    bin_folder = str(Path(sys.executable).parent)
    environment = {**os.environ, **here, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-ec", block], cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "installed" / "t2v_ltx2_client").iterdir()}
    # Without the schema, no input could be checked.
    assert {"client.py", "input.schema.json"} <= names


def test_the_typescript_client_is_packed_as_its_readme_says(typescript: TypeScript, tmp_path: Path) -> None:
    built = typescript.build(GENERATED / "t2v_ltx2")
    copy = tmp_path / "copy"
    shutil.copytree(built, copy, symlinks=True, ignore=shutil.ignore_patterns("dist"))
    (block,) = blocks(copy / "README.md", "sh")
    install, pack = block.splitlines()
    # What it would install is here already, as a link.
    assert install == "npm install"
    cache = {"npm_config_cache": str(tmp_path / "cache"), "npm_config_offline": "true"}
    done = subprocess.run(
        ["sh", "-ec", pack],
        cwd=copy,
        env={**os.environ, **cache},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in copy.glob("*.tgz")] == ["t2v-ltx2-client-0.1.0.tgz"]
    assert "README.md" in done.stderr
