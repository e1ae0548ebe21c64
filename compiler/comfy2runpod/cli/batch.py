"""batch: many calls through an endpoint's own queue, each once."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import click

from comfy2runpod.cli.exits import REFUSED
from comfy2runpod.cli.say import redraw, say
from comfy2runpod.diagnostics import shorten

if TYPE_CHECKING:
    from comfy2runpod.operate.batch import Batch, Settings, Summary, Told

_KEY = "RUNPOD_API_KEY"
_ID = re.compile(r"[A-Za-z0-9_-]+")
_INTERRUPTED = 130
# Python's own.
_OFTEN = (700, 10, 10)
# Seconds between two lines of progress where there is no terminal, and two changes of the one that there is on one.
_LINES_EVERY, _BAR_EVERY = 10.0, 0.5
_BAR = 24
_LONGEST_MESSAGE = 300


@click.command("batch")
@click.argument("endpoint")
@click.argument("inputs", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False),
    help="The folder that gets the journal and, for each input, a folder <id>/ with its media and response.json.",
)  # fmt: skip
@click.option(
    "--in-flight", type=click.IntRange(1, 1000), default=32, show_default=True,
    help="How many jobs wait or run at once. More than the endpoint's workers, so that none is idle.",
)  # fmt: skip
@click.option("--retry-failed", is_flag=True, help="Send inputs again whose job failed in an earlier call.")
@click.option(
    "--resend-uncertain", is_flag=True,
    help="Send inputs again of which an earlier call does not know whether they were queued. They may run twice.",
)  # fmt: skip
def batch_command(
    endpoint: str, inputs: Path, output: Path, in_flight: int, *, retry_failed: bool, resend_uncertain: bool
) -> None:
    """Send every line of INPUTS to ENDPOINT's queue, once, and keep what comes back.

    ENDPOINT is an endpoint's id at RunPod, or the address of one elsewhere, such as `serve` prints; its API key is read
    from RUNPOD_API_KEY. A line of INPUTS is an input, or {"id": "...", "input": {...}}.

    Whatever ends it, the same command goes on where it stopped, and repeats nothing. Exit codes: 0 all are done, 1 some
    failed or are uncertain, 3 it had to stop, 130 Ctrl-C.
    """
    from comfy2runpod.operate.batch import Settings  # noqa: PLC0415 - httpx, which no other command waits for

    settings = Settings(in_flight=in_flight, retry_failed=retry_failed, resend_uncertain=resend_uncertain)
    _run(_address(endpoint), _api_key(), inputs, output, settings)


COMMANDS = (batch_command,)


def _run(address: str, api_key: str, path: Path, folder: Path, settings: Settings) -> None:
    from comfy2runpod.operate.batch import Batch  # noqa: PLC0415 - as above
    from comfy2runpod.operate.caller import Caller  # noqa: PLC0415 - as above
    from comfy2runpod.operate.inputs import Inputs  # noqa: PLC0415 - as above
    from comfy2runpod.operate.journal import Journal  # noqa: PLC0415 - as above

    async def call(inputs: Inputs) -> int:
        progress = _Progress()
        async with Caller(address, api_key, settings.options) as caller:
            batch = Batch(inputs, checked, journal, caller, settings, progress.tell)
            before = batch.summary()
            if before.unsent < before.total:
                say(f"Going on: {_counts(before)}.", err=True)
            interrupted = _watch_signals(batch)
            drawing = asyncio.create_task(progress.draw(batch))
            try:
                await batch.run()
            finally:
                drawing.cancel()
                progress.clear()
                _say(batch.summary(), folder)
        if interrupted.is_set():
            return _INTERRUPTED
        return 0 if batch.summary().complete else REFUSED

    with Inputs(path, settings.options.max_request_bytes) as inputs:
        checked = inputs.check()
        with Journal(folder, address, checked) as journal:
            # Answers are large, and some are held by what only the collector lets go.
            gc.set_threshold(*_OFTEN)
            code = asyncio.run(call(inputs))
    if code:
        raise click.exceptions.Exit(code)


def _watch_signals(batch: Batch) -> asyncio.Event:
    """Has Ctrl-C stop the batch, and a second one the process; the event says that it came."""
    interrupted, loop = asyncio.Event(), asyncio.get_running_loop()

    def interrupt() -> None:
        if interrupted.is_set():
            # The journal is whole at any time.
            os._exit(_INTERRUPTED)
        interrupted.set()
        say("\nStopping; what is being sent is waited for. Ctrl-C again ends at once.", err=True)
        batch.halt()

    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, interrupt)
    return interrupted


class _Progress:
    """One line that changes, on a terminal; else a line now and then. Failures are told at once."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def tell(self, told: Told) -> None:
        """What came to its end otherwise than well."""
        record = told.record
        if record.event == "done" and not record.missing:
            return
        self.clear()
        # The journal has it whole; a worker that is no package of ours may tell a traceback.
        message = shorten(record.message or "", _LONGEST_MESSAGE)
        if record.event == "done":
            say(f"{told.id}: done without {', '.join(record.missing)}", err=True)
        elif record.event == "failed":
            say(f"{told.id}: failed, {record.code}: {message}", err=True)
        else:
            say(f"{told.id}: uncertain: {message}", err=True)

    async def draw(self, batch: Batch) -> None:
        """Shows how far a batch is, until it is cancelled."""
        said = _counts(batch.summary())
        while True:
            await asyncio.sleep(_BAR_EVERY if self._live else _LINES_EVERY)
            now = batch.summary()
            line = _counts(now)
            if self._live:
                filled = _BAR * (now.total - now.sending - now.queued - now.unsent) // now.total
                bar = f"[{'#' * filled}{'.' * (_BAR - filled)}] {line}"
                redraw(bar[: shutil.get_terminal_size().columns - 1])
            elif line != said:
                said = line
                say(f"{time.strftime('%H:%M:%S')} {line}", err=True)

    def clear(self) -> None:
        """Leaves the terminal's line to others."""
        if self._live:
            redraw()


