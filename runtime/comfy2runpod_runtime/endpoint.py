"""A package's worker: from RunPod's job to its answer, under the SDK in all its modes."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.version import CONTRACT
from comfy2runpod_runtime.comfyui.client import ComfyUIClient
from comfy2runpod_runtime.comfyui.failures import disk_full
from comfy2runpod_runtime.comfyui.keeper import Keeper
from comfy2runpod_runtime.delivery.outgoing import Deliveries, Outgoing
from comfy2runpod_runtime.errors import ComfyUIBusy, InternalError, InvalidInput, JobCancelled, JobError, PackageError
from comfy2runpod_runtime.inputs.decoder_pool import DecodeLimits, DecoderPool
from comfy2runpod_runtime.inputs.fetch import FetchPolicy
from comfy2runpod_runtime.inputs.media_inputs import MediaInputLimits, load_images
from comfy2runpod_runtime.inputs.request_options import ImageOptions, RequestOptions, resolve_options
from comfy2runpod_runtime.inputs.seeds import random_seed
from comfy2runpod_runtime.inputs.validate import validate_request
from comfy2runpod_runtime.job.job import Job
from comfy2runpod_runtime.job.job_states import Life, State
from comfy2runpod_runtime.job.progress import ProgressUpdates
from comfy2runpod_runtime.job.prompt import Prompt, PromptTemplate, Run
from comfy2runpod_runtime.job.redelivery import Delivered
from comfy2runpod_runtime.job.retries import run_attempts
from comfy2runpod_runtime.operations.child_processes import end_forks_with_us
from comfy2runpod_runtime.operations.failure_reports import Evidence, Reports
from comfy2runpod_runtime.operations.logs import about, fields, set_up
from comfy2runpod_runtime.operations.stop_notice import StopNotice
from comfy2runpod_runtime.outputs.base import Output
from comfy2runpod_runtime.settings import Settings

_OURS = "The worker failed for a reason of its own; its log says more."
# How long removing a job's input files may hold up the next job.
_EMPTY_SECONDS = 5

log = logging.getLogger("comfy2runpod")

Request = TypeVar("Request", bound=BaseModel)
Patch: TypeAlias = Callable[[Prompt, Request, Run], None]
RawJob: TypeAlias = Mapping[str, object]


class Endpoint(Generic[Request]):
    """One package, ready to take jobs.

    Args:
        package: the package's folder.
        contract: the contract that the package was generated for.
        request: its model of a job's input.
        answer: its model of an answer.
        patch: writes a request into a prompt.
        seeds: the fields that are seeds.
        outputs: what it gives back.

    Raises:
        PackageError: another contract, or a workflow_api.json that cannot be read.
    """

    def __init__(
        self,
        *,
        package: Path,
        contract: int,
        request: type[Request],
        answer: type[BaseModel],
        patch: Patch[Request],
        seeds: tuple[str, ...],
        outputs: tuple[Output, ...],
    ) -> None:
        if contract != CONTRACT:
            raise PackageError(
                f"The package was generated for contract {contract}, this runtime has {CONTRACT}: "
                "compile the graph again with the same version of comfy2runpod."
            )
        self._package = package
        self._template = PromptTemplate.read(package / "workflow_api.json")
        self._request = request
        self._answer = answer
        self._patch = patch
        self._seeds = seeds
        self._outputs = outputs
        self._settings = Settings.read()
        self._keeper = Keeper(self._settings, waits=_from_queue())
        self._process = self._keeper.process
        self._delivered = Delivered()
        self._deliveries = Deliveries(self._settings)
        # Where ComfyUI reads input files, if this worker can reach it but by HTTP.
        self._inputs = self._process.inputs if self._process is not None else self._settings.comfyui_input_dir
        self._input_limits = MediaInputLimits(
            self._settings.max_input_bytes,
            FetchPolicy(
                self._settings.fetch_timeout_seconds,
                self._settings.fetch_allow_http,
                self._settings.fetch_allow_private_addresses,
            ),
        )
        settings = self._settings
        self._decoders = DecoderPool(
            DecodeLimits(settings.decode_cpu_seconds, settings.decode_timeout_seconds, settings.decode_memory_bytes)
        )
        self._reports = (
            None
            if settings.report_dir is None
            else Reports(settings.report_dir, settings.report_files, settings.report_bytes)
        )
        self._lives: list[Life] = []
        # Told how far each job is: `{"state"}` when it has reached one, and what RunPod would be told of its progress.
        self.watch: Callable[[JsonObject], None] | None = None
        self._stops = StopNotice(self.doing)
        # ComfyUI runs one prompt at a time on the GPU.
        self._one_at_a_time = asyncio.Lock()

    async def handle(self, job: RawJob) -> JsonObject:
        """Runs one job; a failure is an answer with `error`, never an exception.

        From RunPod's queue, a job that is delivered again while it runs or after its success gets the first's answer.
        """
        if not _from_queue():
            return await self._handle(job)
        self._stops.listen()
        try:
            answer = await self._delivered.once(job, self._handle)
        finally:
            # Also after a cancelled job, whose answer nobody gets.
            if self._keeper.unfit is not None:
                self._leave(self._keeper.unfit)
        if self._keeper.unfit is not None:
            answer["refresh_worker"] = True
        return answer

    def _leave(self, reason: str) -> None:
        """Takes no further job: RunPod replaces the worker when it gets the answer, and the SDK's loop ends after it.

        While a job is in work the SDK asks for no other, so none is lost.
        """
        log.error("This worker can serve no further job and leaves: %s", reason)
        os.kill(os.getpid(), signal.SIGTERM)

    async def _handle(self, job: RawJob, *, unseen: bool = False) -> JsonObject:
        """`unseen`: nobody waits for its progress or its files."""
        life = Life(str(job.get("id", "")), str(uuid.uuid4()))
        folder = _folder(life.prompt_id)
        if (watch := self.watch) is not None:
            life.watch = lambda state: watch({"state": state.value})
        with about(life):
            self._lives.append(life)
            try:
                answer = await self._run(job, life, unseen=unseen)
                _ended(life, State.DELIVERED, "done")
            except JobError as error:
                return await self._failed(life, error)
            except OSError as error:
                log.exception("the job cannot go on")
                return await self._failed(life, disk_full(error) or _internal(error))
            except asyncio.CancelledError:
                _ended(life, State.CANCELLED, "cancelled")
                raise
            except Exception as error:
                # A bug must not reach the caller as a traceback, which the SDK would post: it tells paths.
                log.exception("internal error")
                return await self._failed(life, _internal(error))
            finally:
                self._clean(folder)
                self._lives.remove(life)
            return answer

    async def _failed(self, life: Life, error: JobError) -> JsonObject:
        _ended(life, State.CANCELLED if isinstance(error, JobCancelled) else State.FAILED, error.code, error.message)
        if self._reports is not None and not isinstance(error, InvalidInput | JobCancelled):
            stats, lines = self._keeper.stats, self._process.last_lines if self._process is not None else ()
            evidence = Evidence(life.prompt, None if stats is None else stats.comfyui_version, lines)
            await self._reports.write(life, error, evidence)
        return error.to_answer()

    async def _run(self, job: RawJob, life: Life, *, unseen: bool) -> JsonObject:
        deadline = asyncio.get_running_loop().time() + self._settings.job_timeout_seconds
        request = validate_request(self._request, job.get("input"))
        fallback = ImageOptions(format=self._settings.output_format, quality=self._settings.output_quality)
        wanted = resolve_options(request, [output.name for output in self._outputs], fallback)
        async with life.until(deadline, self._settings.job_timeout_seconds):
            leaving = await self._deliveries.of(job, "inline" if unseen else wanted.delivery)
        async with leaving as outgoing:
            life.reach(State.VALIDATED)
            progress = ProgressUpdates(job, muted=unseen, watch=self.watch)
            return await self._made(request, wanted, outgoing, progress, life, deadline)

    async def _made(
        self,
        request: Request,
        wanted: RequestOptions,
        outgoing: Outgoing,
        progress: ProgressUpdates,
        life: Life,
        deadline: float,
    ) -> JsonObject:
        limit = self._settings.job_timeout_seconds
        async with life.until(deadline, limit):
            images = await load_images(request, self._input_limits, self._decoders)
        life.reach(State.FETCHED)
        folder = _folder(life.prompt_id)
        files = {name: f"{name}.png" for name in images}
        run = Run(life.prompt_id, self._drawn(request), {name: f"{folder}/{file}" for name, file in files.items()})
        prompt = self._template.copy()
        self._patch(prompt, request, run)
        life.prompt = prompt
        try:
            async with self._turn(life, deadline) as client:

                async def upload() -> None:
                    for name, image in images.items():
                        await client.upload(image, folder, files[name])

                try:
                    work = Job(prompt, run, self._outputs, wanted, outgoing)
                    work, media = await run_attempts(
                        work, client, self._keeper, self._settings, progress.send, life, deadline, upload
                    )
                finally:
                    if self._inputs is None:
                        await _emptied(client, folder, files.values())
        except JobError:
            await progress.drain()
            raise
        await progress.drain()
        timings: JsonObject = {"timings": {**life.timings}} if wanted.timings else {}
        return self._checked({**media, **run.seeds, "prompt_id": work.run.prompt_id, **timings})

    @asynccontextmanager
    async def _turn(self, life: Life, deadline: float) -> AsyncIterator[ComfyUIClient]:
        """The job's turn on the GPU, and a ComfyUI that is ready for it."""
        if self._settings.concurrent_jobs == "refuse" and self._one_at_a_time.locked():
            raise ComfyUIBusy("Another job has this worker's GPU; send the job again later.")
        async with life.until(deadline, self._settings.job_timeout_seconds):
            await self._one_at_a_time.acquire()
        try:
            self._keeper.life = life
            async with life.until(deadline, self._settings.job_timeout_seconds):
                client = await self._keeper.client()
                life.simulated = await self._keeper.ready(client)
            life.reach(State.READY)
            yield client
        finally:
            self._keeper.life = None
            self._one_at_a_time.release()

    def doing(self) -> list[JsonObject]:
        """The jobs in work: each with its state and since when."""
        return [life.to_json() for life in self._lives]

    def serve(self) -> None:
        """Hands the endpoint to the RunPod SDK, which decides by its arguments how to run it."""
        self.log()
        import runpod  # noqa: PLC0415 - a heavy import, and only a worker needs it
        from runpod.serverless.modules.rp_logger import RunPodLogger  # noqa: PLC0415

        if not {"RUNPOD_LOG_LEVEL", "RUNPOD_DEBUG_LEVEL"} & os.environ.keys():
            # Unless it is told another, the SDK prints the beginning of every answer, twice.
            RunPodLogger().level = "INFO"
        end_forks_with_us()
        runpod.serverless.register_fitness_check(self.check_fitness)
        try:
            runpod.serverless.start({"handler": self.handle, "return_aggregate_stream": False})
        finally:
            self.close()

    def log(self, *, brief: bool = False) -> None:
        """Sends this process's log to standard error, as LOG_FORMAT says.

        `brief`: for whoever gets the answer itself, only what it does not say.
        """
        set_up(self._settings.log_format, brief=brief)

    async def check_fitness(self) -> None:
        """Proves that ComfyUI answers, before the worker takes its first job.

        Raises:
            ComfyUIUnavailable: it does not; the SDK then ends the worker.
        """
        client = await self._keeper.client()
        await self._keeper.ready(client, self._settings.comfyui_start_timeout_seconds)
        if self._settings.warmup != "off":
            await self._warm_up()

    async def _warm_up(self) -> None:
        """Runs a job whose answer nobody gets: what it loads stays loaded. Whatever becomes of it is only logged."""
        setting = self._settings.warmup
        path = self._package / "test_input.json" if setting == "on" else Path(setting)
        try:
            sample = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            log.warning("no warm-up: %s cannot be read (%s)", path.name, type(error).__name__)
            return
        asked = sample.get("input", sample) if isinstance(sample, dict) else sample
        await self._handle({"id": "warm-up", "input": asked}, unseen=True)
        # The first job finds out for itself, and its caller is told.
        self._keeper.unfit = None

    def close(self) -> None:
        """Ends the worker's own ComfyUI, and the decoder that waits for an image."""
        self._decoders.close()
        if self._process is not None:
            self._process.stop()

    def _drawn(self, request: Request) -> dict[str, int]:
        """The seeds of a run: those given, and random ones for those omitted. 0 is a seed like any other."""
        given = {name: getattr(request, name) for name in self._seeds}
        return {name: random_seed(self._request, name) if value is None else value for name, value in given.items()}

    def _checked(self, answer: JsonObject) -> JsonObject:
        try:
            self._answer.model_validate(answer)
        except ValidationError as error:
            places = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False))
            raise PackageError(f"the answer does not fit the package's Output: {places}") from None
        return answer

    def _clean(self, folder: str) -> None:
        roots = [self._inputs, self._process.outputs if self._process is not None else None]
        for root in roots:
            if root is not None:
                shutil.rmtree(root / folder, ignore_errors=True)


