"""A small graph of tasks: each begins when those that it needs are done, side by side, and its states are logged.

waiting ─▶ running ─▶ done
   │          └─────▶ failed
   └─────▶ dropped (what it needs failed)
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass
from enum import StrEnum
from graphlib import TopologicalSorter

from comfy2runpod_runtime.operations.logs import log_fields

log = logging.getLogger(__name__)


class TaskState(StrEnum):
    """What a task has reached."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Attributes:
        name: its name in the log.
        action: what it does; it may block, and raises if it fails.
        needs: the names of the tasks that have to be done first.
    """

    name: str
    action: Callable[[], None]
    needs: tuple[str, ...] = ()


class _Dropped(Exception):
    """A task that this one needs has failed."""


class TaskGraph:
    """Tasks that run on threads of their own. None of them keeps the process from ending.

    Args:
        tasks: the tasks, each of which needs only others of them.

    Raises:
        graphlib.CycleError: tasks need each other.
        KeyError: a task needs one that is not there.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = {task.name: task for task in tasks}
        for task in tasks:
            for name in task.needs:
                self._tasks[name]
        TopologicalSorter({task.name: task.needs for task in tasks}).prepare()
        self._ends: dict[str, Future[None]] = {name: Future() for name in self._tasks}
        self._states = dict.fromkeys(self._tasks, TaskState.WAITING)
        self._started = 0.0

    @property
    def states(self) -> dict[str, TaskState]:
        """The state of each task, by name."""
        return dict(self._states)

    def start(self) -> None:
        """Begins the tasks that need no other."""
        self._started = time.monotonic()
        for task in self._tasks.values():
            threading.Thread(target=self._run, args=(task,), name=f"start-{task.name}", daemon=True).start()

    def result(self) -> None:
        """Waits until all tasks are done, or the first has failed.

        Raises:
            Exception: what the first failed task raised.
        """
        wait(self._ends.values(), return_when=FIRST_EXCEPTION)
        failures = [end.exception() for end in self._ends.values() if end.done()]
        for failure in failures:
            if failure is not None and not isinstance(failure, _Dropped):
                raise failure

    def _run(self, task: Task) -> None:
        end = self._ends[task.name]
        needed = [self._ends[name] for name in task.needs]
        wait(needed, return_when=FIRST_EXCEPTION)
        if any(other.done() and other.exception() is not None for other in needed):
            self._change(task, TaskState.DROPPED)
            end.set_exception(_Dropped())
            return
        self._change(task, TaskState.RUNNING)
        began = time.monotonic()
        try:
            task.action()
        except BaseException as error:  # noqa: BLE001 - raised again by result()
            self._change(task, TaskState.FAILED, began)
            end.set_exception(error)
        else:
            self._change(task, TaskState.DONE, began)
            end.set_result(None)

    def _change(self, task: Task, state: TaskState, began: float | None = None) -> None:
        self._states[task.name] = state
        now = time.monotonic()
        fields: dict[str, object] = {"task": task.name, "task_state": state.value}
        fields["seconds_since_start"] = round(now - self._started, 3)
        took = "" if began is None else f", {now - began:.3f} s"
        level = logging.ERROR if state is TaskState.FAILED else logging.INFO
        log.log(level, "start: %s %s%s", task.name, state.value, took, extra=log_fields(**fields))  # type: ignore[arg-type]
