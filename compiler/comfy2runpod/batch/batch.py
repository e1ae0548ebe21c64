"""Runs a batch: sends every input once, polls its job, and writes the result.

A number of slots take one task after another: first the jobs that an earlier call had queued, whose results may expire
soon, then the inputs that are due, in the file's order. The next step of an input depends only on its last line in the
journal, so a call that resumes a batch does the same as one that starts it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from comfy2runpod.batch.answers import Answer, is_progress, read_answer, store_answer
from comfy2runpod.batch.caller import Caller
from comfy2runpod.batch.inputs import Checked, Input
from comfy2runpod.batch.journal import Event, Journal, Record
from comfy2runpod.batch.stopped import BatchStopped
from comfy2runpod.client.errors import (
    CallError,
    CannotSave,
    EndpointNotFound,
    InputRefused,
    JobFailed,
    MediaBroken,
    RateLimited,
    ResultGone,
    SubmissionUnknown,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
)
from comfy2runpod.client.flow import Options
from comfy2runpod.diagnostics import Locus
from comfy2runpod.errors.batch import CannotKeep, EndpointRefused

# The most concurrent submissions, and so the most that are uncertain after the process was killed.
_SENDING = 4
# The batch stops after so many uncertain submissions in a row.
_MOST_UNKNOWN = 5
# How long only failures are tolerated before the batch stops; and before the first answer.
_PATIENCE, _FIRST_PATIENCE = 300.0, 10.0
# The first and the longest interval between two polls of a job; in between, a tenth of its time so far.
_POLL_SECONDS = (1.0, 10.0)
# The pauses before a broken file is downloaded again, in seconds.
_FETCH_AGAIN = (2.0, 10.0, 30.0)


@dataclass(frozen=True)
class Settings:
    """The options of a batch."""

    in_flight: int = 32
    retry_failed: bool = False
    resend_uncertain: bool = False
    options: Options = field(default_factory=lambda: Options(poll_seconds=_POLL_SECONDS))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an input in this run: done, failed, or uncertain."""

    id: str
    record: Record


@dataclass(frozen=True)
class Summary:
    """The state of a batch."""

    total: int
    done: int
    # Of the done inputs: those with failed outputs.
    partly: int
    # Failed inputs by code.
    failed: Mapping[str, int]
    uncertain: int
    # Being sent; a later run that finds them treats them as uncertain.
    sending: int
    queued: int
    unsent: int

    @property
    def complete(self) -> bool:
        """Whether all inputs are done."""
        return self.done == self.total


OnOutcome: TypeAlias = Callable[[Outcome], None]


def summarize(records: Iterable[Record], total: int) -> Summary:
    """Returns the state of a batch from the last entry of each input."""
    events, failed = Counter[Event](), Counter[str]()
    partly = 0
    for record in records:
        events[record.event] += 1
        partly += bool(record.missing)
        if record.event is Event.FAILED:
            failed[record.code or "failed"] += 1
    done, uncertain = events[Event.DONE], events[Event.UNCERTAIN]
    sending, queued = events[Event.SENDING], events[Event.SENT]
    unsent = total - events.total()
    return Summary(total, done, partly, dict(failed.most_common()), uncertain, sending, queued, unsent)


