"""--comfyui and the simulator in its place: invalid addresses, and when the simulator is mentioned."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from comfy2runpod.cli.simulated import simulated

from .command import ROOT, comfy2runpod

PACKAGE = ROOT / "generated" / "t2i_klein_4b"
SMALL = '{"prompt": "a cat", "width": 64, "height": 64}'


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("localhost:8188", "write http://localhost:8188"),
        ("127.0.0.1:8188", "write http://127.0.0.1:8188"),
        ("comfyui", "write http://comfyui"),
        ("[::1]:8188", "write http://[::1]:8188"),
        ("ftp://host/", "write one such as http://127.0.0.1:8188"),
        ("http://", "write one such as http://127.0.0.1:8188"),
        ("http://host:99999", "write one such as http://127.0.0.1:8188"),
        ("a host", "write one such as http://127.0.0.1:8188"),
        ("", "write one such as http://127.0.0.1:8188"),
    ],
)
@pytest.mark.parametrize("command", ["run", "serve"])
def test_what_is_not_an_address_is_wrong_usage(command: str, given: str, remedy: str) -> None:
    rest = ["--input", SMALL] if command == "run" else []
    done = comfy2runpod(command, PACKAGE, "--comfyui", given, *rest)
    assert done.returncode == 2, done.stderr
    assert remedy in " ".join(done.stderr.split())


def test_the_simulator_is_not_mentioned_where_it_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for arguments, code in (
            (["run", tmp_path, "--input", SMALL], 1),
            (["run", PACKAGE, "--input", "{"], 1),
            (["run", PACKAGE, "--input", SMALL, "-o", tmp_path / "taken" / "out"], 3),
            (["serve", tmp_path], 1),
            (["serve", PACKAGE, "--port", str(port)], 3),
        ):
            done = comfy2runpod(*arguments)
            assert done.returncode == code, done.stderr
            # The folder is named after the test.
            assert "imulat" not in (done.stdout + done.stderr).replace(tmp_path.name, "")


@pytest.mark.parametrize("columns", [44, 60, 80, 200])
def test_the_text_about_the_simulator_wraps_at_words(columns: int) -> None:
    lines = simulated(columns).splitlines()
    assert max(map(len, lines)) < min(columns, 80)
    assert " ".join(" ".join(lines).split()) == " ".join(simulated(10_000).split())


def test_next_commands_are_such_as_can_be_called(tmp_path: Path) -> None:
    graph = ROOT / "graphs" / "t2i_klein_4b.json"
    program = tmp_path / "bin" / "comfy2runpod"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom comfy2runpod.cli import main\nmain()\n")
    program.chmod(0o755)

    def said(*command: str, path: str) -> str:
        arguments = [*command, "compile", str(graph), "-o", "out"]
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "compiler")}
        return subprocess.run(
            arguments, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    plain = f"{program.parent}:/usr/bin:/bin"
    assert "  comfy2runpod run out/" in said(str(program), path=plain)
    assert "  bin/comfy2runpod run out/" in said("bin/comfy2runpod", path="/nowhere")
    module = f"{sys.executable} -m comfy2runpod"
    assert f"  {module} run out/" in said(*module.split(), path="/nowhere")
