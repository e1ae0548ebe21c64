"""What a terminal shows, and what a pipe gets: bars and colours for the one, plain lines for the other."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comfy2runpod.cli.app import cli
from comfy2runpod.cli.progress import progress
from comfy2runpod.cli.terminal import Terminal

from .command import ERRORS, GRAPH, ROOT, comfy2runpod

pytestmark = pytest.mark.slow

BAD = ERRORS / "check" / "value_out_of_bounds.json"
PACKAGE = ROOT / "generated" / "t2i_klein_4b"
RUN = ["run", PACKAGE, "--input", '{"prompt": "a cat", "width": 64, "height": 64}']
_HANG_SECONDS = 120
_COLOUR = re.compile(rb"\x1b\[[0-9;]+m")


@contextmanager
def on_terminal(*arguments: str | Path, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command on a terminal of its own, 100 columns wide; the other end of it."""
    ours, theirs = pty.openpty()
    variables = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environment}
    variables = {name: value for name, value in variables.items() if name not in ("NO_COLOR", "FORCE_COLOR") or value}
    # The terminal is its own: Ctrl-C reaches it as it does a person's command.
    command = ["setsid", "--ctty", sys.executable, "-m", "comfy2runpod", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, env=variables, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read(process: subprocess.Popen[bytes], terminal: int, until: bytes | None = None) -> bytes:
    """What it shows until its end, or until some text."""
    shown, end = b"", time.monotonic() + _HANG_SECONDS
    while time.monotonic() < end and (until is None or until not in shown):
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                part = os.read(terminal, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
        elif process.poll() is not None:
            break
    if until is None:
        process.wait(_HANG_SECONDS)
    return shown


def test_a_run_shows_a_bar_that_is_gone_at_its_end(tmp_path: Path) -> None:
    with on_terminal(*RUN, "-o", tmp_path) as (process, terminal):
        shown = read(process, terminal)
    assert process.returncode == 0, shown
    assert b"Running" in shown
    assert "━".encode() in shown
    assert b"\x1b[?25l" in shown  # the cursor is hidden,
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")  # and shown again
    assert "━".encode() not in shown[shown.rindex(b"seed") :]


@pytest.mark.parametrize(
    ("environment", "colours"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False)],
)
def test_a_terminal_has_colours_unless_they_are_switched_off(environment: dict[str, str], *, colours: bool) -> None:
    with on_terminal("check", BAD, **environment) as (process, terminal):
        shown = read(process, terminal)
    assert process.returncode == 1
    assert bool(_COLOUR.search(shown)) is colours, shown


def test_a_dumb_terminal_gets_no_control_codes(tmp_path: Path) -> None:
    with on_terminal(*RUN, "-o", tmp_path, TERM="dumb") as (process, terminal):
        shown = read(process, terminal)
    assert process.returncode == 0
    assert b"\x1b" not in shown


@pytest.mark.parametrize("forced", [False, True])
def test_a_pipe_gets_plain_lines_and_colours_only_if_forced(tmp_path: Path, *, forced: bool) -> None:
    environment = {**os.environ, "FORCE_COLOR": "1" if forced else "", "NO_COLOR": ""}
    for arguments in (["check", BAD], [*RUN, "-o", tmp_path]):
        command = [sys.executable, "-m", "comfy2runpod", *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
        assert b"\x1b" not in _COLOUR.sub(b"", done.stdout + done.stderr)
        assert b"\r" not in done.stdout + done.stderr
        assert b"\x1b" not in done.stdout
        if arguments[0] == "check":
            assert bool(_COLOUR.search(done.stderr)) is forced


def test_ctrl_c_on_a_terminal_ends_in_a_line_and_leaves_the_cursor(tmp_path: Path) -> None:
    inputs = ["serve", PACKAGE, "--port", "0", "-q"]
    with on_terminal(*inputs) as (process, terminal):
        shown = read(process, terminal, until=b"Serving on")
        os.write(terminal, b"\x03")
        shown += read(process, terminal)
    assert process.returncode == 130
    assert b"Traceback" not in shown
    with on_terminal(*RUN, "-o", tmp_path) as (process, terminal):
        shown = read(process, terminal, until=b"Running")
        os.write(terminal, b"\x03")
        shown += read(process, terminal)
    assert process.returncode in (130, 0)
    assert b"Traceback" not in shown
    if process.returncode:
        assert shown.rstrip().endswith(b"Stopped.")
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def test_commands_stand_in_the_order_of_work_and_fit_80_columns() -> None:
    done = comfy2runpod("--help")
    assert max(map(len, done.stdout.splitlines())) <= 80
    sections = re.findall(r"^(\w[\w ]*):$", done.stdout, re.MULTILINE)
    assert sections == ["Options", "Author", "Make", "Run", "Set up"]
    assert "..." not in done.stdout.partition("Author:")[2]


def _commands() -> list[list[str]]:
    context = cli.make_context("comfy2runpod", [], resilient_parsing=True)
    found = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        inner = getattr(command, "commands", {})
        found += [[name, other] for other in inner] if inner else [[name]]
    return found


@pytest.mark.parametrize("command", _commands(), ids=" ".join)
def test_every_command_has_an_example_and_help_of_80_columns(command: list[str]) -> None:
    done = comfy2runpod(*command, "--help")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80, max(done.stdout.splitlines(), key=len)
    # What keeps an example's lines apart is for click, not for people.
    assert "\\b" not in done.stdout
    assert "\b" not in done.stdout
    assert f"comfy2runpod {' '.join(command)} " in done.stdout.partition("Usage:")[2].partition("\n")[2]
    for option in ("-q, --quiet", "-v, --verbose", "--debug"):
        assert option in done.stdout


def test_common_options_stand_before_and_after_the_command() -> None:
    for arguments in (["-q", "check", GRAPH], ["check", GRAPH, "-q"]):
        done = comfy2runpod(*arguments)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert comfy2runpod("-V").stdout == comfy2runpod("--version").stdout


def test_a_misspelt_command_is_answered_with_the_nearest() -> None:
    done = comfy2runpod("complie", GRAPH)
    assert done.returncode == 2
    assert "Did you mean compile" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_the_shell(shell: str) -> None:
    done = comfy2runpod("completion", shell)
    assert done.returncode == 0
    assert f"_COMFY2RUNPOD_COMPLETE={shell}_complete" in done.stdout
    environment = {
        **os.environ,
        "_COMFY2RUNPOD_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "comfy2runpod co",
        "COMP_CWORD": "co" if shell == "fish" else "1",
    }
    command = [sys.executable, "-m", "comfy2runpod"]
    offered = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert {"compile", "completion"} <= set(re.findall(r"[a-z]+", offered))


def test_bash_completes_a_command(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(comfy2runpod("completion", "bash").stdout)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    typed = "COMP_WORDS=(comfy2runpod comp); COMP_CWORD=1"
    ask = f". {script}; {typed}; _comfy2runpod_completion comfy2runpod; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(
        ["bash", "-c", ask], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["compile", "completion"], json.dumps(done.stderr)


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_node_s_title_moves_no_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    with progress(Terminal(), "Running", 100, "%") as steps:
        steps.at("\x1b]0;evil\x07\x1b[2J")
    assert "evil" in screen.getvalue()
    assert "\x1b]0;" not in screen.getvalue()
    assert "\x1b[2J" not in screen.getvalue()
