"""An untrusted graph from its file to an answer: its texts stay texts in the package, and all tools accept it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from comfy2runpod.stages.emit import emit
from comfy2runpod.write import write_package
from tests.cli.command import comfy2runpod
from tests.clients.node_tools import TypeScript, typescript_in

from .hostile import HOSTILE, POLYGLOT
from .interfaces import PROMPT, VARIANTS, several
from .structure import docker_word

pytestmark = pytest.mark.slow

TITLE = 'Costs $5 in "gold" & $(touch pwned-1) `touch pwned-2` \\'
SAID = (
    '"""); import os; os.system("touch pwned-3"); ("""\n*/ evil(); /* </script><form action=https://evil.example>'
    "<div style=position:fixed>[here](https://evil.example) '; touch pwned-4; ' ${{ github.token }}\\"
)
# The class of a pack: its name is text like any other.
CLASS = "Evil'); __import__('os').system('touch pwned-5'); (' # $(touch pwned-6)"
NODE_TITLE = "x\nimport os; os.system('touch pwned-7') #"
FOLDER = "evil_models"


def node(number: int, kind: str, values: list[Any], **more: Any) -> dict[str, Any]:
    head = {"id": number, "type": kind, "pos": [0, 0], "mode": 0, "inputs": [], "outputs": [], "properties": {}}
    return {**head, "widgets_values": values, **more}


def graph() -> dict[str, Any]:
    """An empty image whose size a pack's node tells, and a note full of strange texts."""
    note = {
        "name": "strange",
        "title": TITLE,
        "description": SAID,
        "inputs": {
            "size": {"from": "1.size", "title": SAID, "description": SAID},
            "method": {"from": "1.method", "title": SAID, "choices": ["plain", SAID]},
            "type": {"from": "1.words", "description": SAID, "default": SAID},
        },
        "outputs": {"image": {"from": "3", "title": SAID, "description": SAID}},
        "models": {"LTX/base (1).safetensors": {"size": "1GB", "licence": SAID}},
    }
    return {
        "last_node_id": 9,
        "last_link_id": 2,
        "nodes": [
            node(
                1, CLASS, [64, "plain", "words", "LTX/base (1).safetensors"], title=NODE_TITLE,
                outputs=[{"name": "size", "type": "INT", "links": [1]}],
                properties={"models": [{
                    "name": "base (1).safetensors", "directory": f"{FOLDER}/LTX",
                    "url": "https://huggingface.co/org/name/blob/main/base%20(1).safetensors?download=true",
                }]},
            ),
            node(
                2, "EmptyImage", [64, 64, 1, 0],
                inputs=[{"name": "width", "type": "INT", "link": 1, "widget": {"name": "width"}}],
                outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [2]}],
            ),
            node(3, "SaveImage", ["x"], inputs=[{"name": "images", "type": "IMAGE", "link": 2}]),
            node(9, "MarkdownNote", [yaml.safe_dump(note)], title="comfy2runpod"),
        ],
        "links": [[1, 1, 0, 2, 0, "INT"], [2, 2, 0, 3, 0, "IMAGE"]],
        "extra": {"frontendVersion": "1.43.18"},
        "version": 0.4,
    }  # fmt: skip


def catalog() -> dict[str, Any]:
    inputs = [
        {"name": "size", "type": "INT", "default": 64, "min": 16, "max": 256},
        {"name": "method", "type": "COMBO", "choices": ["plain", SAID], "listed": True},
        {"name": "words", "type": "STRING", "default": ""},
        {"name": "model", "type": "COMBO", "choices": [], "folders": [FOLDER], "extensions": [".safetensors"]},
    ]
    entry = {
        "title": "T",
        "module": "custom_nodes.evil",
        "inputs": inputs,
        "outputs": [{"name": "size", "type": "INT"}],
    }
    return {"comfyui": None, "commit": None, "editor": None, "classes": {CLASS: entry}}