def _from_queue() -> bool:
    """Whether jobs come from RunPod's queue: only there do ids mean anything, and only there is a worker replaced."""
    return "RUNPOD_WEBHOOK_GET_JOB" in os.environ


def _folder(prompt_id: str) -> str:
    """The folder of a job's own, below ComfyUI's input and output folders: the caller has no say in any name."""
    return f"comfy2runpod/{prompt_id}"


async def _emptied(client: ComfyUIClient, folder: str, names: Iterable[str]) -> None:
    """Takes the images out of a ComfyUI that is reached by HTTP alone: it overwrites files, but removes none."""

    async def empty() -> None:
        with suppress(JobError, TimeoutError):
            async with asyncio.timeout(_EMPTY_SECONDS):
                for name in names:
                    await client.upload(b"", folder, name)

    # Also when the job is cancelled: what a caller sent is not left behind.
    await asyncio.shield(empty())


def _ended(life: Life, state: State, result: str, message: str | None = None) -> None:
    """Notes a job's end, in one line of the log that has where its time went."""
    before = life.state
    life.reach(state)
    text = f"{result} in {life.seconds:.3f} s"
    if state is not State.DELIVERED:
        text += f", {before}" + (f": {message}" if message is not None else "")
    level = logging.INFO if state is State.DELIVERED else logging.WARNING
    log.log(level, "%s", text, extra=fields(result=result, **life.summary()))


def _internal(error: Exception) -> InternalError:
    found = InternalError(_OURS)
    found.__cause__ = error
    return found
