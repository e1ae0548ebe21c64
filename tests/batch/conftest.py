"""A batch, in this process or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Done, comfy2runpod
from tests.limited import with_largest_file
from tests.standins.runpod_queue import RunPodQueue, running_queue

from .results import KEY, finishing


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunPodQueue]:
    monkeypatch.setenv("RUNPOD_API_KEY", KEY)
    # In this process alone.
    monkeypatch.setattr("comfy2runpod.batch.batch._POLL_SECONDS", (0.05, 0.5))
    monkeypatch.setattr("comfy2runpod.batch.batch._FIRST_PATIENCE", 2.0)
    with running_queue(finishing()) as running:
        yield running


class Place:
    """A folder with inputs, and the batch's own beside them."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.endpoint = endpoint
        self.inputs = folder / "inputs.jsonl"
        self.out = folder / "out"

    def write(self, *lines: object) -> None:
        """The inputs: each JSON, or a line as it is."""
        texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        self.inputs.write_bytes(b"\n".join(texts) + b"\n")

    def prompts(self, count: int) -> None:
        self.write(*({"prompt": f"{number}"} for number in range(1, count + 1)))

    def arguments(self, *more: str) -> list[str]:
        return ["batch", self.endpoint, str(self.inputs), "-o", str(self.out), *more]

    def run(self, *more: str) -> Done:
        return comfy2runpod(*self.arguments(*more))

    def start(self, *more: str, largest_file: int | None = None, **settings: Any) -> subprocess.Popen[str]:
        """As a process of its own; `largest_file`, in bytes, simulates a disk with little room."""
        command = [sys.executable, "-m", "comfy2runpod", *self.arguments(*more)]
        if largest_file is not None:
            command = with_largest_file(largest_file, command)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, env=os.environ.copy(), **{**pipes, **settings})

    def journal(self) -> list[dict[str, Any]]:
        """The journal's lines, without its head."""
        lines = (self.out / "journal.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines[1:]]

    def events(self) -> dict[str, list[str]]:
        """What was said of each input."""
        told: dict[str, list[str]] = {}
        for line in self.journal():
            told.setdefault(line["id"], []).append(line["event"])
        return told

    def response(self, input_id: str) -> dict[str, Any]:
        return dict(json.loads((self.out / input_id / "response.json").read_text("utf-8")))


@pytest.fixture
def place(tmp_path: Path, server: RunPodQueue) -> Place:
    return Place(tmp_path, server.url)


Process = Callable[..., subprocess.Popen[str]]
