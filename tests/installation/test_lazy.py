"""What a command does not need is not imported: shell completion and --version import no media library."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from comfy2runpod.cli.app import cli
from comfy2runpod.cli.front import SECTIONS

from .environments import ROOT, environment, ran

# What each of them costs alone: `python -X importtime -c 'import runpod'`, on a quiet machine 2.0 s; boto3 0.4 s, numpy
# 0.2 s, av 0.1 s.
HEAVY = {"av", "boto3", "botocore", "huggingface_hub", "numpy", "PIL", "runpod"}
GRAPH = ROOT / "graphs" / "t2v_ltx2.json"
COMMANDS = [entry.name for entries in SECTIONS.values() for entry in entries]

# The console script, and at its end what was imported.
SCRIPT = """
import atexit, json, os, sys
sys.argv[0] = "comfy2runpod"
from comfy2runpod.cli import main
place = os.environ["IMPORTED"]
atexit.register(lambda: open(place, "w").write(json.dumps(sorted({name.partition(".")[0] for name in sys.modules}))))
main()
"""


def imported(tmp_path: Path, *arguments: str) -> set[str]:
    place = tmp_path / "imported.json"
    ran([sys.executable, "-c", SCRIPT, *arguments], tmp_path, environment(tmp_path, IMPORTED=str(place)))
    return set(json.loads(place.read_text()))


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["check", str(GRAPH)], ["compile", str(GRAPH)], ["prompt", str(GRAPH)]]
    + [[command, "--help"] for command in COMMANDS],
    ids=lambda arguments: " ".join(Path(argument).name for argument in arguments),
)
def test_no_heavy_library_is_imported(arguments: list[str], tmp_path: Path) -> None:
    there = imported(tmp_path, *arguments)
    assert "comfy2runpod" in there
    assert not there & HEAVY


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_the_version_and_the_help_need_not_even_click(argument: str, tmp_path: Path) -> None:
    there = imported(tmp_path, argument)
    assert there & {"comfy2runpod", "click", "comfy2runpod_contract", "dataclasses"} == {"comfy2runpod"}


def test_the_command_group_needs_click_alone(tmp_path: Path) -> None:
    there = imported(tmp_path, "--quiet", "--help")
    assert {"click", "comfy2runpod"} <= there
    assert not there & {"aiohttp", "httpx", "jinja2", "networkx", "pydantic", "rich", "yaml"}


@pytest.mark.parametrize("command", ["compile", "prompt", "inspect"])
def test_help_of_a_command_waits_for_no_templates_and_no_models(command: str, tmp_path: Path) -> None:
    assert not imported(tmp_path, command, "--help") & {"jinja2", "pydantic", "networkx"}


def test_the_help_is_the_same_with_and_without_click(tmp_path: Path) -> None:
    alone, grouped = (
        ran([sys.executable, "-m", "comfy2runpod", *arguments], tmp_path, environment(tmp_path))
        for arguments in (["--help"], ["--quiet", "--help"])
    )
    assert alone == grouped
    context = cli.make_context("comfy2runpod", [], resilient_parsing=True)
    for parameter in cli.get_params(context):
        assert all(name in str(alone) for name in parameter.opts), parameter.opts
    with context:
        assert [command for command in cli.list_commands(context) if f"  {command} " not in str(alone)] == []
