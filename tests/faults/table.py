"""The faults, each by name: what is caused, and what a job's caller is to get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.standins.comfyui import Behaviour

SUCCESS = "success"
# RunPod knows that it stopped the job: nothing is posted, and ComfyUI has been told to stop.
STOPPED = "stopped"
# The worker reports that it is unhealthy and ends, before it takes a job.
UNFIT = "unfit"
WELL = Behaviour()


@dataclass(frozen=True)
class Fault:
    """One fault.

    `expected`: SUCCESS, STOPPED, UNFIT, or the code of the error. `act`: what the harness does beside ComfyUI's
    behaviour. `own`: the worker starts ComfyUI itself. `leaves`: the worker asks to be replaced, since it cannot serve
    another job; without it, the next job on the same worker has to succeed.
    """

    name: str
    what: str
    expected: str
    behaviour: Behaviour = WELL
    settings: Mapping[str, str] = field(default_factory=dict)
    act: str = ""
    own: bool = False
    leaves: bool = False
    image: bool = False
    # Another package than the suite's, whose job is its own test input.
    package: Path | None = None
    # Whether the job was to run once only, whatever was lost on the way.
    once: bool = True
    # What is as right for another handler, which makes another promise or has no such step.
    theirs: str = ""

    @property
    def long(self) -> bool:
        """Whether the short run leaves it out."""
        return self.name in _LONG

    @property
    def alone(self) -> bool:
        """Whether it needs a worker of its own."""
        return bool(self.settings or self.own or self.leaves or self.image or self.act in ("sigterm", "down_idle"))


# Slow ones, and those whose like is in the short run.
_LONG = frozenset(
    {
        "websocket-reordered",
        "history-500",
        "slow-job",
        "stuck-own",
        "output-html",
        "output-video",
        "upload-slow",
        "starts-deaf",
        "freezes",
        "stays-down",
        "dies-always",
        "gone-mid-job",
    }
)


def _websocket(name: str, what: str, how: str, seconds: float = WELL.seconds) -> Fault:
    # Over the connection that an earlier job left, nothing can be refused.
    act = "hang_up" if how in ("refused", "mute") else ""
    return Fault(f"websocket-{name}", what, SUCCESS, Behaviour(websocket=how, seconds=seconds), act=act)


FAULTS = (
    # The websocket only gives hints: whatever happens to it, the job succeeds.
    _websocket("refused", "The websocket is refused (403).", "refused"),
    _websocket("mute", "The websocket's handshake is never answered.", "mute"),
    _websocket("silent", "The websocket opens, and no event ever comes.", "silent"),
    _websocket("dropped", "The websocket closes in the middle of the job.", "dropped"),
    _websocket("dropped-always", "The websocket closes after every event.", "dropped_always"),
    _websocket("reset", "The websocket's connection is reset in the middle of the job.", "reset"),
    _websocket("late", "Every event comes a second late.", "late"),
    _websocket("repeated", "Every event comes three times.", "repeated"),
    _websocket("reordered", "Events come at the end, the last one first.", "reordered"),
    _websocket("finish-lost", "The finish events are lost.", "no_finish"),
    _websocket("finish-in-gap", "The job finishes while the websocket is being connected again.", "gap"),
    _websocket("finish-early", "A finish event comes before the job is done.", "early", seconds=0.6),
    _websocket("finish-of-another", "Finish and failure of another prompt come.", "foreign", seconds=0.4),
    _websocket("odd-frames", "Binary, no JSON, null, 50,000 deep, 200 kB, events without data.", "odd"),
    # The history.
    Fault("history-late", "The history is written 0.8 s after the finish event.", SUCCESS, Behaviour(history="late")),
    Fault(
        "history-lost",
        "The job vanishes: neither queued nor in the history.",
        "comfyui_unavailable",
        Behaviour(history="lost"),
        once=False,
    ),
    Fault(
        "history-broken-json", "The history's JSON is cut short, twice.", SUCCESS, Behaviour(history="garbled", times=2)
    ),
    Fault("history-500", "The history answers 500, twice.", SUCCESS, Behaviour(history="500", times=2)),
    Fault("history-reset", "The history's connection is reset, twice.", SUCCESS, Behaviour(history="reset", times=2)),
    Fault(
        "history-never-sane",
        "The history is a list of numbers, always.",
        "comfyui_unavailable",
        Behaviour(history="list"),
    ),
    # Queueing.
    Fault("prompt-refused", "The prompt is refused (400).", "comfyui_error", Behaviour(prompt="refused")),
    Fault(
        "prompt-node-errors",
        "The prompt is taken (200), with errors of a node.",
        "comfyui_error",
        Behaviour(prompt="node_errors"),
    ),
    Fault("prompt-500", "Queueing answers 500, once.", SUCCESS, Behaviour(prompt="500", times=1)),
    Fault("prompt-500-always", "Queueing answers 500, always.", "comfyui_unavailable", Behaviour(prompt="500")),
    Fault(
        "prompt-html",
        "Queueing answers 200 with a page of HTML, always.",
        "comfyui_unavailable",
        Behaviour(prompt="html"),
    ),
    Fault(
        "prompt-lost",
        "The connection is reset before the prompt is taken, once.",
        SUCCESS,
        Behaviour(prompt="lost", times=1),
    ),
    Fault(
        "prompt-answer-lost",
        "The prompt is taken, and the connection is reset before the answer.",
        SUCCESS,
        Behaviour(prompt="answer_lost", times=1),
    ),
    Fault("prompt-slow", "Queueing takes 0.8 s.", SUCCESS, Behaviour(prompt="slow")),
    Fault(
        "stats-500",
        "The first look at ComfyUI is answered by 500.",
        SUCCESS,
        Behaviour(stats="500", times=1),
        act="hang_up",
    ),
    Fault("events-lost-idle", "The websocket closes between two jobs.", SUCCESS, act="hang_up"),
    # Running.
    Fault("node-fails", "A node fails; its message holds a path of the host.", "comfyui_error", Behaviour(run="error")),
    Fault("interrupted", "The job is interrupted from elsewhere.", "cancelled", Behaviour(run="interrupted")),
    Fault("disk-full", "A node fails: no space left on ComfyUI's disk.", "disk_full", Behaviour(run="disk_full")),
    Fault(
        "out-of-memory-once",
        "CUDA is out of memory, once.",
        SUCCESS,
        Behaviour(run="out_of_memory", times=1),
        once=False,
    ),
    Fault(
        "out-of-memory",
        "CUDA is out of memory, always.",
        "out_of_memory",
        Behaviour(run="out_of_memory"),
        leaves=True,
        once=False,
    ),
    Fault("hangs", "A node hangs, and hears an interrupt.", "stalled", Behaviour(run="hangs")),
    Fault(
        "stuck",
        "A node hangs, and hears no interrupt; ComfyUI is not ours.",
        "stalled",
        Behaviour(run="stuck"),
        leaves=True,
    ),
    Fault(
        "stuck-own",
        "A node hangs, and hears no interrupt; ComfyUI is the worker's own.",
        "stalled",
        Behaviour(run="stuck"),
        own=True,
    ),
    Fault(
        "hangs-unseen",
        "A node hangs, and no event ever comes.",
        "stalled",
        Behaviour(run="hangs", websocket="silent"),
        {"COMFYUI_BLIND_SECONDS": "2"},
    ),
    Fault("slow-job", "A step takes 2.5 s, within the bound for progress.", SUCCESS, Behaviour(run="slow")),
    Fault(
        "job-timeout",
        "A job takes longer than it may.",
        "timeout",
        Behaviour(run="slow"),
        {"JOB_TIMEOUT_SECONDS": "1"},
        theirs=SUCCESS,
    ),
    # Outputs.
    Fault("output-none", "The job succeeds and saves nothing.", "output_missing", Behaviour(file="none")),
    Fault(
        "output-gone", "The file that the history names is not there (404).", "output_missing", Behaviour(file="gone")
    ),
    Fault("output-empty", "The file is empty.", "output_invalid", Behaviour(file="empty")),
    Fault("output-half", "The file is half a PNG.", "output_invalid", Behaviour(file="half")),
    Fault("output-html", "The file is a page of HTML.", "output_invalid", Behaviour(file="text")),
    Fault(
        "output-video",
        "The file is a video (broken) under an image's name.",
        "output_invalid",
        Behaviour(file="video"),
    ),
    Fault("output-other-key", "The file is listed under another key (gifs).", SUCCESS, Behaviour(file="other_key")),
    Fault("output-temporary", "The only file is a temporary one, a preview.", "output_missing", Behaviour(file="temp")),
    Fault("output-two", "Two files, where one is promised.", "output_missing", Behaviour(file="two"), theirs=SUCCESS),
    Fault("output-huge", "An image of 12 MB, more than RunPod carries.", "output_too_large", Behaviour(file="huge")),
    Fault("download-reset", "The download's connection is reset, once.", SUCCESS, Behaviour(file="reset", times=1)),
    Fault("download-short", "The download ends too soon, once.", SUCCESS, Behaviour(file="short", times=1)),
    Fault("download-500", "The download answers 500, once.", SUCCESS, Behaviour(file="500", times=1)),
    Fault(
        "download-reset-always",
        "The download's connection is reset, always.",
        "comfyui_unavailable",
        Behaviour(file="reset"),
    ),
    Fault("download-slow", "The download stops for 0.8 s in the middle.", SUCCESS, Behaviour(file="slow")),
    Fault(
        "worker-disk-full",
        "The worker's own disk takes no more while it downloads.",
        "disk_full",
        Behaviour(file="large"),
        {"FAULT_FILE_SIZE": "1000000"},
        theirs=SUCCESS,
    ),
    # Inputs.
    Fault("upload-slow", "Uploading an image takes 0.8 s.", SUCCESS, Behaviour(upload="slow"), image=True),
    Fault("upload-500", "Uploading answers 500, always.", "comfyui_error", Behaviour(upload="500"), image=True),
    Fault("upload-reset", "Uploading is reset, once.", SUCCESS, Behaviour(upload="reset", times=1), image=True),
    # Cancelling, in every state.
    Fault(
        "cancel-queueing",
        "The job is cancelled while it is being queued.",
        STOPPED,
        Behaviour(prompt="slow", slow_seconds=1.7),
        act="cancel:fault: prompt",
    ),
    Fault(
        "cancel-queued",
        "The job is cancelled while it waits behind another prompt.",
        STOPPED,
        Behaviour(busy_seconds=1.5),
        act="cancel:prompt",
    ),
    Fault(
        "cancel-running", "The job is cancelled while it runs.", STOPPED, Behaviour(run="hangs"), act="cancel:running"
    ),
    Fault(
        "cancel-collecting",
        "The job is cancelled while its file is downloaded.",
        STOPPED,
        Behaviour(file="slow", slow_seconds=0.5),
        act="cancel:viewed",
    ),
    Fault(
        "cancel-stuck",
        "The job is cancelled while a node hangs that hears no interrupt; ComfyUI is the worker's own.",
        STOPPED,
        Behaviour(run="stuck"),
        act="cancel:running",
        own=True,
    ),
    # The queue's side.
    Fault(
        "sigterm",
        "SIGTERM comes while a job runs: the job is finished, then the worker ends.",
        SUCCESS,
        Behaviour(seconds=1.5),
        act="sigterm",
    ),
    Fault(
        "duplicate",
        "The same job is delivered again after its end: the same answer, run once.",
        SUCCESS,
        act="duplicate",
    ),
    Fault(
        "clock-forward",
        "The wall clock is a day ahead at every other look.",
        SUCCESS,
        settings={"FAULT_CLOCK_JUMPS": "86400"},
    ),
    Fault(
        "clock-back",
        "The wall clock is a day behind at every other look, while a node hangs.",
        "stalled",
        Behaviour(run="hangs"),
        {"FAULT_CLOCK_JUMPS": "-86400"},
    ),
    # ComfyUI's process.
    Fault("starts-slowly", "ComfyUI takes 2 s to start.", SUCCESS, Behaviour(start="slow"), own=True),
    Fault("starts-never", "ComfyUI ends at once, always.", UNFIT, Behaviour(start="exits"), own=True, act="at_start"),
    Fault("starts-deaf", "ComfyUI starts and never answers.", UNFIT, Behaviour(start="deaf"), own=True, act="at_start"),
    Fault("dies-idle", "ComfyUI is killed between two jobs.", SUCCESS, own=True, act="kill_idle"),
    Fault(
        "dies-mid-job",
        "ComfyUI dies in the middle of the job, once.",
        SUCCESS,
        Behaviour(run="dies", times=1),
        own=True,
        once=False,
    ),
    Fault(
        "dies-always",
        "ComfyUI dies in the middle of the job, each time.",
        "comfyui_unavailable",
        Behaviour(run="dies"),
        own=True,
        once=False,
    ),
    Fault(
        "freezes",
        "ComfyUI stops answering in the middle of the job, once (SIGSTOP).",
        SUCCESS,
        Behaviour(run="freezes", times=1),
        own=True,
        once=False,
    ),
    Fault(
        "stays-down",
        "ComfyUI dies between jobs and does not start again.",
        "comfyui_unavailable",
        Behaviour(start="exits"),
        own=True,
        act="kill_idle",
        leaves=True,
    ),
    Fault(
        "gone-mid-job",
        "A ComfyUI that is not ours goes away in the middle of the job.",
        "comfyui_unavailable",
        Behaviour(seconds=1.0),
        act="down",
        leaves=True,
    ),
    Fault(
        "gone-idle",
        "A ComfyUI that is not ours goes away between jobs.",
        "comfyui_unavailable",
        act="down_idle",
        leaves=True,
    ),
)
