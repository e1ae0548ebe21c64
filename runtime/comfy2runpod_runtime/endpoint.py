"""The entry point of a package's worker: it connects the RunPod SDK to the package and its ComfyUI."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from pydantic import BaseModel

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.version import CONTRACT
from comfy2runpod_runtime.comfyui.process import ComfyUIProcess
from comfy2runpod_runtime.comfyui.supervisor import ComfyUISupervisor
from comfy2runpod_runtime.errors import ComfyUINotStarted, PackageError, exit_code_of
from comfy2runpod_runtime.exit_codes import ExitCode
from comfy2runpod_runtime.job.redelivery import RawJob, RedeliveryCache
from comfy2runpod_runtime.job.runner import JobRunner
from comfy2runpod_runtime.operations.child_processes import kill_forks_with_parent
from comfy2runpod_runtime.operations.logs import configure_logging
from comfy2runpod_runtime.operations.sdk_loop import SdkLoop
from comfy2runpod_runtime.operations.worker_status import WorkerState, WorkerStatus
from comfy2runpod_runtime.outputs.base import Output
from comfy2runpod_runtime.package import Package, Patch, Request
from comfy2runpod_runtime.prompt import PromptTemplate
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger("comfy2runpod")


@dataclass(frozen=True, slots=True)
class Startup:
    """What was begun before the package was imported.

    Attributes:
        comfyui: the worker's own ComfyUI, which may still be starting; None with COMFYUI_URL.
        wait: waits until the worker may take jobs; raises ModelUnavailable or ComfyUIUnavailable if it never can.
        status: tells process 1 what the worker does.
    """

    comfyui: ComfyUIProcess | None
    wait: Callable[[], None]
    status: WorkerStatus


class Endpoint(Generic[Request]):
    """The worker of one package.

    Args:
        package: the package's folder.
        contract: the contract version that the package was generated for.
        request: its model of a job's input.
        answer: its model of an answer.
        patch: writes a request into a prompt.
        seeds: the fields that are seeds.
        outputs: its outputs, in order.

    Raises:
        PackageError: the contract version differs, or workflow_api.json cannot be read.
        SettingsError: environment variables are invalid.
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
        template = PromptTemplate.read(package / "workflow_api.json")
        self._package = Package(package, template, request, answer, patch, seeds, outputs)
        self._settings = Settings.read()
        self._comfyui = ComfyUISupervisor(self._settings, patient=_under_runpod_queue())
        self._runner = JobRunner(self._package, self._settings, self._comfyui)
        self._redelivery = RedeliveryCache()
        self._startup: Startup | None = None
        self._status = WorkerStatus()
        self._sdk_loop = SdkLoop(
            self.active_jobs,
            on_idle=lambda: self._status.change(WorkerState.IDLE),
            on_arriving=lambda: self._status.change(WorkerState.BUSY),
        )

    async def handle(self, job: RawJob) -> JsonObject:
        """Runs one job. It is idempotent under RunPod's queue: a job that is delivered twice runs once.

        Args:
            job: the job as RunPod delivers it.

        Returns:
            The answer. A failed job has `error`; with `refresh_worker`, RunPod replaces the worker.

        Raises:
            asyncio.CancelledError: the job was cancelled. No other exception is raised.
        """
        if not _under_runpod_queue():
            return await self._runner.run(job)
        self._status.change(WorkerState.BUSY)
        try:
            answer = await self._redelivery.run_once(job, self._runner.run)
        finally:
            # Also after a cancelled job, which has no answer.
            if self._comfyui.fatal_error is not None:
                self._shut_down(self._comfyui.fatal_error)
        if self._comfyui.fatal_error is not None:
            answer["refresh_worker"] = True
        elif (reason := await self._runner.check_memory()) is not None:
            log.warning("this worker is to be replaced: %s", reason)
            answer["refresh_worker"] = True
            # As above: the SDK takes no job while this one is not answered.
            os.kill(os.getpid(), signal.SIGTERM)
        return answer

    def _shut_down(self, reason: str) -> None:
        """Ends the SDK's loop, so that the worker takes no further job.

        No job is lost: the SDK takes none while one is running.
        """
        log.error("this worker can run no further job and shuts down: %s", reason)
        self._status.failed(ExitCode.COMFYUI_LOST)
        os.kill(os.getpid(), signal.SIGTERM)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The package's outputs, in order."""
        return self._package.outputs

    def active_jobs(self) -> list[JsonObject]:
        """Returns the running jobs, each with its state and how long it has been in it."""
        return self._runner.active_jobs()

    def on_progress(self, callback: Callable[[JsonObject], None]) -> None:
        """Sets a callback for `{"state": …}` at each state that a job reaches, and for each progress update."""
        self._runner.on_progress = callback

    def serve(self, startup: Startup | None = None) -> None:
        """Starts the RunPod SDK, which decides by its command line arguments how to run the handler.

        Args:
            startup: what `comfy2runpod-runtime start` has begun; None if the package's handler.py was run by itself.

        Raises:
            ModelUnavailable, ComfyUIUnavailable: without RunPod's queue, what was begun has failed. Under the queue,
                RunPod is told so, and the SDK ends the process.
        """
        self.configure_logging()
        self._take_over(startup)
        import runpod  # noqa: PLC0415 - a heavy import, and only a worker needs it
        from runpod.serverless.modules.rp_logger import RunPodLogger  # noqa: PLC0415

        if not {"RUNPOD_LOG_LEVEL", "RUNPOD_DEBUG_LEVEL"} & os.environ.keys():
            # At its default level, the SDK logs the beginning of every answer, twice.
            RunPodLogger().level = "INFO"
        kill_forks_with_parent()
        runpod.serverless.register_fitness_check(self.check_fitness)
        self._sdk_loop.install()
        try:
            if startup is not None and not _under_runpod_queue():
                startup.wait()
            runpod.serverless.start(
                {
                    "handler": self.handle,
                    "return_aggregate_stream": False,
                    "concurrency_modifier": self._sdk_loop.before_poll,
                }
            )
        except asyncio.CancelledError:
            if not self._sdk_loop.cut_off:
                raise
        finally:
            self.close()

    def run_alone(self, job: RawJob, startup: Startup) -> JsonObject:
        """Runs one job without the RunPod SDK, as soon as what was begun is done.

        Args:
            job: as RunPod would deliver it.
            startup: what `comfy2runpod-runtime start` has begun.

        Returns:
            The answer. A failed job has `error`.

        Raises:
            ModelUnavailable, ComfyUIUnavailable: what was begun has failed.
        """
        self.configure_logging()
        self._take_over(startup)
        try:
            startup.wait()
            return asyncio.run(self._runner.run(job))
        finally:
            self.close()

    def _take_over(self, startup: Startup | None) -> None:
        """Has ComfyUI start before the SDK is imported, which takes seconds."""
        if startup is not None:
            self._startup, self._status = startup, startup.status
            if startup.comfyui is not None:
                self._comfyui.take_over(startup.comfyui)
        if self._comfyui.process is not None:
            self._comfyui.process.on_give_up = self._give_up
            # Who waits for it reports it.
            with suppress(ComfyUINotStarted):
                self._comfyui.process.start()

    def _give_up(self, reason: str) -> None:
        self._comfyui.fatal_error = reason
        self._shut_down(reason)

    def configure_logging(self, *, brief: bool = False) -> None:
        """Sends the process's log to standard error, in the format of LOG_FORMAT.

        Args:
            brief: logs only what the answer does not contain, for a caller that gets the answer.
        """
        configure_logging(self._settings.log_format, brief=brief)

    async def check_fitness(self) -> None:
        """Checks that the models are there and ComfyUI answers, and runs the warm-up job, before the first job.

        Raises:
            ModelUnavailable: not all model files are there; the SDK then tells RunPod, and ends the worker.
            ComfyUIUnavailable: ComfyUI does not answer; the same.
        """
        try:
            if self._startup is not None:
                await asyncio.to_thread(self._startup.wait)
            await self._comfyui.connect()
            await self._comfyui.wait_until_ready(self._settings.comfyui_start_timeout_seconds)
        except Exception as error:
            # The SDK ends the process, with an exit code of its own.
            self._status.failed(exit_code_of(error))
            raise
        if self._settings.warmup != "off":
            await self._warm_up()

    async def _warm_up(self) -> None:
        """Runs a job so that its models are loaded. Failures are only logged."""
        job = self._package.warm_up_job(self._settings.warmup)
        if job is None:
            return
        await self._runner.run(job, internal=True)
        # If ComfyUI is really unusable, the first job fails and reports it to its caller.
        self._comfyui.fatal_error = None

    def close(self) -> None:
        """Ends the worker's own ComfyUI and the decoder process."""
        self._runner.close()
        if self._comfyui.process is not None:
            self._comfyui.process.stop()


def _under_runpod_queue() -> bool:
    """Whether jobs come from RunPod's queue: only there are job ids unique, and only there is a worker replaced."""
    return "RUNPOD_WEBHOOK_GET_JOB" in os.environ
