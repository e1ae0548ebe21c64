"""What `batch` prints while it runs and at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from comfy2runpod.batch.kinds import Kind, kind_of
from comfy2runpod.cli.progress import Steps
from comfy2runpod.cli.terminal import Terminal
from comfy2runpod.diagnostics import shorten

if TYPE_CHECKING:
    from comfy2runpod.batch.batch import Batch, Outcome, Summary

_DRAW_EVERY = 0.5
_LONGEST_MESSAGE = 300
# If every input fails differently, only the most frequent kinds are listed.
_MOST_KINDS = 20


class Shown:
    """How far a batch is, and what went wrong: each kind of fault is printed when it first occurs, and then counted."""

    def __init__(self, terminal: Terminal, steps: Steps) -> None:
        self._terminal = terminal
        self._steps = steps
        self._seen = set[tuple[str, str, str]]()

    def show(self, outcome: Outcome) -> None:
        """Reports an input that has ended."""
        kind = kind_of(outcome.record)
        if kind is None or (kind in self._seen and not self._terminal.verbose):
            return
        self._seen.add(kind)
        record = outcome.record
        # The journal has the full message; a worker that is not one of our packages may send a traceback.
        message = shorten(record.message or "", _LONGEST_MESSAGE)
        if record.event == "done":
            self._terminal.tell(f"{outcome.id}: done without {', '.join(record.missing)}")
        elif record.event == "failed":
            self._terminal.tell(f"{outcome.id}: failed, {record.code}: {message}")
        else:
            self._terminal.tell(f"{outcome.id}: uncertain: {message}")

    async def draw(self, batch: Batch) -> None:
        """Shows how far a batch is, until it is cancelled."""
        while True:
            now = batch.summary()
            self._steps.step = counts(now, brief=True)
            self._steps.reach(ended(now))
            await asyncio.sleep(_DRAW_EVERY)


def ended(now: Summary) -> int:
    """How many inputs have ended, in any way."""
    return now.total - now.sending - now.queued - now.unsent


def counts(now: Summary, *, brief: bool = False) -> str:
    """The state of a batch in one line; `brief` is for use beside a progress bar."""
    parts = [] if brief else [f"{now.done:,} of {now.total:,} done"]
    parts += [f"{sum(now.failed.values()):,} failed"] if now.failed else []
    parts += [f"{now.uncertain:,} uncertain"] if now.uncertain else []
    in_flight = now.sending + now.queued
    parts += [f"{in_flight:,} in flight"] if in_flight else []
    return ", ".join(parts)


def summary(now: Summary, found: Sequence[Kind], folder: Path) -> str:
    """The state of a batch at the end of a call, and how to continue."""
    lines = [f"{folder.as_posix()}: {now.done:,} of {now.total:,} done"]
    if now.partly:
        lines.append(
            f"  {now.partly:,} of them without some outputs: `failed` in their response.json says which and why"
        )
        lines += _kinds(kind for kind in found if kind.event == "done")
    for code, count in now.failed.items():
        lines.append(f"  {count:,} failed: {code}")
        lines += _kinds(kind for kind in found if kind.event == "failed" and (kind.code or "failed") == code)
    if now.failed:
        lines.append("    --retry-failed sends them again; journal.jsonl has every message")
    if uncertain := now.uncertain + now.sending:
        lines.append(f"  {uncertain:,} uncertain: the endpoint may have queued them, or not")
        lines += _kinds(kind for kind in found if kind.event == "uncertain")
        lines.append("    --resend-uncertain sends them again; they may run twice")
    if now.queued:
        lines.append(
            f"  {now.queued:,} queued: the same command brings their results, which RunPod keeps for 30 minutes"
        )
    if now.unsent:
        lines.append(f"  {now.unsent:,} not sent: the same command sends them")
    return "\n".join(lines)


def _kinds(found: Iterable[Kind]) -> list[str]:
    listed = list(found)
    lines = [f"    {kind.count:,} x {shorten(kind.message, _LONGEST_MESSAGE)} ({_ids(kind)})" for kind in listed]
    more = len(listed) - _MOST_KINDS
    return [*lines[:_MOST_KINDS], f"    and {more:,} other messages: see journal.jsonl"] if more > 0 else lines


def _ids(kind: Kind) -> str:
    more = kind.count - len(kind.ids)
    named = ", ".join(kind.ids)
    return f"{'id' if kind.count == 1 else 'ids'} {named}" + (f" and {more:,} more" if more else "")
