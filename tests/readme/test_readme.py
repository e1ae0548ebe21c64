"""README.md does what it says: every command in it is run in a scratch copy, and every name in it exists.

What it calls on loopback is there: the simulator for its ComfyUI, a hub, and the endpoint that its own commands serve.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

import comfy2runpod.errors
from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.release import RELEASE
from comfy2runpod.cli.app import cli
from comfy2runpod.diagnostics import Diagnostic
from comfy2runpod.simulator import running_simulator
from tests.runtime.hub_standin import HubStandIn, serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = [text for language, text in BLOCKS if language == "sh"]
INSTALL = next(text for text in SHELL if text.startswith("pip install ."))
MAKE = next(text for text in SHELL if text.startswith("make "))
# In tests/image, which has images: each of its commands, with what it has to have done.
ENDPOINT = next(text for text in SHELL if "docker run" in text)
RUN = [text for text in SHELL if text not in (INSTALL, MAKE, ENDPOINT)]
# Not what blocks hold, and not what is code in a line of prose but no command.
INLINE = re.findall(r"`(comfy2runpod [^`]+)`", re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL))
SERVED = "http://127.0.0.1:8000"
COMFYUI = "http://127.0.0.1:8188"
_HANG_SECONDS = 240


@dataclass(frozen=True)
class Scratch:
    """A copy of what the commands read and write, and where what they call is."""

    folder: Path
    comfyui: str
    hub: str
    port: int

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """A shell script; whatever it started in the background ends with it."""
        text = script.replace(COMFYUI, self.comfyui).replace("8000", f"{self.port}")
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "HF_ENDPOINT": self.hub}
        # Not to pipes, which what serves in the background would hold open.
        out, err = (self.folder / name for name in ("stdout", "stderr"))
        with out.open("w") as stdout, err.open("w") as stderr:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=self.folder, env=environment, stdout=stdout, stderr=stderr, start_new_session=True,
            )  # fmt: skip
            try:
                process.wait(_HANG_SECONDS)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
        return subprocess.CompletedProcess(text, process.returncode, out.read_text(), err.read_text())


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, str]]:
    """A ComfyUI and a hub."""
    names = [
        model["file"]
        for lock in (ROOT / "generated").glob("*/models.lock.json")
        for model in json.loads(lock.read_text("utf-8"))["models"]
    ]
    with (
        running_simulator(load_catalog()) as simulator,
        serving(HubStandIn(files={name: name.encode() for name in names})) as hub,
    ):
        yield simulator.url, hub.url


@pytest.fixture
def scratch(tmp_path: Path, servers: tuple[str, str]) -> Scratch:
    # As in a fresh clone: wheels are not committed, and those here may be of another commit.
    ignored = shutil.ignore_patterns("__pycache__", "*.lock.json.part", "*.whl")
    for name in ("graphs", "generated"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return Scratch(tmp_path, *servers, port)


def _first(text: str) -> str:
    return " ".join(text.split()[:3])


@pytest.mark.parametrize("block", RUN, ids=_first)
def test_its_commands_run(block: str, scratch: Scratch) -> None:
    # What calls an endpoint finds the one that another block serves.
    before = "" if "serve" in block or SERVED not in block else _waiting(scratch)
    done = scratch.run(before + block)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def _waiting(scratch: Scratch) -> str:
    ask = f"curl -s --retry 20 --retry-connrefused -o /dev/null {SERVED}/"
    return f"comfy2runpod serve generated/t2i_klein_4b --port 8000 & {ask}\n"


def test_five_commands_lead_from_a_graph_to_an_answer(scratch: Scratch) -> None:
    block = next(text for text in RUN if text.startswith("comfy2runpod inspect"))
    commands = [line for line in block.replace("\\\n", "").splitlines() if line]
    assert len(commands) == 5
    shutil.rmtree(scratch.folder / "generated")
    done = scratch.run(block)
    assert done.returncode == 0, done.stderr
    answer = json.loads((scratch.folder / "answer.json").read_text("utf-8"))
    assert answer["status"] == "COMPLETED"
    assert answer["output"]["width"] == 1024
    assert json.loads((scratch.folder / "output" / "response.json").read_text("utf-8"))["seed"] == 7


def test_its_note_changes_the_graph(scratch: Scratch) -> None:
    block = next(text for text in RUN if "annotate" in text)
    done = scratch.run(block)
    assert "note 111 was changed" in done.stdout
    assert "input.steps" in done.stdout


def test_its_python_runs_against_an_endpoint(scratch: Scratch) -> None:
    (code,) = [text for language, text in BLOCKS if language == "python"]
    code = code.replace("ENDPOINT_ID", f"{SERVED}/v2/t2i_klein_4b")
    clients = scratch.folder / "generated" / "t2i_klein_4b" / "clients" / "python"
    (scratch.folder / "call.py").write_text(code.replace("8000", f"{scratch.port}"))
    alone = scratch.run(f"unset RUNPOD_API_KEY; PYTHONPATH={clients} {sys.executable} call.py")
    assert alone.returncode == 1
    assert "RUNPOD_API_KEY" in alone.stderr
    assert "Traceback" not in alone.stderr
    done = scratch.run(f"{_waiting(scratch)} RUNPOD_API_KEY=local PYTHONPATH={clients} {sys.executable} call.py")
    assert done.returncode == 0, done.stderr
    assert (scratch.folder / "results" / "image.png").read_bytes().startswith(b"\x89PNG")


def test_its_note_is_one_that_compiles() -> None:
    (note,) = [text for language, text in BLOCKS if language == "yaml"]
    graph = json.loads((ROOT / "graphs" / "t2v_ltx2.json").read_text("utf-8"))
    (node,) = [node for node in graph["nodes"] if node.get("title") == "comfy2runpod"]
    node["widgets_values"] = [note]
    from comfy2runpod.pipeline import Options, compile_graph  # noqa: PLC0415 - seldom

    result = compile_graph(json.dumps(graph).encode(), "graph.json", load_catalog(), Options())
    assert [field.name for field in result.interface.fields] == ["prompt", "width"]


def test_make_has_its_targets() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in MAKE.split("\n"):
        assert not command or re.search(rf"^{command.removeprefix('make ')}:", makefile, re.MULTILINE), command


def test_pip_installs_it_and_the_other_ways_are_tried_elsewhere(tmp_path: Path) -> None:
    first, *others = INSTALL.splitlines()
    for name in ("compiler", "contract", "runtime", "pyproject.toml", "README.md", "LICENSE", "Dockerfile.j2"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, tmp_path)
    offline = ["--no-deps", "--no-build-isolation", "--quiet", "--target", str(tmp_path / "installed")]
    command = [sys.executable, "-m", *first.split(), *offline]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "installed" / "comfy2runpod" / "cli").is_dir()
    # They bring everything from an index: tests/installation installs so, in environments of their own.
    real = (ROOT / "tests" / "installation" / "test_installed.py").read_text("utf-8")
    for other in others:
        tool, *verb, _ = other.split()
        assert f'tool("{tool}"), {", ".join(json.dumps(word) for word in verb)}' in real


def _options(words: list[str]) -> tuple[click.Command, set[str]]:
    context = click.Context(cli)
    command = cli.get_command(context, words[1])
    assert command is not None, words
    if isinstance(command, click.Group):
        command = command.commands[words[2]]
    return command, {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("command", [line for text in (*RUN, ENDPOINT) for line in text.splitlines()] + INLINE)
def test_every_command_and_option_exists(command: str) -> None:
    words = command.split()
    if words[0] != "comfy2runpod":
        return
    _, options = _options(words)
    given = {word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)}
    assert given <= options, command


def test_every_command_stands_in_the_table() -> None:
    rows = re.findall(r"^\|[^|]*\| `(comfy2runpod [^`]+)` \|", README, re.MULTILINE)
    listed = {row.split()[1] for row in rows}
    assert listed == set(cli.list_commands(click.Context(cli)))


def test_every_file_that_it_links_to_is_there_and_every_page_of_docs_is_linked() -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README) + re.findall(r'src="([^"]+)"', README)
    own = {link for link in links if "://" not in link}
    assert [link for link in own if not (ROOT / link).exists()] == []
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
    assert pages <= own


def test_every_code_that_it_names_exists() -> None:
    for module in pkgutil.iter_modules(comfy2runpod.errors.__path__, "comfy2runpod.errors."):
        importlib.import_module(module.name)
    known = {kind.code for kind in _below(Diagnostic) if hasattr(kind, "code")}
    named = set(re.findall(r"(?:error|warning)\[([a-z-]+)\]", README))
    assert named
    assert named <= known


def _below(kind: type[Diagnostic]) -> Iterator[type[Diagnostic]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _below(inner)


def test_the_comfyui_that_it_names_is_the_one_that_is_built() -> None:
    assert f"**ComfyUI {RELEASE.version}** (commit `{RELEASE.commit}`)" in README


@pytest.mark.parametrize("name", ["terminal.svg", "page.svg"])
def test_its_images_are_small_texts_that_load_nothing(name: str) -> None:
    image = (ROOT / "docs" / name).read_text("utf-8")
    assert len(image) < 200_000
    assert re.findall(r"https?://[^\s\"'()<]+", image) == ["http://www.w3.org/2000/svg"]


def test_the_terminal_in_the_image_shows_what_a_run_says() -> None:
    from comfy2runpod.cli.simulated import simulated  # noqa: PLC0415 - beside what it is for

    image = (ROOT / "docs" / "terminal.svg").read_text("utf-8").replace("&#160;", " ")
    for line in simulated(80).splitlines():
        assert line.strip() in image
