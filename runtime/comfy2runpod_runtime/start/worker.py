"""The worker's process below process 1: models, ComfyUI and the package's handler side by side, then the SDK's loop.

    python -m comfy2runpod_runtime.start.worker --package DIR [--status FD] [OPTION OF THE RUNPOD SDK]…
    python -m comfy2runpod_runtime.start.worker --package DIR [--status FD] --once JSON|FILE [--results DIR]

ComfyUI's process is the first thing that is started, since its boot takes longest. It needs no model to boot: it is
told of folders behind a link, and the link is made when every file is whole.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shlex
import sys
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from comfy2runpod_contract.scratch import scratch_folder
from comfy2runpod_runtime.comfyui.model_loading import compiler_caches, loading_arguments
from comfy2runpod_runtime.comfyui.process import ComfyUIProcess, ProcessOptions
from comfy2runpod_runtime.errors import (
    ComfyUINotStarted,
    ComfyUIUnavailable,
    ModelUnavailable,
    PackageError,
    SettingsError,
    exit_code_of,
)
from comfy2runpod_runtime.exit_codes import ExitCode
from comfy2runpod_runtime.models.baked import baked_folder, baked_models
from comfy2runpod_runtime.models.lock import ModelLock, read_lock
from comfy2runpod_runtime.models.mounts import mount_of, read_mounts
from comfy2runpod_runtime.models.volume import models_dir, volume_of
from comfy2runpod_runtime.operations.logs import configure_logging
from comfy2runpod_runtime.operations.worker_status import WorkerStatus
from comfy2runpod_runtime.settings import Settings
from comfy2runpod_runtime.start.once import Once, UsageError, read_once, report
from comfy2runpod_runtime.start.tasks import Task, TaskGraph

if TYPE_CHECKING:
    from pydantic import BaseModel

    from comfy2runpod_runtime.endpoint import Endpoint, Startup

log = logging.getLogger(__name__)


def main() -> int:
    """Runs the worker; returns its exit code."""
    parser = argparse.ArgumentParser(prog="comfy2runpod-runtime start", allow_abbrev=False)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--status", type=int, metavar="FD")
    parser.add_argument("--once")
    parser.add_argument("--results", type=Path)
    options, for_sdk = parser.parse_known_args()
    # The SDK reads its options there.
    sys.argv[1:] = for_sdk
    if options.status is not None:
        os.set_inheritable(options.status, False)  # noqa: FBT003 - the name says it
    status = WorkerStatus(options.status)
    configure_logging("auto")
    try:
        once = None if options.once is None else read_once(options.once, options.results)
        return _start(options.package, status, once)
    except (PackageError, SettingsError, ModelUnavailable, ComfyUIUnavailable, UsageError) as error:
        log.error("the worker does not start: %s", error)  # noqa: TRY400 - the message says it
        code = exit_code_of(error)
    except Exception as error:
        log.exception("the worker does not start, because of a bug of ours")
        code = exit_code_of(error)
    status.failed(code)
    return code


def _start(package: Path, status: WorkerStatus, once: Once | None) -> int:
    settings = Settings.read()
    configure_logging(settings.log_format)
    lock = read_lock(package / "models.lock.json")
    with scratch_folder("start") as scratch:
        loaded: Future[None] = Future()
        tasks = [Task("handler", loaded.result)]
        comfyui = None
        if settings.comfyui_url is None:
            comfyui, own = _with_own_comfyui(lock, baked_folder(package), settings, scratch)
            tasks += own
        graph = TaskGraph(tasks)
        graph.start()
        try:
            endpoint, startup = _load(package, graph, comfyui, status, loaded)
            if once is not None:
                return report(endpoint.run_alone(once.job, startup), endpoint.outputs, once.results)
            endpoint.serve(startup)
        finally:
            if comfyui is not None:
                comfyui.stop()
    return ExitCode.ENDED


def _with_own_comfyui(
    lock: ModelLock, in_image: Path, settings: Settings, scratch: Path
) -> tuple[ComfyUIProcess, list[Task]]:
    """Starts ComfyUI's process; returns it, and the tasks that are left."""
    mounts = read_mounts()
    folder = models_dir(settings, mounts)
    link, model_paths = scratch / "models", scratch / "extra_model_paths.yaml"
    baked = baked_models(lock, in_image)
    # The image's own disk is read faster than a volume.
    places = (in_image, link) if baked else (link,)
    model_paths.write_text(lock.extra_model_paths(*places), encoding="utf-8")
    arguments = loading_arguments(mount_of(folder, mounts), shlex.split(settings.comfyui_args))
    environment = compiler_caches(volume_of(settings, mounts), os.environ)
    options = ProcessOptions(("--extra-model-paths-config", str(model_paths), *arguments), environment)
    comfyui = ComfyUIProcess(settings, options)
    # The task reports it.
    with suppress(ComfyUINotStarted):
        comfyui.start()
    log.info("models in %s; ComfyUI with %s", folder, " ".join([*arguments, *environment]) or "its own defaults")
    if baked:
        log.info("%d of %d models are in the image", len(baked), len(lock.models))

    def models() -> None:
        # It brings an HTTP client, and ComfyUI's start comes first.
        from comfy2runpod_runtime.models.provision import provision_worker  # noqa: PLC0415

        provision_worker(lock, folder, settings, baked)

    return comfyui, [
        Task("models", models),
        Task("link", lambda: link.symlink_to(folder), needs=("models",)),
        Task("comfyui", lambda: asyncio.run(_answers(comfyui, settings))),
    ]


async def _answers(comfyui: ComfyUIProcess, settings: Settings) -> None:
    from comfy2runpod_runtime.comfyui.client import ComfyUIClient  # noqa: PLC0415 - as above

    async with ComfyUIClient(comfyui.url, settings.request_timeout_seconds, comfyui.peer_check) as client:
        await comfyui.ensure_running(client)


def _load(
    package: Path, graph: TaskGraph, comfyui: ComfyUIProcess | None, status: WorkerStatus, loaded: Future[None]
) -> tuple[Endpoint[BaseModel], Startup]:
    try:
        # Everything else was begun: these two imports take seconds.
        from comfy2runpod_runtime.endpoint import Startup  # noqa: PLC0415
        from comfy2runpod_runtime.run_once import load_endpoint  # noqa: PLC0415

        endpoint = load_endpoint(package)
        import runpod  # noqa: F401, PLC0415
    except (PackageError, SettingsError) as error:
        loaded.set_exception(error)
        raise
    except (Exception, SystemExit) as error:
        log.exception("handler.py or the RunPod SDK cannot be imported")
        loaded.set_exception(error)
        raise PackageError(f"{package / 'handler.py'} cannot be imported: {type(error).__name__}: {error}") from error
    loaded.set_result(None)
    return endpoint, Startup(comfyui, graph.result, status)


if __name__ == "__main__":
    sys.exit(main())
