"""Runs validated prompts one at a time, as ComfyUI does: the same events in the same order, the same history."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.node_class import NodeClass
from comfy2runpod.ir.prompt import Prompt, PromptNode, as_link, prompt_to_json
from comfy2runpod.server_check import converted
from comfy2runpod.shapes.evaluate import EvaluatedValue, Inputs, evaluate
from comfy2runpod.shapes.rules import rule_of
from comfy2runpod.shapes.trace import in_order
from comfy2runpod.shapes.values import Clip, Constant, Images, NodeError, Sigmas, Value
from comfy2runpod.simulator.input_files import InputFiles, reads_kind
from comfy2runpod.simulator.media import Notes, fingerprint, preview
from comfy2runpod.simulator.saving import saved, saved_kind
from comfy2runpod_contract.json_types import Json, JsonObject

Send: TypeAlias = Callable[[str, JsonObject, str | None], None]
# The prompt's id, the node's id, the image, and the client's id.
SendPreview: TypeAlias = Callable[[str, str, bytes, str | None], None]


@dataclass(frozen=True, slots=True)
class Submission:
    """A queued prompt; `previews`: whether it asks for them."""

    number: int
    prompt_id: str
    prompt: Prompt
    outputs: tuple[str, ...]
    client_id: str | None
    previews: bool = False


@dataclass(frozen=True, slots=True)
class UnknownSize:
    """A node whose file has a size that stands for one which the simulator does not know, and why it does not."""

    node_id: str
    class_type: str
    why: str


@dataclass(slots=True)
class Engine:
    """The queue, what runs, and the history.

    Args:
        catalog: the classes.
        folder: where media are saved.
        inputs: the files that were uploaded.
        send: hands an event to a client (None: to all).
        send_preview: hands a client a preview of a node, of a prompt that asks for previews.
        seconds_per_step: how long a sampling step takes; 0 for tests and benchmarks.
        metadata: whether files tell the prompt, as those of a ComfyUI without --disable-metadata do.
    """

    catalog: Catalog
    folder: Path
    inputs: InputFiles
    send: Send
    send_preview: SendPreview
    seconds_per_step: float = 0.0
    metadata: bool = False
    pending: deque[Submission] = field(default_factory=deque)
    running: Submission | None = None
    history: dict[str, JsonObject] = field(default_factory=dict)
    unknown: dict[str, UnknownSize] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    _last: tuple[bytes, dict[str, JsonObject]] | None = None

    def submit(self, submission: Submission) -> None:
        """Queues a prompt."""
        self.pending.append(submission)
        self._wake.set()
        self._status()

    def remaining(self) -> int:
        """Returns how many prompts are queued or running."""
        return len(self.pending) + (self.running is not None)

    def delete(self, prompt_id: str) -> None:
        """Removes a pending prompt from the queue."""
        kept = [submission for submission in self.pending if submission.prompt_id != prompt_id]
        self.pending.clear()
        self.pending.extend(kept)
        self._status()

    def interrupt(self, prompt_id: str | None) -> None:
        """Interrupts the running prompt, if it is the given one (None: any)."""
        if self.running is not None and prompt_id in (None, self.running.prompt_id):
            self._interrupted.set()

    async def run(self) -> None:
        """Runs queued prompts until it is cancelled."""
        while True:
            while not self.pending:
                self._wake.clear()
                await self._wake.wait()
            self.running = self.pending.popleft()
            self._interrupted.clear()
            await self._execute(self.running)
            done, self.running = self.running, None
            self.send("executing", {"node": None, "prompt_id": done.prompt_id}, done.client_id)
            self._status()

    async def _execute(self, work: Submission) -> None:
        messages: list[Json] = []

        def tell(kind: str, data: JsonObject) -> None:
            data = {**data, "prompt_id": work.prompt_id, "timestamp": int(time.time() * 1000)}
            messages.append([kind, data])
            self.send(kind, data, work.client_id)

        tell("execution_start", {})
        content = self.inputs.by_content(work.prompt, self.catalog)
        outputs: dict[str, JsonObject] = {}
        succeeded = False
        order = list(in_order(work.prompt, work.outputs))
        whole = fingerprint(content) + repr([self._prefix(work.prompt[output]) for output in work.outputs]).encode()
        if self._last is None or self._last[0] != whole:
            self.unknown.clear()
        if self._last is not None and self._last[0] == whole:
            tell("execution_cached", {"nodes": list(order)})
            outputs = self._last[1] if work.client_id is not None else {}
            for node_id, output in outputs.items():
                self._send_node("executed", work, node_id, {"output": output})
            succeeded = True
        else:
            tell("execution_cached", {"nodes": []})
            values: dict[str, tuple[EvaluatedValue, ...]] = {}
            try:
                for node_id in order:
                    await self._node(work, node_id, values, content, outputs)
                succeeded = True
            except _Failed as failed:
                tell(failed.kind, failed.data)
        if succeeded:
            self._last = (whole, outputs)
            tell("execution_success", {})
        self.history[work.prompt_id] = {
            "prompt": [work.number, work.prompt_id, prompt_to_json(work.prompt), {}, list(work.outputs)],
            "outputs": dict(outputs),
            "status": {
                "status_str": "success" if succeeded else "error",
                "completed": succeeded,
                "messages": messages,
            },
            "meta": {node_id: {"node_id": node_id, "display_node": node_id} for node_id in outputs},
        }

    async def _node(
        self,
        work: Submission,
        node_id: str,
        values: dict[str, tuple[EvaluatedValue, ...]],
        content: Prompt,
        outputs: dict[str, JsonObject],
    ) -> None:
        node = work.prompt[node_id]
        # Yields to other tasks, such as an interrupt or a request for the queue.
        await asyncio.sleep(0)
        if self._interrupted.is_set():
            raise _Failed("execution_interrupted", {"node_id": node_id, "node_type": node.class_type, "executed": []})
        self._send_node("executing", work, node_id, {})
        node_class = self.catalog.get(node.class_type)
        if node_class is None:
            raise KeyError(node.class_type)
        told: dict[str, EvaluatedValue] = {}
        for name, value in node.inputs.items():
            link = as_link(value)
            spec = node_class.by_name.get(name)
            if link is not None:
                told[name] = values[link.node_id][link.slot]
            else:
                told[name] = EvaluatedValue(Constant(converted(spec.type, value) if spec is not None else value))
        try:
            for name, value in node.inputs.items():
                kind = reads_kind(node.class_type, name, self.catalog)
                if isinstance(value, str) and kind is not None:
                    read = await asyncio.to_thread(self.inputs.read, kind, value)
                    told[name] = told[name] if read is None else EvaluatedValue(read)
            values[node_id] = evaluate(node_class, told, rule_of(node_class))
            given, doubt = _settled(node_class, told, values[node_id])
            await self._steps(work, node_id, given)
            saved = None
            if node_class.output_node:
                # What a node saves depends only on the nodes that it depends on, not on other outputs.
                mark = fingerprint({needed: content[needed] for needed in in_order(work.prompt, (node_id,))})
                saved = await asyncio.to_thread(self._save, node_class, given, mark, self._notes(work))
                if saved is not None and doubt is not None:
                    self.unknown[node_id] = UnknownSize(node_id, node.class_type, doubt)
        except Exception as error:
            # As in ComfyUI: whatever a node raises is the failure of its prompt, and the queue goes on.
            failure = error if isinstance(error, NodeError) else NodeError(type(error).__name__, str(error))
            detail: JsonObject = {
                "node_id": node_id,
                "node_type": node.class_type,
                "executed": list(values),
                "exception_message": failure.message,
                "exception_type": failure.exception_type,
                "traceback": [],
                "current_inputs": {},
                "current_outputs": [],
            }
            raise _Failed("execution_error", detail) from error
        if saved is not None:
            outputs[node_id] = saved
            self._send_node("executed", work, node_id, {"output": saved})

    async def _steps(self, work: Submission, node_id: str, given: Mapping[str, Value]) -> None:
        """Runs the sampling steps, each with an event and a delay."""
        sigmas, steps = given.get("sigmas"), given.get("steps")
        if isinstance(sigmas, Sigmas) and "latent_image" in given:
            count = sigmas.steps
        elif isinstance(steps, Constant) and isinstance(steps.value, int) and "latent_image" in given:
            count = steps.value
        else:
            return
        for step in range(1, count + 1):
            if self.seconds_per_step:
                await asyncio.sleep(self.seconds_per_step)
            if self._interrupted.is_set():
                class_type = work.prompt[node_id].class_type
                raise _Failed("execution_interrupted", {"node_id": node_id, "node_type": class_type, "executed": []})
            data: JsonObject = {"value": step, "max": count, "prompt_id": work.prompt_id, "node": node_id}
            self.send("progress", data, work.client_id)
            if work.previews:
                image = preview(fingerprint(work.prompt), step, count)
                self.send_preview(work.prompt_id, node_id, image, work.client_id)

    def _notes(self, work: Submission) -> Notes:
        return {"prompt": json.dumps(prompt_to_json(work.prompt))} if self.metadata else {}

    def _save(self, node_class: NodeClass, given: Mapping[str, Value], mark: bytes, notes: Notes) -> JsonObject | None:
        prefix = given.get(_prefix_input(node_class))
        name = str(prefix.value) if isinstance(prefix, Constant) else "ComfyUI"

        def place(suffix: str) -> tuple[Path, JsonObject]:
            return self._place(name, suffix)

        return saved(node_class, given, mark, place, notes)

    def _prefix(self, node: PromptNode) -> Json:
        """Returns the file name prefix of an output."""
        return node.inputs.get(_prefix_input(self.catalog.get(node.class_type)))

    def _place(self, prefix: str, suffix: str) -> tuple[Path, JsonObject]:
        """Returns the next free name in ComfyUI's form: `prefix_00001_.png`."""
        subfolder, _, stem = prefix.rpartition("/")
        folder = (self.folder / subfolder).resolve()
        if not folder.is_relative_to(self.folder.resolve()):
            raise NodeError("Exception", "Saving image outside the output folder is not allowed.")
        folder.mkdir(parents=True, exist_ok=True)
        index = 1
        while (path := folder / f"{stem}_{index:05}_.{suffix}").exists():
            index += 1
        path.touch()
        return path, {"filename": path.name, "subfolder": subfolder, "type": "output"}

    def _send_node(self, kind: str, work: Submission, node_id: str, more: JsonObject) -> None:
        data = {"node": node_id, "display_node": node_id, **more, "prompt_id": work.prompt_id}
        self.send(kind, data, work.client_id)

    def _status(self) -> None:
        self.send("status", {"status": {"exec_info": {"queue_remaining": self.remaining()}}}, None)


