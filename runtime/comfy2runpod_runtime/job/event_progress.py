"""A job's progress: what events say, in the words of the updates that RunPod is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_runtime.comfyui.events import (
    Event,
    NodeSaved,
    NodesKept,
    NodeStarted,
    PromptEnded,
    PromptEnding,
    StepDone,
)
from comfy2runpod_runtime.delivery.early_uploads import EarlyFiles
from comfy2runpod_runtime.job.prompt import Prompt, title_of

Progress: TypeAlias = Callable[[JsonObject], None]


class Reporter:
    """Turns events into progress. Each update is an HTTP request to RunPod: they are spaced, the last is not lost."""

    def __init__(
        self,
        prompt: Prompt,
        progress: Progress,
        spacing_seconds: float,
        needs: Mapping[str, frozenset[str]],
        done: set[str],
        early: EarlyFiles,
    ) -> None:
        self._prompt = prompt
        self._early = early
        self._node = ""
        self._progress = progress
        self._spacing = spacing_seconds
        self._started: set[str] = set()
        self._next_at = 0.0
        self._due: JsonObject | None = None
        self._states = {name: "done" if name in done else "waiting" for name in needs} if len(needs) > 1 else {}
        # Which outputs a node belongs to, and to no others: a model that all of them share starts none.
        shared = frozenset.intersection(*needs.values()) if needs else frozenset()
        self._own = {name: nodes - shared for name, nodes in needs.items()}

    def report(self, event: Event) -> None:
        """Takes an event of this prompt in, and sends an update if there is news and it is time."""
        match event:
            case NodeStarted(node_id=str() as node_id):
                self._started.add(node_id)
                self._mark(node_id, "running")
                self._tell(node_id, {})
            case StepDone(node_id=node_id, step=step, of=of):
                self._tell(node_id, {"step": step, "of": of})
            case NodeSaved(node_id=node_id):
                self._mark(node_id, "done")
                self._early.saved(event, self._tell_files)
            case NodesKept(node_ids=node_ids):
                # They are as done as those that ran: a warm worker has most of them.
                self._started.update(node_ids)
            case PromptEnding() | PromptEnded():
                # The result would wait for it.
                self._due = None

    def catch_up(self) -> None:
        """Sends what came too soon after the update before it: a long node may have no steps to tell of."""
        if self._due is not None and time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + self._spacing
            due, self._due = self._due, None
            self._progress(due)

    def _mark(self, node_id: str, state: str) -> None:
        for name, own in self._own.items():
            if name in self._states and node_id in own and self._states[name] != "done":
                self._states[name] = state

    def _tell(self, node_id: str, more: Mapping[str, int]) -> None:
        self._node = node_id
        percent = min(99, round(100 * len(self._started) / max(1, len(self._prompt))))
        outputs: JsonObject = {"outputs": {**self._states}} if self._states else {}
        files: JsonObject = {"files": self._early.told} if self._early.told else {}
        self._due = {"node": title_of(self._prompt, node_id), "percent": percent, **more, **outputs, **files}
        self.catch_up()

    def _tell_files(self) -> None:
        if self._node:
            self._tell(self._node, {})
