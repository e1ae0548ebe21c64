"""The library as another program uses it: in a process of its own, bytes in and files out."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import comfy2runpod
from comfy2runpod import Catalog, CompileError, Options, check, compile_graph

ROOT = Path(__file__).parents[2]
GRAPH = ROOT / "graphs" / "t2v_ltx2.json"
REFUSED = ROOT / "tests" / "errors" / "bind" / "editors_disagree.json"

# Says which files are opened that are no part of the installation, and everything else that reaches out of the process.
WATCHED = """
import os, sys
installed = tuple(os.path.realpath(path) for path in {installed})
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path, mode, flags = os.fsdecode(arguments[0]), arguments[1] or "", arguments[2]
        writes = any(letter in mode for letter in "wax+") or flags & (os.O_WRONLY | os.O_RDWR)
        if writes or not os.path.realpath(path).startswith(installed):
            print("touched", event, path, file=sys.stderr)
    elif event.partition(".")[0] in ("socket", "subprocess") or event in ("os.mkdir", "os.fork", "os.exec"):
        print("touched", event, file=sys.stderr)
sys.addaudithook(watch)
"""
COMPILE = """
import hashlib, json, sys
from comfy2runpod import Catalog, check, compile_graph
data = sys.stdin.buffer.read()
check(data, "t2v_ltx2.json", Catalog.shipped())
package = compile_graph(data, "t2v_ltx2.json", Catalog.shipped())
bytes_of = lambda content: content.encode() if isinstance(content, str) else content
print(json.dumps({path: hashlib.sha256(bytes_of(content)).hexdigest() for path, content in package.files.items()}))
"""


def in_another_process(source: str, data: bytes, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Without bytecode, which Python itself would write."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", source],
        input=data,
        capture_output=True,
        check=False,
        cwd=folder,
        env=environment,
        timeout=300,
    )


def digests(files: dict[str, str | bytes]) -> dict[str, str]:
    return {
        path: hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
        for path, content in files.items()
    }


def test_a_graph_is_compiled_in_another_process_that_touches_no_file(tmp_path: Path) -> None:
    parts = ("compiler", "contract", "runtime", "Dockerfile.j2", "LICENSE")
    installed = [sys.prefix, sys.base_prefix, *(str(ROOT / part) for part in parts)]
    done = in_another_process(WATCHED.format(installed=installed) + COMPILE, GRAPH.read_bytes(), tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert b"touched" not in done.stderr, done.stderr.decode()
    assert not list(tmp_path.iterdir())
    here = compile_graph(GRAPH.read_bytes(), "t2v_ltx2.json", Catalog.shipped())
    assert json.loads(done.stdout) == digests({**here.files})


def test_what_watches_sees_a_file_that_is_opened(tmp_path: Path) -> None:
    source = (
        WATCHED.format(installed=[sys.prefix]) + "open('made', 'w').close(); import socket; socket.socket().close()"
    )
    said = in_another_process(source, b"", tmp_path).stderr
    assert b"touched open made" in said
    assert b"touched socket" in said


def test_a_refused_graph_raises_with_all_that_was_found() -> None:
    with pytest.raises(CompileError) as refused:
        compile_graph(REFUSED.read_bytes(), "x.json", Catalog.shipped())
    assert [found.code for found in refused.value.diagnostics] == ["editors-disagree"]
    assert check(REFUSED.read_bytes(), "x.json", Catalog.shipped(), Options(editor="1.43")) is not None


def test_an_editor_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no editor 'x' is known; expected '1\.43' or '1\.58'"):
        Options(editor="x")


@pytest.mark.parametrize("stage", [check, compile_graph])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_holds_bytes_will_do(
    stage: Callable[..., object], kind: Callable[[bytes], bytearray | memoryview]
) -> None:
    with pytest.raises(CompileError, match="editors-disagree"):
        stage(kind(REFUSED.read_bytes()), "x.json", Catalog.shipped())


@pytest.mark.parametrize("stage", [check, compile_graph])
def test_a_text_is_refused(stage: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="expected the bytes of the file as data, not str"):
        stage(REFUSED.read_text("utf-8"), "x.json", Catalog.shipped())


def test_the_files_cannot_be_changed_and_the_result_goes_between_processes() -> None:
    package = compile_graph(GRAPH.read_bytes(), "t2v_ltx2.json", Catalog.shipped())
    with pytest.raises(TypeError):
        package.files["handler.py"] = ""  # type: ignore[index]
    assert pickle.loads(pickle.dumps(package)) == package


def test_the_page_tells_every_name_and_its_example_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "library.md").read_text("utf-8")
    assert all(f"`{name}" in page for name in comfy2runpod.__all__ if name != "__version__")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = in_another_process(example, GRAPH.read_bytes(), tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert b"\nhandler.py " in done.stdout
    refused = in_another_process(example, REFUSED.read_bytes(), tmp_path)
    assert refused.returncode == 1
    assert refused.stdout.startswith(b"editors-disagree ")


def test_the_package_is_imported_without_the_compiler() -> None:
    source = "import sys; before = set(sys.modules); import comfy2runpod; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", source], capture_output=True, check=True, timeout=60)
    assert eval(done.stdout) == ["comfy2runpod"]


def test_every_name_is_there_and_no_other() -> None:
    assert all(getattr(comfy2runpod, name) is not None for name in comfy2runpod.__all__)
    assert set(comfy2runpod.__all__) <= set(dir(comfy2runpod))
    with pytest.raises(AttributeError, match="no attribute 'compile'"):
        _ = comfy2runpod.compile  # type: ignore[attr-defined]
