"""scripts/run_cases.py: a line for each graph, with what is bad about it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .command import ERRORS, ROOT

pytestmark = pytest.mark.slow

EDITOR_CASES = ROOT / "tests" / "compiler" / "editor_cases"


def run(folder: Path) -> tuple[int, list[str]]:
    command = (sys.executable, str(ROOT / "scripts" / "run_cases.py"), str(folder))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A graph that compiles, one below with the prompt to expect of it, and one that is refused."""
    shutil.copy(ERRORS / "warnings" / "value_stays_as_saved.json", tmp_path / "good.json")
    shutil.copy(ERRORS / "surprises" / "no_opengl.json", tmp_path / "refused.json")
    (tmp_path / "below").mkdir()
    case = json.loads((EDITOR_CASES / "links" / "bypassed_autogrow.json").read_text("utf-8"))
    (tmp_path / "below" / "growing.json").write_text(json.dumps(case["graph"]), encoding="utf-8")
    (tmp_path / "below" / "growing.expected.json").write_text(json.dumps(case["1.43"]), encoding="utf-8")
    return tmp_path


def test_each_graph_has_its_verdict(folder: Path) -> None:
    shutil.copytree(ERRORS / "pack_warnings", folder / "pack")
    code, (below, good, pack, refused, summary) = run(folder)
    assert (code, summary) == (0, "4 graphs: 3 compiled, 1 refused, 0 bad")
    assert refused.endswith("refused: image-lacks")
    assert below.startswith("below/growing.json ")
    assert below.endswith("compiled; prompt as expected")
    assert good.endswith("compiled, value-stays-as-saved, model-without-url")
    assert pack.startswith("pack/choices_not_known.json ")
    assert "compiled, choices-not-known" in pack


def test_another_prompt_is_bad(folder: Path) -> None:
    expected = folder / "below" / "growing.expected.json"
    prompt = json.loads(expected.read_text("utf-8"))
    prompt["3"]["inputs"]["filename_prefix"] = "y"
    expected.write_text(json.dumps(prompt), encoding="utf-8")
    code, lines = run(folder)
    assert code == 1
    assert "BAD: another prompt than the expected one" in lines[0]
    assert lines[-1].endswith("1 bad")


def test_a_folder_without_graphs_is_wrong_usage(tmp_path: Path) -> None:
    assert run(tmp_path)[0] == 2


def test_what_ends_otherwise_is_bad(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A stand-in for a compiler with a bug, found first on Python's path.
    broken = folder / "path" / "comfy2runpod"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("")
    (broken / "__main__.py").write_text("import sys; print('a bug', file=sys.stderr); sys.exit(4)")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    code, lines = run(folder)
    assert code == 1
    assert "BAD: exit 4: a bug" in lines[0]
