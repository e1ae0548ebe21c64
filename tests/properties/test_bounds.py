"""Whatever is in a file, and however much of it: compiling ends within bounds of time, of memory and of words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .enormous import CASES

# In CI a fiftieth of the size that `make fuzz` tries.
WHOLE = "FUZZ_COUNT" in os.environ
SIZE = 100_000 if WHOLE else 2_000
MEMORY = 3 * 1024**3 if WHOLE else 1024**3
SECONDS = 120 if WHOLE else 20
# What is said of a file may not be larger than a person could scroll through.
WORDS = 2_000_000
PROGRAM = Path(__file__).with_name("enormous.py")
# Several cases a process: starting one takes longer than most.
GROUPS = [[name] for name in CASES] if WHOLE else [[*CASES][start::4] for start in range(4)]


@pytest.mark.parametrize("names", GROUPS, ids=lambda names: names[0] if WHOLE else f"{len(names)} cases")
def test_an_enormous_file_is_compiled_or_refused_within_bounds(names: list[str]) -> None:
    command = [sys.executable, str(PROGRAM), str(MEMORY), str(SIZE), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20 * SECONDS, check=False)
    ended = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["name"] for entry in ended] == names, done.stderr[-2000:]
    for entry in ended:
        assert entry["seconds"] < SECONDS, entry
        assert entry["said"] < WORDS, entry


def test_a_file_with_more_errors_than_anyone_reads_is_given_up_on() -> None:
    command = [sys.executable, str(PROGRAM), str(MEMORY), str(SIZE), "malformed_nodes"]
    assert json.loads(subprocess.check_output(command))["said"] < 300_000
