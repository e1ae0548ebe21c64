"""What is caused on a real ComfyUI, and what a job's caller is to get.

The graph has four outputs, of which a request names some: `plain` (an empty image), `copied` (the caller's image),
`absent` (which needs a VAE that is not there), and `worked`: as wide as the text that is left by a pattern, blurred 40
times. So a request decides what happens on the server: a pattern that is none fails in its node, one that backtracks
without end makes the server deaf, and the height says how long each blur takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.end_to_end.saving import Graph

from .table import STOPPED, SUCCESS, UNFIT, Fault

WIDTH = 64
BLURS = 40
# Each blur takes some tenths of a second on one core: a few seconds together, and an interrupt is heard between two.
LONG = {"outputs": ["worked"], "height": 256}
# One blur takes minutes, and nothing is heard before its end.
STUCK = {"outputs": ["worked"], "height": 16384, "count": 16}
# Python's `re` keeps the interpreter's lock: the server answers no request.
DEAF = {"outputs": ["worked"], "text": "a" * WIDTH + "b", "pattern": "(a|aa)+$"}
ALL_WELL: Mapping[str, Any] = {"outputs": ["plain", "copied", "worked"]}
# What a worker is tried with before and after: over in a moment.
SHORT: Mapping[str, Any] = {"outputs": ["plain", "copied"]}


@dataclass(frozen=True)
class RealFault(Fault):
    """One fault on a real server. `own` here: it needs a ComfyUI that is the worker's own.

    `input`: the request, beside the image and a colour that no other job has. `failed`: the outputs that the answer
    says were not made.
    """

    input: Mapping[str, Any] = field(default_factory=lambda: ALL_WELL)
    failed: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether it needs a worker of its own."""
        return bool(self.settings or self.leaves or self.act in ("sigterm", "at_start"))


