"""The journal of a batch: its events, each a line of JSON that is on the disk before the next step is taken.

    {"journal": 1, "endpoint": …, "inputs": sha256, "count": n}
    {"at": …, "id": …, "event": "sending"}                 before the input is sent
    {"at": …, "id": …, "event": "sent", "job": …}          it is queued
    {"at": …, "id": …, "event": "unsent"}                  it is certainly not queued
    {"at": …, "id": …, "event": "uncertain", "message"}    whether it is queued is not known
    {"at": …, "id": …, "event": "done", "job", "missing"}  its files are on the disk, except missing outputs
    {"at": …, "id": …, "event": "failed", "job"?, "code", "message"}

The last line of an id is its state. A killed process leaves one incomplete line at most, the last. `sending` as the
last line of an id means that the process was killed between two lines: whether the job is queued is not known.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from comfy2runpod.batch.inputs import JOURNAL, Checked
from comfy2runpod.batch.stopped import BatchStopped
from comfy2runpod.client.media import is_part
from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors.batch import BatchRunning, BrokenJournal, CannotKeep, OtherJournal, PlaceTaken

_VERSION = 1


class Event(StrEnum):
    """What can happen to an input."""

    SENDING = "sending"
    SENT = "sent"
    UNSENT = "unsent"
    UNCERTAIN = "uncertain"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Record:
    """The state of an input, from its last line."""

    event: Event
    job: str | None = None
    code: str | None = None
    message: str | None = None
    missing: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The keys of its line in the journal."""
        facts = {"event": self.event.value, "job": self.job, "code": self.code, "message": self.message}
        line: dict[str, object] = {key: value for key, value in facts.items() if value is not None}
        return {**line, "missing": list(self.missing)} if self.missing else line


_DIED = Record(Event.UNCERTAIN, message="the process died while the input was sent")


