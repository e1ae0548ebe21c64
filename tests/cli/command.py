"""Runs the console script's own `main` in this process: what it prints, and its exit code."""

from __future__ import annotations

import io
import os
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from comfy2runpod.cli.app import main

ROOT = Path(__file__).parents[2]
ERRORS = ROOT / "tests" / "errors"
GRAPH = ROOT / "graphs" / "t2v_ltx2.json"


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def comfy2runpod(*arguments: str | os.PathLike[str], cwd: Path = ROOT) -> Done:
    out, err = io.StringIO(), io.StringIO()
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["comfy2runpod", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())