class Batch:
    """One run of a batch: its checked inputs, its journal, and the endpoint."""

    def __init__(
        self,
        inputs: Iterable[Input],
        checked: Checked,
        journal: Journal,
        caller: Caller,
        settings: Settings,
        on_outcome: OnOutcome,
    ) -> None:
        self._inputs = inputs
        self._total = len(checked.ids)
        self._journal = journal
        self._caller = caller
        self._settings = settings
        self._on_outcome = on_outcome
        # What earlier runs left; a failure in this run waits for the next.
        self._before = dict(journal.records)
        self._sending = asyncio.Semaphore(_SENDING)
        self._unknown = 0
        self._slots: list[asyncio.Task[None]] = []
        # Inputs that are being sent: to stop now would make them uncertain.
        self._unbroken: set[asyncio.Task[None] | None] = set()
        self._halted = False
        self._reason: BaseException | None = None
        self._started = 0.0

    async def run(self) -> None:
        """Runs the batch.

        Raises:
            BatchStopped: the endpoint or the folder cannot be reached.
            CompileError: the inputs were changed meanwhile.
        """
        self._started = time.monotonic()
        work = self._due()
        self._slots = [asyncio.create_task(self._slot(work)) for _ in range(self._settings.in_flight)]
        await asyncio.gather(*self._slots, return_exceptions=True)
        if self._reason is not None:
            raise self._reason

    def halt(self, reason: BaseException | None = None) -> None:
        """Stops the run: sends nothing more, and waits for submissions in progress. Idempotent."""
        if self._halted:
            return
        self._halted, self._reason = True, reason
        for slot in self._slots:
            if slot not in self._unbroken and slot is not asyncio.current_task():
                slot.cancel()

    def summary(self) -> Summary:
        """Returns the current state."""
        return summarize(self._journal.records.values(), self._total)

    def _due(self) -> Iterator[Input | tuple[str, str]]:
        """Yields the work: the id and job of inputs that were queued before, or inputs to send."""
        for input_id, record in self._before.items():
            if record.event is Event.SENT and record.job is not None:
                yield input_id, record.job
        for one in self._inputs:
            before = self._before.get(one.id)
            match before.event if before is not None else None:
                case None:
                    yield one
                case Event.FAILED if self._settings.retry_failed:
                    yield one
                case Event.UNCERTAIN if self._settings.resend_uncertain:
                    yield one
                case _:
                    pass

    async def _slot(self, work: Iterator[Input | tuple[str, str]]) -> None:
        try:
            while not self._halted:
                # Read only when it is sent, since an input may have ten megabytes.
                async with self._sending:
                    one = next(work, None)
                    if one is None:
                        return
                    input_id, job = one if isinstance(one, tuple) else (one.id, await self._send(one))
                    one = None
                if job is not None and not self._halted:
                    await self._fetch_result(input_id, job)
        except asyncio.CancelledError:
            raise
        except OSError as error:
            self.halt(self._cannot_keep(error))
        except BaseException as error:  # noqa: BLE001 - `run` raises it, when the others have ended
            self.halt(error)

    async def _send(self, one: Input) -> str | None:
        """Queues an input; returns its job, or None if there is none to poll."""
        again, job = True, None
        task = asyncio.current_task()
        while again and not self._halted:
            await self._caller.pace.turn()
            self._unbroken.add(task)
            try:
                again, job = await self._submit(one)
            finally:
                self._unbroken.discard(task)
        return job

    async def _submit(self, one: Input) -> tuple[bool, str | None]:
        """Sends an input once, between journal entries; returns whether to send it again, and the job's id."""
        self._journal.write(one.id, Record(Event.SENDING))
        try:
            job = await self._caller.queue(one.request)
        except (RateLimited, Unreachable) as error:
            self._not_queued(one.id)
            self._handle_failure(error)
            return True, None
        except InputRefused as error:
            self._end(one.id, Record(Event.FAILED, code="input_refused", message=str(error)))
            return False, None
        except (Unauthorized, EndpointNotFound) as error:
            self._not_queued(one.id)
            raise self._refused(error) from error
        except (SubmissionUnknown, UnexpectedAnswer) as error:
            self._record_uncertain(one.id, error)
            return False, None
        self._unknown = 0
        try:
            self._journal.write(one.id, Record(Event.SENT, job))
        except BatchStopped as error:
            at, lost = error.diagnostic.at, f"input {one.id} is queued as job {job}, and that could not be noted"
            raise BatchStopped(CannotKeep(at=at, problem=lost)) from error
        return False, job

    def _not_queued(self, input_id: str) -> None:
        """Records a submission that surely was not queued."""
        self._journal.write(input_id, self._before.get(input_id, Record(Event.UNSENT)))

    def _record_uncertain(self, input_id: str, error: CallError) -> None:
        """Records a submission of which it is unknown whether it was queued."""
        status = self._caller.run_status
        if isinstance(error, UnexpectedAnswer) and not 200 <= status < 300:  # noqa: PLR2004 - HTTP's own
            # Not about the input: an account without credit, or a proxy.
            self._not_queued(input_id)
            raise self._refused(error) from error
        self._end(input_id, Record(Event.UNCERTAIN, message=str(error)))
        self._unknown += 1
        if self._unknown >= _MOST_UNKNOWN:
            raise self._refused(error) from error

    async def _fetch_result(self, input_id: str, job: str) -> None:
        """Polls a job until it ends, and records the result."""

        async def keep(output: Mapping[str, object]) -> Answer | None:
            if is_progress(output):
                return None
            answer = read_answer(output, self._caller.options.max_files)
            await store_answer(self._caller, answer, self._journal.folder / input_id)
            return answer

        waits = iter(_FETCH_AGAIN)
        while True:
            end, final = await self._poll(job, keep)
            wait = None if final else next(waits, None)
            if end is not None and wait is None:
                self._end(input_id, end)
                return
            await asyncio.sleep(1.0 if wait is None else wait)

    async def _poll(
        self, job: str, keep: Callable[[Mapping[str, object]], Awaitable[Answer | None]]
    ) -> tuple[Record | None, bool]:
        """Returns how a job ended, and whether that is final; None after a temporary failure.

        Raises:
            BatchStopped: the endpoint cannot be reached.
            OSError: the result cannot be stored.
        """
        begun = time.monotonic()
        try:
            answer = await self._caller.kept(job, keep)
        except CannotSave:
            raise
        except JobFailed as error:
            return Record(Event.FAILED, job, error.code, _failure_text(error)), True
        except (ResultGone, InputRefused) as error:
            # A job id of the journal is invalid.
            if isinstance(error, ResultGone) and not await self._is_there():
                return None, True
            return Record(Event.FAILED, job, "result_gone", str(error)), True
        except (Unauthorized, EndpointNotFound) as error:
            raise self._refused(error) from error
        except MediaBroken as error:
            return Record(Event.FAILED, job, "media_broken", str(error)), False
        except CallError as error:
            # The endpoint's own unusable answer is permanent; an error page is temporary.
            if isinstance(error, UnexpectedAnswer) and (self._caller.answered_at or 0.0) >= begun:
                return Record(Event.FAILED, job, "unexpected_answer", str(error)), False
            self._handle_failure(error)
            return None, True
        if answer is None:
            gone = "the last progress stands in the result's place"
            return Record(Event.FAILED, job, "result_gone", gone), False
        return Record(Event.DONE, job, missing=answer.missing), True

    async def _is_there(self) -> bool:
        """Returns whether the endpoint exists; False if that is unknown."""
        try:
            await self._caller.check_known()
        except EndpointNotFound as error:
            raise self._refused(error) from error
        except Unreachable as error:
            self._handle_failure(error)
            return False
        return True

    def _handle_failure(self, error: CallError) -> None:
        """Handles a temporary failure; one that lasts too long stops the batch."""
        answered = self._caller.answered_at
        since, most = (answered, _PATIENCE) if answered else (self._started, _FIRST_PATIENCE)
        if time.monotonic() - since > most:
            raise self._refused(error) from error

    def _end(self, input_id: str, record: Record) -> None:
        self._journal.write(input_id, record)
        self._on_outcome(Outcome(input_id, record))

    def _refused(self, error: CallError) -> BatchStopped:
        what = "Wait until the endpoint answers again"
        if isinstance(error, Unauthorized):
            what = "Set RUNPOD_API_KEY to a key of the endpoint's account"
        elif isinstance(error, EndpointNotFound):
            what = "Check the endpoint's id or address"
        elif isinstance(error, Unreachable) and not self._caller.answered_at:
            what = "Nothing has answered yet. Check the address; if it is one of `serve`, that it runs"
        at = Locus(self._caller.address)
        return BatchStopped(EndpointRefused(at=at, problem=str(error), what_to_do=what))

    def _cannot_keep(self, error: OSError) -> BatchStopped:
        at = Locus(str(error.filename or self._journal.folder))
        return BatchStopped(CannotKeep(at=at, problem=error.strerror or str(error)))


def _failure_text(error: JobFailed) -> str:
    """Returns the message of a failure, with details that it does not contain."""
    details = [f"{part.field or part.output or 'detail'}: {part.message}" for part in error.details]
    return "; ".join([error.message, *(detail for detail in details if detail not in error.message)])