def of_comfyui(made: dict[str, Any]) -> dict[str, Any]:
    """The graph with classes of ComfyUI's own in the place of the pack's, which the simulator does not know."""
    pack, empty, save, noted = made["nodes"]
    note = yaml.safe_load(noted["widgets_values"][0])
    note["inputs"] = {
        "size": {**note["inputs"]["size"], "from": "1.value", "min": 16, "max": 256},
        "type": {**note["inputs"]["type"], "from": "4.value"},
    }
    del note["models"]
    plain = {**pack, "type": "PrimitiveInt", "widgets_values": [64, "fixed"], "properties": {}}
    words = node(
        4, "PrimitiveString", [SAID], title=NODE_TITLE, outputs=[{"name": "STRING", "type": "STRING", "links": [3]}]
    )
    shown = node(5, "PreviewAny", [], inputs=[{"name": "source", "type": "*", "link": 3}])
    return {
        **made,
        "nodes": [plain, empty, save, words, shown, {**noted, "widgets_values": [yaml.safe_dump(note)]}],
        "links": [*made["links"], [3, 4, 0, 5, 0, "STRING"]],
        "last_link_id": 3,
    }


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, compiled by the command as anyone would."""
    folder = tmp_path_factory.mktemp("strange")
    (folder / "catalog").mkdir()
    (folder / "catalog" / "pack.json").write_text(json.dumps(catalog()))
    (folder / "strange.json").write_text(json.dumps(graph()))
    done = comfy2runpod("compile", folder / "strange.json", "-o", folder / "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out" / "strange"


def test_its_handler_runs_and_nothing_of_it_does(tmp_path: Path) -> None:
    (tmp_path / "strange.json").write_text(json.dumps(of_comfyui(graph())))
    compiled = comfy2runpod("compile", tmp_path / "strange.json", "-o", tmp_path / "out", cwd=tmp_path)
    assert compiled.returncode == 0, compiled.stderr
    request = json.dumps({"type": SAID, "size": 64})
    package = tmp_path / "out" / "strange"
    done = comfy2runpod("run", package, "--input", request, "-o", tmp_path / "results", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(next((tmp_path / "results").glob("*.png"))) as image:
        assert image.size == (64, 64)
    for folder in (tmp_path, Path.cwd()):
        assert not list(folder.glob("**/pwned-*"))


_PATCHES = """
import json, sys
import handler
from patch import patch
from schema import Input
from comfy2runpod_runtime import Run
prompt = json.load(open("workflow_api.json"))
patch(prompt, Input(**json.load(sys.stdin)), Run(prompt_id="p", seeds={}, files={}))
print(json.dumps(prompt))
"""


def test_its_modules_and_its_entry_point_are_complete(strange: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PATCHES], input=json.dumps({"type": SAID, "method": SAID}), cwd=strange,
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["1"] == {
        "class_type": CLASS,
        "inputs": {"size": 64, "method": SAID, "words": SAID, "model": "LTX/base (1).safetensors"},
        "_meta": {"title": NODE_TITLE},
    }
    assert not list(strange.glob("**/pwned-*"))
    entry = (strange / "entrypoint.sh").read_text()
    # What it becomes is not here: it fails, and does nothing else.
    shell = subprocess.run(
        ["sh", strange / "entrypoint.sh"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "MODELS_DIR": str(tmp_path / "models")},
    )  # fmt: skip
    assert shell.returncode == 127
    assert "/opt/worker/bin/comfy2runpod-runtime" in shell.stderr
    assert not any(tmp_path.iterdir())
    commands = [line for line in entry.splitlines() if not line.startswith("#")]
    assert commands == ['exec /opt/worker/bin/comfy2runpod-runtime start --package /app "$@"']
    for said in ("strange", "LTX", FOLDER, "pwned", "evil"):
        assert said not in entry


def test_its_texts_are_what_they_were(strange: Path) -> None:
    title = "LABEL org.opencontainers.image.title="
    (label,) = [line for line in (strange / "Dockerfile").read_text().splitlines() if line.startswith(title)]
    assert docker_word(label.partition("=")[2]) == TITLE
    lock = json.loads((strange / "models.lock.json").read_text())
    (model,) = lock["models"]
    assert lock["folders"] == [FOLDER]
    assert (model["directory"], model["file"]) == (FOLDER, "LTX/base (1).safetensors")
    assert model["url"] == "https://huggingface.co/org/name/resolve/main/base%20%281%29.safetensors"
    assert model["path"] == "base (1).safetensors"
    assert f"]({model['url']})" in (strange / "docs" / "API.md").read_text()
    assert CLASS in (strange / "patch.py").read_text()


def every_text(value: Any, text: str) -> Any:
    """A value in which every text that an author chooses is another."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return text
    if dataclasses.is_dataclass(value):
        chosen = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        free = {key: every_text(item, text) for key, item in chosen.items() if key not in _NOT_FREE}
        return dataclasses.replace(value, **free)  # type: ignore[type-var]
    if isinstance(value, tuple):
        return tuple(every_text(item, text) for item in value)
    return value


_NOT_FREE = (
    "name", "fields", "expression", "media_type", "formats", "url", "comfyui_version", "comfyui_commit", "image",
    "gpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> TypeScript:
    return typescript_in(tmp_path_factory.mktemp("clients"))


@pytest.mark.parametrize(
    "text", [POLYGLOT, *HOSTILE[17:20], "@ts-expect-error", "*/ evil(); /*", "`${evil()}`"], ids=ascii
)
def test_tsc_builds_the_client_whatever_the_texts_are(typescript: TypeScript, tmp_path: Path, text: str) -> None:
    whole = several()
    fields = tuple(
        every_text(field, text) if not hasattr(field, "choices") else dataclasses.replace(field, title=text)
        for field in whole.fields
    )
    changed = dataclasses.replace(every_text(whole, text), fields=fields)
    write_package(emit(changed, PROMPT, every_text(VARIANTS, text)), tmp_path / "several")
    typescript.build(tmp_path / "several")


def test_shellcheck_and_hadolint_find_nothing_in_it(strange: Path, tmp_path: Path) -> None:
    tools = Path(sys.executable).parent
    subprocess.run([tools / "shellcheck", strange / "entrypoint.sh"], check=True)
    # hadolint does not know an escaped backslash at the end of a quoted word.
    shutil.copy(strange / "Dockerfile", tmp_path / "Dockerfile")
    (tmp_path / "Dockerfile").write_text((tmp_path / "Dockerfile").read_text().replace('\\\\"\n', '"\n'))
    subprocess.run([tools / "hadolint", tmp_path / "Dockerfile"], check=True)
