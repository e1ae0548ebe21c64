"""batch: many calls through an endpoint's queue, each sent once."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import click

from comfy2runpod.batch.kinds import kinds
from comfy2runpod.cli.batch_text import Shown, counts, ended, summary
from comfy2runpod.cli.exits import REFUSED
from comfy2runpod.cli.process import INTERRUPTED
from comfy2runpod.cli.progress import progress
from comfy2runpod.cli.say import say
from comfy2runpod.cli.terminal import terminal

if TYPE_CHECKING:
    from comfy2runpod.batch.batch import Batch, Settings

_KEY = "RUNPOD_API_KEY"
# Python's own.
_OFTEN = (700, 10, 10)


@click.command("batch")
@click.argument("endpoint")
@click.argument("inputs", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False),
    help="The folder for the journal and, for each input, a folder <id>/ with its media and response.json.",
)  # fmt: skip
@click.option(
    "--in-flight", type=click.IntRange(1, 1000), default=32, show_default=True,
    help="How many jobs wait or run at once. More than the endpoint's workers, so that none is idle.",
)  # fmt: skip
@click.option("--retry-failed", is_flag=True, help="Send inputs again if their job failed in an earlier call.")
@click.option(
    "--resend-uncertain", is_flag=True,
    help="Send inputs again if it is not known whether an earlier call queued them. They may run twice.",
)  # fmt: skip
def batch_command(
    endpoint: str, inputs: Path, output: Path, in_flight: int, *, retry_failed: bool, resend_uncertain: bool
) -> None:
    """Send every line of INPUTS to ENDPOINT's queue, once, and save the results.

    \b
    export RUNPOD_API_KEY=…
    comfy2runpod batch ENDPOINT_ID inputs.jsonl -o results
    comfy2runpod batch http://127.0.0.1:8000/v2/t2v_ltx2 inputs.jsonl -o results

    ENDPOINT is an endpoint's id at RunPod, or the address of one elsewhere, such as `serve` prints; its API key is read
    from RUNPOD_API_KEY. A line of INPUTS is an input, or {"id": "...", "input": {...}}.

    Whatever ends it, the same command goes on where it stopped, and repeats nothing. Exit codes: 0 all are done, 1 some
    failed or are uncertain, 3 it had to stop, 130 Ctrl-C.
    """
    from comfy2runpod.batch.batch import Settings  # noqa: PLC0415 - httpx, which no other command waits for

    settings = Settings(in_flight=in_flight, retry_failed=retry_failed, resend_uncertain=resend_uncertain)
    _run(_address(endpoint), _api_key(), inputs, output, settings)


COMMANDS = (batch_command,)


def _run(address: str, api_key: str, path: Path, folder: Path, settings: Settings) -> None:
    from comfy2runpod.batch.batch import Batch, summarize  # noqa: PLC0415 - as above
    from comfy2runpod.batch.caller import Caller  # noqa: PLC0415 - as above
    from comfy2runpod.batch.inputs import Inputs  # noqa: PLC0415 - as above
    from comfy2runpod.batch.journal import Journal  # noqa: PLC0415 - as above

    async def call(inputs: Inputs) -> int:
        async with Caller(address, api_key, settings.options) as caller:
            output = terminal()
            before = summarize(journal.records.values(), len(checked.ids))
            if before.unsent < before.total:
                output.say(f"Going on: {counts(before)}.")
            with progress(output, "Batch", before.total, "inputs", done=ended(before)) as steps:
                shown = Shown(output, steps)
                batch = Batch(inputs, checked, journal, caller, settings, shown.show)
                interrupted = _watch_signals(batch)
                drawing = asyncio.create_task(shown.draw(batch))
                try:
                    await batch.run()
                finally:
                    drawing.cancel()
                    await asyncio.gather(drawing, return_exceptions=True)
                    say(summary(batch.summary(), kinds(journal.records.items()), folder))
        if interrupted.is_set():
            return INTERRUPTED
        return 0 if batch.summary().complete else REFUSED

    with Inputs(path, settings.options.max_request_bytes) as inputs:
        checked = inputs.check()
        with Journal(folder, address, checked) as journal:
            # Answers are large, and some are in reference cycles that only the collector frees.
            gc.set_threshold(*_OFTEN)
            code = asyncio.run(call(inputs))
    if code:
        raise click.exceptions.Exit(code)


def _watch_signals(batch: Batch) -> asyncio.Event:
    """Makes Ctrl-C stop the batch, and a second one the process; the event is set by the first."""
    interrupted, loop = asyncio.Event(), asyncio.get_running_loop()

    def interrupt() -> None:
        if interrupted.is_set():
            # The journal is complete at any time.
            os._exit(INTERRUPTED)
        interrupted.set()
        say("\nStopping; what is being sent is waited for. Ctrl-C again ends at once.", err=True)
        batch.halt()

    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, interrupt)
    return interrupted


def _api_key() -> str:
    from comfy2runpod.client.addresses import api_key_of  # noqa: PLC0415 - as above
    from comfy2runpod.client.errors import NotConfigured  # noqa: PLC0415 - as above

    if not os.environ.get(_KEY, "").strip():
        _misused(
            f"the API key is not set: export {_KEY}=… (`serve` takes {_KEY}=local unless it was given another key)"
        )
    try:
        return api_key_of(None)
    except NotConfigured as error:
        _misused(f"{_KEY}: {error}")


def _address(endpoint: str) -> str:
    from comfy2runpod.client.addresses import endpoint_url  # noqa: PLC0415 - as above
    from comfy2runpod.client.errors import NotConfigured  # noqa: PLC0415 - as above

    try:
        url = endpoint_url(endpoint)
    except NotConfigured as error:
        _misused(f"{endpoint!r} is neither an endpoint's id nor its address (https://…): {error}", "ENDPOINT")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not _is_loopback(host):
        terminal().say(f"warning: the API key goes to {host} unencrypted: give an https address if it has one.")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _misused(message: str, what: str | None = None) -> NoReturn:
    raise click.BadParameter(message, param_hint=what) if what else click.UsageError(message)