class Journal:
    """The journal of one folder, which no other process may have open. Close it, or use it in a `with`."""

    def __init__(self, folder: Path, endpoint: str, inputs: Checked) -> None:
        """Opens a folder's journal, or begins one.

        Raises:
            CompileError: it is of another batch, broken, or in use by another process, or a result already exists.
            BatchStopped: the folder cannot be written.
        """
        self.folder = folder
        self.records: dict[str, Record] = {}
        self._path = folder / JOURNAL
        self._header = {"journal": _VERSION, "endpoint": endpoint, "inputs": inputs.sha256, "count": len(inputs.ids)}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Links are not followed: their targets are outside the batch's folder.
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            self._fd = os.open(self._path, flags, 0o666)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            if not stat.S_ISREG(os.fstat(self._fd).st_mode):
                raise OSError(errno.EINVAL, "it is not a file")
            self._lock()
            if self._read(inputs.ids):
                # We make folders; a link there would lead what is written and removed elsewhere.
                self._refuse(name for name in inputs.ids if (folder / name).is_symlink())
                self._clear_up()
                return
            self._check_places(inputs.ids)
            self._append(self._header)
            flush_folder(folder)
            flush_folder(folder.absolute().parent)
        except OSError as error:
            self.close()
            raise self._unwritable(error) from error
        except BaseException:
            self.close()
            raise

    def write(self, input_id: str, record: Record) -> None:
        """Appends the state of an input; it is on the disk when this returns.

        Raises:
            BatchStopped: the line cannot be written.
        """
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            self._append({"at": at, "id": input_id, **record.to_json()})
        except OSError as error:
            raise self._unwritable(error) from error
        self._note(input_id, record)

    def close(self) -> None:
        """Releases the journal for other processes."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Releases the journal for other processes."""
        self.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CompileError([BatchRunning(at=Locus(self.folder.as_posix()))]) from None

    def _read(self, ids: frozenset[str]) -> bool:
        """Reads the journal and cuts off an incomplete last line; returns whether there was a journal."""
        whole = 0
        for number, line in enumerate(self._lines(), 1):
            whole += len(line)
            entry = self._entry(line, number)
            if number == 1:
                self._compare(entry)
            else:
                self._take(entry, number, ids)
        for input_id, record in self.records.items():
            if record.event is Event.SENDING:
                self.records[input_id] = _DIED
        if os.fstat(self._fd).st_size != whole:
            os.ftruncate(self._fd, whole)
            os.fsync(self._fd)
        return whole > 0

    def _lines(self) -> Iterator[bytes]:
        with os.fdopen(os.dup(self._fd), "rb") as file:
            file.seek(0)
            yield from (line for line in file if line.endswith(b"\n"))

    def _entry(self, line: bytes, number: int) -> Mapping[str, object]:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict):
            raise self._broken(number, "it is not a JSON object")
        return entry

    def _compare(self, entry: Mapping[str, object]) -> None:
        if entry.get("journal") != _VERSION:
            raise self._broken(1, "it is not the header of a journal that this version writes")
        for key, what in (("endpoint", "endpoint"), ("inputs", "inputs' sha256")):
            if entry.get(key) != self._header[key]:
                theirs, ours = f"{entry.get(key)}", f"{self._header[key]}"
                found = OtherJournal(at=Locus(self._path.as_posix()), what=what, theirs=theirs, ours=ours)
                raise CompileError([found])

    def _take(self, entry: Mapping[str, object], number: int, ids: frozenset[str]) -> None:
        input_id, event, missing = entry.get("id"), entry.get("event"), entry.get("missing")
        if not isinstance(input_id, str) or input_id not in ids:
            raise self._broken(number, "its id is not one of the inputs")
        if event not in list(Event):
            raise self._broken(number, f"its event is {event!r}")
        job, code, message = (_text(entry.get(key)) for key in ("job", "code", "message"))
        if event == Event.SENT and job is None:
            raise self._broken(number, "a job that was sent has no id")
        outputs = tuple(str(name) for name in missing) if isinstance(missing, list) else ()
        self._note(input_id, Record(Event(str(event)), job, code, message, outputs))

    def _note(self, input_id: str, record: Record) -> None:
        if record.event is Event.UNSENT:
            self.records.pop(input_id, None)
        else:
            self.records[input_id] = record

    def _clear_up(self) -> None:
        """Removes incomplete files that a killed call was fetching."""
        for input_id, record in self.records.items():
            if record.event is not Event.DONE:
                for part in parts_in(self.folder / input_id):
                    part.unlink()

    def _check_places(self, ids: frozenset[str]) -> None:
        taken = [path.name for path in self.folder.iterdir() if path.name in ids]
        if taken:
            # Nothing must be left of a batch that did not begin.
            self._path.unlink()
        self._refuse(taken)

    def _refuse(self, taken: Iterable[str]) -> None:
        at = Locus(self.folder.as_posix())
        if found := [PlaceTaken(at=at, id=name) for name in sorted(taken)[:20]]:
            raise CompileError(found)

    def _append(self, entry: Mapping[str, object]) -> None:
        line = json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        before = os.fstat(self._fd).st_size
        try:
            # A full disk may accept a part of a line; the next attempt then gives the reason.
            written = 0
            while written < len(line):
                written += os.write(self._fd, line[written:])
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, before)
            raise

    def _broken(self, number: int, problem: str) -> CompileError:
        return CompileError([BrokenJournal(at=Locus(f"{self._path.as_posix()}:{number}"), problem=problem)])

    def _unwritable(self, error: OSError) -> BatchStopped:
        return BatchStopped(CannotKeep(at=Locus(self._path.as_posix()), problem=error.strerror or str(error)))


def parts_in(folder: Path) -> list[Path]:
    """Incomplete files in an input's folder (`client.media.part_of`)."""
    return [path for path in folder.iterdir() if is_part(path.name)] if folder.is_dir() else []


def flush_folder(folder: Path) -> None:
    """Flushes the entries of a folder to the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
