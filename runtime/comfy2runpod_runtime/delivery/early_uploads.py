"""Files that leave before their job ends: uploaded as soon as their node has saved them, and told of in its progress.

An event is a hint here too: the history decides whether what was uploaded is what the job made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.comfyui.client import History, saved_files
from comfy2runpod_runtime.comfyui.events import NodeSaved
from comfy2runpod_runtime.delivery.outgoing import Outgoing
from comfy2runpod_runtime.errors import JobError
from comfy2runpod_runtime.inputs.request_options import RequestOptions
from comfy2runpod_runtime.job.collect import Downloads, finished
from comfy2runpod_runtime.outputs.answer import Result
from comfy2runpod_runtime.outputs.base import Output


class EarlyFiles:
    """The files of one job that can leave one by one, if there is more than one output and they go by URL."""

    def __init__(
        self,
        outputs: Sequence[Output],
        wanted: RequestOptions,
        outgoing: Outgoing,
        prompt_id: str,
        downloads: Downloads,
    ) -> None:
        early = outgoing.early and len(outputs) > 1
        self._outputs = {output.node: output for output in outputs if early and output.is_file}
        self._wanted = wanted
        self._outgoing = outgoing
        self._prompt_id = prompt_id
        self._downloads = downloads
        self._leaving: dict[str, tuple[History, asyncio.Task[tuple[Result, ...]]]] = {}
        self._told: dict[str, Json] = {}

    @property
    def told(self) -> JsonObject:
        """What has left so far: for each output what the answer will say of it."""
        return {**self._told}

    def saved(self, event: NodeSaved, then: Callable[[], None]) -> None:
        """A node has saved its files: they leave beside the job; `then` is called when they have."""
        output = self._outputs.get(event.node_id)
        if output is None or output.name in self._leaving or event.output is None:
            return
        said = History(
            succeeded=True,
            interrupted=False,
            failure=None,
            files={event.node_id: saved_files(event.output)},
            texts={},
        )
        self._leaving[output.name] = (said, asyncio.create_task(self._leave(output, said, then)))

    async def take(self, output: Output, history: History) -> tuple[Result, ...] | None:
        """The files of an output that left early, measured; None if there are none or the job's are others."""
        if output.name not in self._leaving:
            return None
        said, leaving = self._leaving[output.name]
        try:
            results = await leaving
        except JobError:
            # It is tried again in the ordinary way, which says what is wrong.
            return None
        return results if said.files == {output.node: history.files.get(output.node, ())} else None

    async def __aenter__(self) -> EarlyFiles:
        """The job begins."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing leaves after the job."""
        tasks = [task for _, task in self._leaving.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _leave(self, output: Output, said: History, then: Callable[[], None]) -> tuple[Result, ...]:
        found = await self._downloads.fetch(output, said, output.name)
        results = await finished(output, found, self._wanted)
        parts = [part.fields for part in await self._outgoing.send_ahead(results, self._prompt_id)]
        self._told[output.name] = [*parts] if output.many else parts[0]
        then()
        return results
