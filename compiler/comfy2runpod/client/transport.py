"""What the sync and the async client share: what they know of a package, requests as they are sent, names of files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from .addresses import api_key_of, endpoint_url
from .checks import check_input
from .errors import CannotSave, InputRefused
from .file_fields import encoded
from .files import FileKind
from .flow import Options
from .http import Http
from .media import Medium, OutputSpec

# The files of an answer, by the output's name.
Saved: TypeAlias = dict[str, list[Path]]

# How long an interrupted call waits until its job is cancelled.
STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Spec:
    """What a client knows about its package."""

    # The JSON Schema of an input.
    schema: Callable[[], Mapping[str, object]]
    outputs: tuple[OutputSpec, ...]
    # The kinds of files that an input has fields for.
    files: tuple[FileKind, ...]
    # What every output contains; one without these is incomplete.
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """The endpoint, API key and options of a client."""

    url: str
    api_key: str = field(repr=False)
    options: Options

    @classmethod
    def of(cls, endpoint: str | None, api_key: str | None, options: Options | None) -> Settings:
        """Settings of a client's arguments, or of the environment.

        Raises:
            NotConfigured: the endpoint or the API key is missing or invalid.
        """
        return cls(endpoint_url(endpoint), api_key_of(api_key), options or Options())

    def http(self) -> Http:
        """A connection to the endpoint."""
        return Http(self.url, self.api_key, self.options)


def deadline_after(options: Options, timeout_seconds: float | None) -> float:
    """When a call ends, in seconds of `time.monotonic`."""
    return time.monotonic() + (options.call_seconds if timeout_seconds is None else timeout_seconds)


def prepared(request: Mapping[str, object], spec: Spec, options: Options) -> Mapping[str, object]:
    """Checks a request, and encodes its files."""
    schema = spec.schema()
    if options.check_input:
        check_input(schema, request)
    if not isinstance(request, Mapping):
        raise InputRefused("a request must be a dict with the fields of this endpoint")
    return encoded(request, schema, spec.files, check=options.check_input)


def media_paths(media: Iterable[Medium], folder: Path | str, prefix: str) -> list[tuple[Medium, Path]]:
    """The files of an output, each with its path in a folder, which is made.

    Raises:
        CannotSave: the folder cannot be made.
    """
    directory = Path(folder)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotSave(error) from error
    return [(medium, directory / f"{prefix}{medium.name()}") for medium in media]
