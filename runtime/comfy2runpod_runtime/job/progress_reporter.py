"""Converts ComfyUI's events into the progress updates of a job."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_runtime.comfyui.events import (
    Event,
    NodeSaved,
    NodesCached,
    NodeStarted,
    PreviewMade,
    PromptEnded,
    PromptEnding,
    StepDone,
)
from comfy2runpod_runtime.job.context import JobContext
from comfy2runpod_runtime.job.early_uploader import EarlyUploader
from comfy2runpod_runtime.prompt import Prompt, title_of


class ProgressReporter:
    """Reports the progress of one queued prompt.

    Each update is an HTTP request to RunPod, so at most one is sent per PROGRESS_SECONDS. The latest is never lost.

    Args:
        prompt: the queued prompt.
        context: where updates are sent, and how often.
        dependencies: for each requested output, the nodes that it depends on.
        completed: outputs that an earlier run of the job has made.
        uploader: uploads the outputs that can be uploaded early.
    """

    def __init__(
        self,
        prompt: Prompt,
        context: JobContext,
        dependencies: Mapping[str, frozenset[str]],
        completed: set[str],
        uploader: EarlyUploader,
    ) -> None:
        self._prompt = prompt
        self._uploader = uploader
        self._send = context.report_progress
        self._interval = context.settings.progress_seconds
        self._current_node = ""
        self._steps: Mapping[str, int] = {}
        # The latest, in each update: a caller that asks now and then sees only the last update.
        self._preview: str | None = None
        self._started_nodes: set[str] = set()
        self._next_send = 0.0
        self._pending: JsonObject | None = None
        self._states = (
            {name: "done" if name in completed else "waiting" for name in dependencies} if len(dependencies) > 1 else {}
        )
        # Nodes that all outputs share, such as a model loader, do not show which output is being made.
        shared = frozenset.intersection(*dependencies.values()) if dependencies else frozenset()
        self._own_nodes = {name: nodes - shared for name, nodes in dependencies.items()}

    def handle_event(self, event: Event) -> None:
        """Records an event of this prompt, and sends an update if one is due."""
        match event:
            case NodeStarted(node_id=str() as node_id):
                self._started_nodes.add(node_id)
                self._set_state(node_id, "running")
                self._report(node_id, {})
            case StepDone(node_id=node_id, step=step, of=of):
                self._report(node_id, {"step": step, "of": of})
            case PreviewMade(image=image):
                self._preview = base64.b64encode(image).decode("ascii")
                if self._current_node:
                    self._report(self._current_node, self._steps)
            case NodeSaved(node_id=node_id):
                self._set_state(node_id, "done")
                self._uploader.handle_saved(event, self._report_upload)
            case NodesCached(node_ids=node_ids):
                # Counts as done: a warm worker has cached most nodes.
                self._started_nodes.update(node_ids)
            case PromptEnding() | PromptEnded():
                # Drops the pending update: the result would have to wait for it.
                self._pending = None

    def send_pending(self) -> None:
        """Sends an update that was held back, once it is due. A long node may send no further events."""
        if self._pending is not None and time.monotonic() >= self._next_send:
            self._next_send = time.monotonic() + self._interval
            update, self._pending = self._pending, None
            self._send(update)

    def _set_state(self, node_id: str, state: str) -> None:
        for name, nodes in self._own_nodes.items():
            if name in self._states and node_id in nodes and self._states[name] != "done":
                self._states[name] = state

    def _report(self, node_id: str, steps: Mapping[str, int]) -> None:
        self._current_node, self._steps = node_id, steps
        percent = min(99, round(100 * len(self._started_nodes) / max(1, len(self._prompt))))
        outputs: JsonObject = {"outputs": {**self._states}} if self._states else {}
        files: JsonObject = {"files": self._uploader.uploaded} if self._uploader.uploaded else {}
        preview: JsonObject = {"preview": self._preview} if self._preview is not None else {}
        title = title_of(self._prompt, node_id)
        self._pending = {"node": title, "percent": percent, **steps, **outputs, **files, **preview}
        self.send_pending()

    def _report_upload(self) -> None:
        if self._current_node:
            self._report(self._current_node, {})