def _counts(now: Summary) -> str:
    parts = [f"{now.done:,} of {now.total:,} done"]
    parts += [f"{sum(now.failed.values()):,} failed"] if now.failed else []
    parts += [f"{now.uncertain:,} uncertain"] if now.uncertain else []
    in_flight = now.sending + now.queued
    parts += [f"{in_flight:,} in flight"] if in_flight else []
    return ", ".join(parts)


def _say(now: Summary, folder: Path) -> None:
    """The summary, and how to go on."""
    say(f"{folder.as_posix()}: {now.done:,} of {now.total:,} done")
    if now.partly:
        say(f"  {now.partly:,} of them without some outputs: `failed` in their response.json says which and why")
    for code, count in now.failed.items():
        say(f"  {count:,} failed: {code}")
    if now.failed:
        say("    their messages are in journal.jsonl; --retry-failed sends them again")
    if uncertain := now.uncertain + now.sending:
        say(f"  {uncertain:,} uncertain: the endpoint may have queued them, or not")
        say("    --resend-uncertain sends them again; they may run twice")
    if now.queued:
        say(f"  {now.queued:,} queued: the same command brings their results, which RunPod keeps for 30 minutes")
    if now.unsent:
        say(f"  {now.unsent:,} not sent: the same command sends them")


def _api_key() -> str:
    key = os.environ.get(_KEY, "").strip()
    if not key:
        _misused(f"the API key is not set: export {_KEY}=… (`serve` takes {_KEY}=local unless it was told another)")
    if not key.isascii() or not key.isprintable():
        _misused(f"{_KEY} holds characters that no API key has")
    return key


def _address(endpoint: str) -> str:
    from comfy2runpod.client.transport import RUNPOD  # noqa: PLC0415 - httpx, as above

    if "://" not in endpoint:
        if not _ID.fullmatch(endpoint):
            _misused(f"{endpoint!r} is neither an endpoint's id nor its address (https://…)", "ENDPOINT")
        return f"{RUNPOD}/{endpoint}"
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        # Reading it raises what a connection would.
        _ = parts.port
    except ValueError as error:
        _misused(f"{endpoint!r} is no address: {error}", "ENDPOINT")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or parts.username:
        _misused(f"{endpoint!r} is not an endpoint's address, such as https://api.runpod.ai/v2/ID", "ENDPOINT")
    if parts.scheme == "http" and not _is_loopback(host):
        say(f"warning: the API key goes to {host} unencrypted: give an https address if it has one.", err=True)
    return endpoint.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _misused(message: str, what: str | None = None) -> NoReturn:
    raise click.BadParameter(message, param_hint=what) if what else click.UsageError(message)
