"""How what stands in the way of writing is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from comfy2runpod.diagnostics import Diagnostic, Locus, UnreachableError
from comfy2runpod.errors.files import CannotWrite
from comfy2runpod.write.look import Refusal


class WriteError(UnreachableError):
    """Nothing was written."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)


@contextmanager
def told(place: Path) -> Iterator[None]:
    """Turns what the system says of a place into a WriteError; one that names another place names that."""
    try:
        yield
    except Refusal as error:
        raise WriteError(error.diagnostic) from error
    except OSError as error:
        raise WriteError(CannotWrite(at=Locus(place.as_posix()), problem=error.strerror or str(error))) from error
