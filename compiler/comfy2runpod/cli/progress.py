"""Progress of long commands: a bar on a terminal, otherwise a line from time to time; on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from comfy2runpod.cli.terminal import Terminal, has_colour, is_live
from comfy2runpod_contract.texts import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Item = TypeVar("Item")

# Without a terminal: seconds before the first line, and at least between two lines.
_LINES_EVERY = 5.0
_LONGEST_STEP = 44
# Rates below this (per second) are shown per minute.
_SLOW = 0.5


@dataclass(slots=True)
class Steps:
    """The progress of some work. `total` is None while it is not known.

    `before` of it was done by an earlier call.
    """

    what: str
    total: float | None
    unit: str
    done: float = 0.0
    step: str = ""
    before: float = 0.0
    _plain: Terminal | None = None
    _bar: Progress | None = None
    _task: TaskID | None = None
    _began: float = field(default_factory=time.monotonic)
    _printed_at: float = field(default_factory=time.monotonic)
    _last: str = ""

    def at(self, step: str) -> None:
        """Sets the description of the current step."""
        self.step = step
        self._changed()

    def advance(self, count: float = 1) -> None:
        """Adds to the work done."""
        self.done += count
        self._changed()

    def reach(self, done: float, total: float | None = None) -> None:
        """Sets the work done, and the total."""
        self.done = done
        self.total = self.total if total is None else total
        self._changed()

    def each(self, items: Sequence[Item], name: Callable[[Item], str] = str) -> Iterator[Item]:
        """The items, each shown when it begins and counted when it is done."""
        for item in items:
            self.at(name(item))
            yield item
            self.advance()

    def hide(self) -> None:
        """Hides the bar while others print."""
        if self._bar is not None:
            self._bar.stop()

    def show(self) -> None:
        """Shows the bar again."""
        if self._bar is not None:
            self._bar.start()

    @property
    def rate(self) -> str:
        """The mean rate; empty if it is not known, and for percentages."""
        seconds = time.monotonic() - self._began
        rate = (self.done - self.before) / seconds if seconds else 0.0
        if not rate or not self.total or self.unit == "%":
            return ""
        return f"{rate:,.1f}/s" if rate >= _SLOW else f"{60 * rate:,.1f}/min"

    def line(self) -> str:
        """The progress as one line, for logs."""
        parts = [self.what]
        if self.total:
            counts = f"{self.done:,.0f} of {self.total:,.0f} {self.unit}".rstrip()
            share = f"{100 * self.done / self.total:.0f} %"
            parts.append(share if self.unit == "%" else f"{counts} ({share})")
        if self.total and (rate := self.rate):
            seconds = (self.total - self.done) * (time.monotonic() - self._began) / (self.done - self.before)
            parts += [rate, f"{_span(seconds)} left"]
        if self.step:
            parts.append(self.step)
        return ": ".join([parts[0], ", ".join(parts[1:])]) if len(parts) > 1 else parts[0]

    def _changed(self) -> None:
        if self._bar is not None and self._task is not None:
            # Such as a node's title: rich would interpret escape codes.
            step = one_line(self.step)
            step = step if len(step) <= _LONGEST_STEP else f"{step[: _LONGEST_STEP - 1]}…"
            self._bar.update(self._task, completed=self.done, total=self.total, step=step, rate=self.rate)
        elif self._plain is not None and time.monotonic() - self._printed_at >= _LINES_EVERY:
            self._printed_at = time.monotonic()
            line = self.line()
            if line != self._last:
                self._last = line
                self._plain.say(f"{time.strftime('%H:%M:%S')} {line}")


@contextmanager
def progress(
    terminal: Terminal, what: str, total: float | None = None, unit: str = "", *, done: float = 0.0
) -> Iterator[Steps]:
    """Shows the progress of some work while it lasts.

    Args:
        terminal: where.
        what: the work, in a word or two.
        total: how much there is to do.
        unit: what is counted; `%` for a share.
        done: how much of it was done before.
    """
    if terminal.quiet:
        yield Steps(what, total, unit, done, before=done)
    elif not is_live(sys.stderr):
        yield Steps(what, total, unit, done, before=done, _plain=terminal)
    else:
        bar, task = _bar(what, total, unit, done)
        steps = Steps(what, total, unit, done, before=done, _bar=bar, _task=task)
        with bar:
            terminal.drawn.append(steps)
            try:
                yield steps
            finally:
                terminal.drawn.remove(steps)


def _bar(what: str, total: float | None, unit: str, done: float) -> tuple[Progress, TaskID]:
    # Takes a tenth of a second to import, and is not needed without a terminal.
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(file=sys.stderr, force_terminal=True, color_system="auto" if has_colour(sys.stderr) else None)
    counted = [TaskProgressColumn(show_speed=False)] if unit == "%" else [MofNCompleteColumn()] if total else []
    times = [TimeElapsedColumn(), *([TextColumn("·"), TimeRemainingColumn()] if total else [])]
    rate = TextColumn("{task.fields[rate]}")
    columns = [SpinnerColumn(), TextColumn("[bold]{task.description}"), BarColumn(bar_width=20), *counted, rate, *times]
    bar = Progress(
        *columns,
        TextColumn("{task.fields[step]}", markup=False, style="dim"),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    return bar, bar.add_task(escape(one_line(what)), total=total, completed=round(done), step="", rate="")


def _span(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"
