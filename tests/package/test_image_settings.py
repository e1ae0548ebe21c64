"""What a package's image has beside ComfyUI and the worker: by its nodes, and by the note's `image`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.pipeline import CompileResult, compile_graph

from .test_package import tool

TORCH_COMPILE = Path(__file__).with_name("torch_compile.json")


def compiled(note: str | None = None, *, backend: str | None = None) -> CompileResult:
    """The package of the graph with TorchCompileModel, or of the same with another value at it, or a note."""
    graph = json.loads(TORCH_COMPILE.read_text())
    (node,) = [node for node in graph["nodes"] if node["type"] == "TorchCompileModel"]
    if backend is not None:
        node["widgets_values"] = [backend]
    if note is not None:
        place = {"pos": [0, 0], "size": [1, 1], "flags": {}, "order": 0, "mode": 0, "properties": {}}
        note_node = {"id": 900, "type": "Note", "title": "comfy2runpod", "widgets_values": [note], **place}
        graph["nodes"].append({**note_node, "inputs": [], "outputs": []})
    return compile_graph(json.dumps(graph).encode(), "torch_compile.json", load_catalog())


def packages(result: CompileResult) -> list[str]:
    """The Debian packages that the Dockerfile installs."""
    found = re.search(r"--no-install-recommends ([^\\]*)\\$", str(result.files["Dockerfile"]), re.MULTILINE)
    return found[1].split() if found else []


def test_a_node_that_compiles_brings_a_compiler_into_the_image() -> None:
    result = compiled(backend="inductor")
    assert packages(result) == ["gcc", "libc6-dev"]
    assert "image-lacks" not in {one.code for one in result.diagnostics}


def test_a_node_that_compiles_nothing_brings_none() -> None:
    result = compiled(backend="cudagraphs")
    assert packages(result) == []
    assert "apt-get" not in str(result.files["Dockerfile"])


def test_the_note_names_packages_and_variables() -> None:
    note = "image:\n  apt: [libgl1, ffmpeg, libgl1]\n  environment: {TEXT: 'a \"$b\" \\c', MODE: fast}\n"
    result = compiled(note, backend="cudagraphs")
    assert packages(result) == ["ffmpeg", "libgl1"]
    dockerfile = str(result.files["Dockerfile"])
    assert 'ENV MODE="fast"\nENV TEXT="a \\"\\$b\\" \\\\c"\n' in dockerfile
    assert "attention.lock" not in dockerfile


def test_attention_is_a_lock_of_its_own_and_what_it_needs() -> None:
    note = "image: {attention: sage, environment: {COMFYUI_ARGS: --lowvram}}"
    result = compiled(note, backend="cudagraphs")
    assert re.match(r"sageattention==\S+ \\\n    --hash=sha256:", str(result.files["image/attention.lock"]))
    assert packages(result) == ["gcc", "libc6-dev"]
    dockerfile = str(result.files["Dockerfile"])
    assert 'ENV COMFYUI_ARGS="--lowvram --use-sage-attention"\n' in dockerfile
    assert "install.sh /opt/comfyui-venv /opt/package/image/attention.lock\n" in dockerfile


@pytest.mark.parametrize(
    ("name", "why"),
    [("flash", "compiled with CUDA"), ("xformers", "built for the torch"), ("best", "sage, found")],
)
def test_a_library_that_would_not_work_is_refused_with_its_reason(name: str, why: str) -> None:
    with pytest.raises(CompileError, match=why):
        compiled(f"image: {{attention: {name}}}", backend="cudagraphs")


def test_the_dockerfile_with_all_of_it_lints_clean(tmp_path: Path) -> None:
    result = compiled("image: {apt: [libgl1], attention: sage, environment: {A: b}}", backend="inductor")
    (tmp_path / "Dockerfile").write_text(str(result.files["Dockerfile"]))
    tool("hadolint", "Dockerfile", folder=tmp_path)
