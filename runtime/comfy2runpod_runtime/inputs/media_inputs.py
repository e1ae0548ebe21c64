"""Loads the media fields of a request (base64, data URLs and URLs) before anything is queued in ComfyUI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from comfy2runpod_contract.file_texts import FileTextError, base64_in, decode_base64
from comfy2runpod_runtime.errors import FieldFault, InvalidInput
from comfy2runpod_runtime.inputs.decoder_pool import DecoderPool
from comfy2runpod_runtime.inputs.fetch import FetchPolicy, fetch
from comfy2runpod_runtime.inputs.file_input import FileInput, InputKind
from comfy2runpod_runtime.inputs.input_errors import DecodeLimitExceeded, MediaRefused

# Files of one kind and one request that are decoded at the same time.
_CONCURRENT_FILES = 2


@dataclass(frozen=True, slots=True)
class MediaInputLimits:
    """The operator's limits, beside those of each field.

    Attributes:
        max_bytes: the largest file.
        fetch: what may be fetched by URL.
    """

    max_bytes: int
    fetch: FetchPolicy


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file of a request, re-encoded for ComfyUI.

    Attributes:
        content: the file.
        ending: its file name extension, with the dot.
    """

    content: bytes
    ending: str


def media_fields(model: type[BaseModel]) -> Mapping[str, FileInput]:
    """Returns the media fields of a request model, with their limits."""
    return {
        name: annotation
        for name, field in model.model_fields.items()
        for annotation in field.metadata
        if isinstance(annotation, FileInput)
    }


async def load_media(
    request: BaseModel, limits: MediaInputLimits, decoders: Iterable[DecoderPool]
) -> dict[str, LoadedFile]:
    """Loads every file of a request.

    Args:
        request: the validated request.
        limits: the operator's limits.
        decoders: the worker's decoder processes, a pool for each kind.

    Returns:
        The re-encoded files, by field.

    Raises:
        InvalidInput: files are refused; `details` names each. Once one exceeds a decoding limit, the others are no
            longer decoded.
        DecoderUnavailable: no decoder process can be started.
    """
    fields = {name: field for name, field in media_fields(type(request)).items() if getattr(request, name) is not None}
    pools = {pool.kind: pool for pool in decoders}
    budgets: dict[InputKind, _DecodeBudget] = {}
    for field in fields.values():
        if field.kind not in budgets:
            # The process starts while base64 is decoded and URLs are fetched.
            await pools[field.kind].prepare()
            budgets[field.kind] = _DecodeBudget(pools[field.kind])
    tasks: dict[str, asyncio.Task[bytes | MediaRefused]] = {}
    faults: list[FieldFault] = []
    try:
        async with asyncio.TaskGroup() as group:
            for name, field in fields.items():
                text, budget = getattr(request, name), budgets[field.kind]
                tasks[name] = group.create_task(_load_file(name, text, field, limits, budget))
    except* _LimitExceeded as exceeded:
        faults = [error.fault for error in exceeded.exceptions if isinstance(error, _LimitExceeded)]
    results = {name: task.result() for name, task in tasks.items() if not task.cancelled() and task.exception() is None}
    faults += [FieldFault(name, str(result)) for name, result in results.items() if isinstance(result, MediaRefused)]
    if faults:
        text = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise InvalidInput(f"The input was refused. {text}.", faults)
    return {
        name: LoadedFile(result, fields[name].kind.ending)
        for name, result in results.items()
        if isinstance(result, bytes)
    }


class _LimitExceeded(Exception):
    """Cancels the loading of the other files: the request is refused because one exceeded a decoding limit."""

    def __init__(self, fault: FieldFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _DecodeBudget:
    """What one request may use of a decoder pool: two processes at a time, and twice the CPU time of one file."""

    def __init__(self, decoders: DecoderPool) -> None:
        self._decoders = decoders
        self._slots = asyncio.Semaphore(_CONCURRENT_FILES)
        self._cpu_seconds_left = _CONCURRENT_FILES * decoders.limits.cpu_seconds

    async def decode(self, data: bytes, field: FileInput) -> bytes | MediaRefused:
        async with self._slots:
            allowed = min(self._cpu_seconds_left, self._decoders.limits.cpu_seconds)
            if allowed < 1:
                total = _CONCURRENT_FILES * self._decoders.limits.cpu_seconds
                raise DecodeLimitExceeded(
                    f"takes more than {total:g} s of CPU time to decode, together with the other {field.kind.plural}"
                )
            self._cpu_seconds_left -= allowed
            result = await self._decoders.decode(data, field, allowed)
            self._cpu_seconds_left += max(0.0, allowed - result.cpu_seconds)
            return result.written


async def _load_file(
    name: str, text: str, field: FileInput, limits: MediaInputLimits, budget: _DecodeBudget
) -> bytes | MediaRefused:
    try:
        data = await _read_bytes(text, min(field.max_bytes, limits.max_bytes), field.kind, limits.fetch)
        written = await budget.decode(data, field)
    except MediaRefused as refused:
        written = refused
    if isinstance(written, DecodeLimitExceeded):
        raise _LimitExceeded(FieldFault(name, str(written)))
    return written


async def _read_bytes(text: str, max_bytes: int, kind: InputKind, policy: FetchPolicy) -> bytes:
    """Decodes base64 or a data URL, or fetches a URL."""
    try:
        encoded = base64_in(text, kind.data_url)
        if encoded is not None:
            return await asyncio.to_thread(decode_base64, encoded, max_bytes)
    except FileTextError as error:
        raise MediaRefused(str(error)) from error
    return await fetch(text.strip(), max_bytes, policy, kind.accept)
