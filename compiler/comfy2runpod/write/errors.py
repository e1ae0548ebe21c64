"""Converts errors of writing into diagnostics."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from comfy2runpod.diagnostics import CompileError, Diagnostic, Locus, UnreachableError
from comfy2runpod.errors.files import CannotWrite, ChangedByHand, NotOurs, NotProvenOurs
from comfy2runpod.write.look import Refusal

# The place was reached, and something of the user's stands there.
_OF_THE_USER = (ChangedByHand, NotOurs, NotProvenOurs)


class WriteRefused(CompileError):
    """Nothing was written, because something of the user's would be lost; the diagnostic says what."""


class WriteError(UnreachableError):
    """The place cannot be written; the diagnostic says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)


@contextmanager
def told(place: Path, *, beside: bool = False) -> Iterator[None]:
    """Converts OSError and Refusal into WriteError or WriteRefused. If an OSError names another path, so does that.

    `beside`: the place is a file beside its graph, which no option names.
    """
    try:
        yield
    except Refusal as error:
        diagnostic = _as_named(error.diagnostic, place)
        if isinstance(diagnostic, CannotWrite | NotOurs):
            diagnostic = replace(diagnostic, beside=beside)
        if isinstance(diagnostic, _OF_THE_USER):
            raise WriteRefused([diagnostic]) from error
        raise WriteError(diagnostic) from error
    except OSError as error:
        if link := next(
            (above for above in (place, *place.parents) if above.is_symlink() and not above.exists()), None
        ):
            broken = CannotWrite(
                at=Locus(link.as_posix()), problem="it is a link that leads nowhere", taken=True, beside=beside
            )
            raise WriteError(broken) from error
        problem, taken = error.strerror or str(error), isinstance(error, FileExistsError | NotADirectoryError)
        found = CannotWrite(
            at=Locus(place.as_posix()), problem=problem, taken=taken, forbidden=isinstance(error, PermissionError),
            full=error.errno in {errno.ENOSPC, errno.EDQUOT}, beside=beside,
        )  # fmt: skip
        raise WriteError(found) from error


def _as_named(diagnostic: Diagnostic, place: Path) -> Diagnostic:
    """Replaces an absolute path by the path as the user gave it."""
    found = Path(diagnostic.at.file)
    if place.is_absolute() or not found.is_absolute():
        return diagnostic
    for absolute, given in ((place.absolute(), place), (Path.cwd(), Path())):
        if found.is_relative_to(absolute):
            at = replace(diagnostic.at, file=(given / found.relative_to(absolute)).as_posix())
            return replace(diagnostic, at=at)
    return diagnostic