REAL_FAULTS = (
    RealFault("succeeds", "Nothing: EmptyImage and LoadImage to SaveImage, and 40 blurs.", SUCCESS),
    RealFault("repeats", "The same input again: the same sha256 of each file.", SUCCESS, act="repeat", once=False),
    RealFault(
        "node-fails",
        "A node fails (RegexReplace: re.error).",
        "comfyui_error",
        input={"outputs": ["worked"], "pattern": "("},
    ),
    RealFault(
        "node-fails-partly",
        "A node of one of two outputs fails, with `allow_partial`.",
        SUCCESS,
        input={"outputs": ["plain", "worked"], "pattern": "(", "allow_partial": True},
        failed=("worked",),
        once=False,
    ),
    RealFault(
        "refused", "The prompt is refused (400): a model is not there.", "comfyui_error", input={"outputs": ["absent"]}
    ),
    RealFault(
        "refused-partly",
        "The prompt is taken (200) but for one output, whose model is not there.",
        "comfyui_error",
        input={"outputs": ["plain", "absent"]},
    ),
    RealFault(
        "refused-partly-allowed",
        "The same with `allow_partial`.",
        SUCCESS,
        input={"outputs": ["plain", "absent"], "allow_partial": True},
        failed=("absent",),
        once=False,
    ),
    RealFault("cancel-running", "The job is cancelled while it runs.", STOPPED, act="cancel:running", input=LONG),
    RealFault(
        "cancel-queued",
        "The job is cancelled while it waits behind another prompt, which goes on.",
        STOPPED,
        act="cancel:pending",
        input=LONG,
    ),
    RealFault("interrupted", "The job is interrupted from elsewhere.", "cancelled", act="interrupt", input=LONG),
    RealFault(
        "queue-cleared",
        "The queue is cleared from elsewhere while the job waits behind another prompt.",
        SUCCESS,
        act="clear",
        once=False,
    ),
    RealFault(
        "job-timeout",
        "A job takes longer than it may.",
        "timeout",
        settings={"JOB_TIMEOUT_SECONDS": "5", "COMFYUI_INTERRUPT_SECONDS": "30"},
        input={**LONG, "height": 2048},
    ),
    RealFault(
        "out-of-memory",
        "A node asks for 2 TB.",
        "out_of_memory",
        input={"outputs": ["worked"], "height": 16384, "text": "a" * 10000, "count": 1000},
        leaves=True,
        once=False,
    ),
    # The worker's own process.
    RealFault("dies-idle", "ComfyUI is killed between two jobs (kill -9).", SUCCESS, act="kill_idle", own=True),
    RealFault(
        "dies-mid-job",
        "ComfyUI is killed in the middle of the job, once.",
        SUCCESS,
        act="kill:running",
        own=True,
        input=LONG,
        once=False,
    ),
    RealFault(
        "dies-always",
        "ComfyUI is killed in the middle of the job, each time.",
        "comfyui_unavailable",
        act="kill_always",
        own=True,
        input=LONG,
        once=False,
    ),
    RealFault(
        "dies-queued",
        "ComfyUI is killed while the job waits behind another prompt.",
        SUCCESS,
        act="kill:pending",
        own=True,
        once=False,
    ),
    RealFault(
        "freezes",
        "ComfyUI stops in the middle of the job, once (SIGSTOP).",
        SUCCESS,
        act="stop:running",
        own=True,
        input=LONG,
        once=False,
    ),
    RealFault(
        "deaf",
        "A node holds Python's interpreter without end, each time: the server answers nobody.",
        "comfyui_unavailable",
        own=True,
        input=DEAF,
        once=False,
    ),
    RealFault("stuck", "A node takes minutes and hears no interrupt.", "stalled", own=True, input=STUCK),
    RealFault(
        "cancel-stuck",
        "The job is cancelled while such a node runs.",
        STOPPED,
        act="cancel:running",
        own=True,
        input=STUCK,
    ),
    RealFault(
        "sigterm",
        "SIGTERM comes while a job runs: the job is finished, worker and ComfyUI end.",
        SUCCESS,
        act="sigterm",
        own=True,
        input=LONG,
    ),
    RealFault(
        "starts-never",
        "ComfyUI does not start: an argument that it does not know.",
        UNFIT,
        settings={"COMFYUI_ARGS": "--no-such-argument"},
        act="at_start",
        own=True,
    ),
    RealFault(
        "stays-down",
        "ComfyUI is killed between two jobs and does not start again.",
        "comfyui_unavailable",
        act="break_idle",
        own=True,
        leaves=True,
    ),
)


def real_package(folder: Path) -> Path:
    """The package that all of them use."""
    graph = Graph()
    plain = graph.add("EmptyImage", WIDTH, 48, 1, 0)
    image = graph.add("LoadImage", "example.png", "image")
    vae = graph.add("VAELoader", "absent.safetensors")
    latent = graph.add("EmptyLatentImage", 64, 64, 1)
    decoded = graph.add("VAEDecode", samples=(latent, 0), vae=(vae, 0))
    said = graph.add("PrimitiveString", "a" * WIDTH)
    left = graph.add("RegexReplace", "", "b", "", False, False, False, 0, string=(said, 0))
    wide = graph.add("StringLength", "", string=(left, 0))
    empty = graph.add("EmptyImage", WIDTH, 32, 1, 0, width=(wide, 0))
    worked = empty
    for _ in range(BLURS):
        worked = graph.add("ImageBlur", 31, 10.0, image=(worked, 0))
    ends = {"plain": plain, "copied": image, "absent": decoded, "worked": worked}
    outputs = {name: graph.add("SaveImage", "x", images=(node, 0)) for name, node in ends.items()}
    lines = [f"  {name}: {{from: {node}}}" for name, node in outputs.items()]
    note = f"""name: real
inputs:
  image: {{from: {image}.image}}
  text: {{from: {said}.value}}
  pattern: {{from: {left}.regex_pattern}}
  height: {{from: {empty}.height}}
  count: {{from: {empty}.batch_size}}
  color: {{from: [{empty}.color, {plain}.color]}}
outputs:
"""
    return graph.package(note + "\n".join(lines), folder)