class _Failed(Exception):
    """Ends a prompt early; contains the event with the reason."""

    def __init__(self, kind: str, data: JsonObject) -> None:
        super().__init__(kind)
        self.kind = kind
        self.data = data


def _prefix_input(node_class: NodeClass | None) -> str:
    return (None if node_class is None else node_class.prefix_input) or ""


def _drawable(value: Value) -> Value:
    """A size that stands for one which is not known, with something to draw."""
    match value:
        case Images(width, height, frames):
            return Images(max(width, 1), max(height, 1), max(frames, 1))
        case Clip(images, fps, sound):
            return Clip(Images(max(images.width, 1), max(images.height, 1), max(images.frames, 1)), fps or 24, sound)
        case _:
            return value


def _settled(
    node_class: NodeClass, told: Mapping[str, EvaluatedValue], made: tuple[EvaluatedValue, ...]
) -> tuple[dict[str, Value], str | None]:
    """What a node is given, what it saves being of its kind; and why the size of that is not known, if it is not."""
    given = {name: value.value for name, value in told.items()}
    reader = Inputs(node_class.name, told)
    drawn = saved_kind(node_class)
    if drawn is not None:
        name, kind = drawn
        given[name] = _drawable(reader.get(name, kind)) if reader.doubt else reader.get(name, kind)
    return given, reader.doubt or next((value.doubt for value in made if value.doubt is not None), None)
