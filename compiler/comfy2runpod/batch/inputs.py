"""The inputs of a batch: a file of JSON lines, read twice and never kept in memory.

A line is an input, whose id is the line's number, or `{"id": …, "input": {…}}`. Both forms, because the file is often
written by a program that does not know this one, and because only an id of its own stays the same when lines are added.
A line has the second form if its `input` is an object, or if `id` and `input` are its only keys; for a package with
fields of these names, use the second form.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from comfy2runpod.batch.stopped import BatchStopped
from comfy2runpod.diagnostics import Collector, CompileError, Diagnostic, Locus
from comfy2runpod.errors.batch import BadLine, DuplicateId, InputsChanged, NoInputs, UnsafeId
from comfy2runpod.errors.files import CannotRead
from comfy2runpod.job_input import carries_input
from comfy2runpod.strict_json import StrictJsonError, strict_json
from comfy2runpod_contract.json_types import JsonObject, json_type

JOURNAL = "journal.jsonl"

_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
# Otherwise a line of spaces could be endless.
_LONGEST_LINE = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Input:
    """One line: its id, and the job's `input`."""

    id: str
    request: JsonObject


@dataclass(frozen=True, slots=True)
class Checked:
    """The properties of a valid file; `sha256` is that of its bytes."""

    ids: frozenset[str]
    sha256: str


class Inputs:
    """An open file of inputs. Close it, or use it in a `with` statement."""

    def __init__(self, path: Path, max_request_bytes: int) -> None:
        """Opens the file; `max_request_bytes` limits the body of a request.

        Raises:
            BatchStopped: the file cannot be read.
        """
        self._shown = path.as_posix()
        self._most = max_request_bytes
        try:
            # Checked before opening, since opening a pipe waits for its writer.
            if stat.S_ISDIR(path.stat().st_mode):
                raise BatchStopped(CannotRead(at=Locus(self._shown), problem="", is_folder=True))
            if not stat.S_ISREG(path.stat().st_mode):
                raise self._unreadable("it is read twice, so it must be a file on a disk")
            self._file: BinaryIO = path.open("rb")
            self._changed_at = os.fstat(self._file.fileno()).st_mtime_ns
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error

    def check(self) -> Checked:
        """Checks every line.

        Raises:
            CompileError: lines that are no inputs: all of them.
        """
        found, first = Collector(), dict[str, int]()
        ids = set[str]()
        digest = hashlib.sha256()
        for number, raw in self._raw():
            digest.update(raw)
            if not raw.strip():
                continue
            line = self._parsed(number, raw)
            if isinstance(line, Diagnostic):
                found.add(line)
                continue
            ids.add(line.id)
            # Some file systems ignore case.
            other = first.setdefault(line.id.casefold(), number)
            if other != number:
                found.add(DuplicateId(at=self._at(number), id=line.id, first=other, first_at=self._at(other)))
        if not ids and not found.all:
            found.add(NoInputs(at=Locus(self._shown)))
        found.finish()
        return Checked(frozenset(ids), digest.hexdigest())

    def __iter__(self) -> Iterator[Input]:
        """Yields the inputs in the file's order, from the first, after `check`.

        Raises:
            CompileError: the file is no longer the one that was checked.
        """
        for number, raw in self._raw():
            if os.fstat(self._file.fileno()).st_mtime_ns != self._changed_at:
                raise CompileError([InputsChanged(at=Locus(self._shown))])
            if raw.strip():
                line = self._parsed(number, raw)
                if isinstance(line, Diagnostic):
                    raise CompileError([InputsChanged(at=Locus(self._shown))])
                yield line

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        """Returns the inputs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the file."""
        self.close()

    def _raw(self) -> Iterator[tuple[int, bytes]]:
        """Yields the lines with their numbers. A line that is too long is truncated, and so is not valid JSON."""
        number = 0
        try:
            self._file.seek(0)
            while raw := self._file.readline(_LONGEST_LINE):
                number += 1
                yield number, raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
                while raw and not raw.endswith(b"\n"):
                    raw = self._file.readline(_LONGEST_LINE)
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error

    def _parsed(self, number: int, raw: bytes) -> Input | Diagnostic:
        at = self._at(number)
        if len(raw) >= _LONGEST_LINE:
            return BadLine(at=at, problem=f"it is longer than {_LONGEST_LINE:,} bytes")
        try:
            value = strict_json(raw.decode("utf-8"), has_halves=False, unique_keys=True)
        except UnicodeDecodeError as error:
            return BadLine(at=at, problem=f"it is not UTF-8 (byte {error.start + 1:,})")
        except json.JSONDecodeError as error:
            return BadLine(at=at, problem=f"it is not JSON: {error.msg} (column {error.colno:,})")
        except StrictJsonError as error:
            return BadLine(at=at, problem=f"{error.problem} (column {error.column:,})")
        except ValueError as error:
            return BadLine(at=at, problem=str(error))
        if not isinstance(value, dict):
            return BadLine(at=at, problem=f"a JSON {json_type(value)}, not an object")
        return self._formed(number, value)

    def _formed(self, number: int, value: JsonObject) -> Input | Diagnostic:
        at, request, given = self._at(number), value, f"{number}"
        inner = value.get("input")
        if carries_input(value) or value.keys() == {"id", "input"}:
            if not isinstance(inner, dict):
                return BadLine(at=at, problem=f"its `input` is a JSON {json_type(inner)}, not an object")
            if others := sorted(value.keys() - {"id", "input"}):
                return BadLine(at=at, problem=f"beside `input` it has {', '.join(others[:5])}")
            named = value.get("id", given)
            if not isinstance(named, str):
                return BadLine(at=at, problem=f"its `id` is a JSON {json_type(named)}, not a string")
            request, given = inner, named
        if _ID.fullmatch(given) is None or given.casefold() == JOURNAL:
            return UnsafeId(at=at, id=given)
        size = len(json.dumps({"input": request}, allow_nan=False))
        if size > self._most:
            problem = f"its request has {size:,} bytes, an endpoint takes {self._most:,}: give files as https URLs"
            return BadLine(at=at, problem=problem)
        return Input(given, request)

    def _at(self, number: int) -> Locus:
        return Locus(f"{self._shown}:{number}")

    def _unreadable(self, problem: str) -> BatchStopped:
        return BatchStopped(CannotRead(at=Locus(self._shown), problem=problem))
