"""The media fields of a request -> the files that ComfyUI gets, before anything is queued."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from comfy2runpod_runtime.errors import FieldFault, InvalidInput
from comfy2runpod_runtime.inputs.decoders import Decoders, TooCostly
from comfy2runpod_runtime.inputs.fetch import FetchRules, fetch
from comfy2runpod_runtime.inputs.field_types import ImageInput
from comfy2runpod_runtime.inputs.refused import InputRefused, megabytes

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_DATA_URL = re.compile(r"\s*data:[^,;]{0,200}(?:;[^,;]{1,200}){0,10}?(;base64)?,", re.IGNORECASE)
# Of one request's images.
_AT_ONCE = 2
_SPACE = str.maketrans("", "", " \t\r\n")
# In characters. The smallest image of all, a PNG of one pixel, has 67 bytes.
_SHORTEST = 64
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class TakeRules:
    """The operator's limits beside a field's own: bytes of one file, and what may be fetched."""

    max_bytes: int
    fetch: FetchRules


def image_fields(model: type[BaseModel]) -> Mapping[str, ImageInput]:
    """The fields of a request that are images, with their limits."""
    return {
        name: mark
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, ImageInput)
    }


async def take_images(request: BaseModel, rules: TakeRules, decoders: Decoders) -> dict[str, bytes]:
    """Every image of a request as a PNG, by field.

    Raises:
        InvalidInput: some are refused; `details` names each. Once one has cost too much, the others are looked at no
            further.
        DecoderNotStarted: none can be decoded here.
    """
    fields = {
        name: limits for name, limits in image_fields(type(request)).items() if getattr(request, name) is not None
    }
    if not fields:
        return {}
    # While it starts, texts are decoded and URLs fetched.
    await decoders.prepare()
    share = _Share(decoders)
    tasks: dict[str, asyncio.Task[bytes | InputRefused]] = {}
    faults: list[FieldFault] = []
    try:
        async with asyncio.TaskGroup() as group:
            for name, limits in fields.items():
                tasks[name] = group.create_task(_taken(name, getattr(request, name), limits, rules, share))
    except* _Enough as enough:
        faults = [error.fault for error in enough.exceptions if isinstance(error, _Enough)]
    taken = {name: task.result() for name, task in tasks.items() if not task.cancelled() and task.exception() is None}
    faults += [FieldFault(name, str(item)) for name, item in taken.items() if isinstance(item, InputRefused)]
    if faults:
        text = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise InvalidInput(f"The input was refused. {text}.", faults)
    return {name: item for name, item in taken.items() if isinstance(item, bytes)}


class _Enough(Exception):
    """An image that cost too much: the request is refused, and costs no more."""

    def __init__(self, fault: FieldFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Share:
    """What one request gets of the decoders: two at once, and twice the computing time of one image in all."""

    def __init__(self, decoders: Decoders) -> None:
        self._decoders = decoders
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._left = _AT_ONCE * decoders.rules.cpu_seconds

    async def decoded(self, data: bytes, limits: ImageInput) -> bytes | InputRefused:
        async with self._places:
            given = min(self._left, self._decoders.rules.cpu_seconds)
            if given < 1:
                total = _AT_ONCE * self._decoders.rules.cpu_seconds
                raise TooCostly(f"takes more than {total:g} s of computing together with the other images")
            self._left -= given
            decoded = await self._decoders.decoded(data, limits, given)
            self._left += max(0.0, given - decoded.cpu_seconds)
            return decoded.png


async def _taken(name: str, text: str, limits: ImageInput, rules: TakeRules, share: _Share) -> bytes | InputRefused:
    limit = min(limits.max_bytes, rules.max_bytes)
    try:
        data = await _bytes_of(text, limit, rules.fetch)
        found = await share.decoded(data, limits)
    except InputRefused as refused:
        found = refused
    if isinstance(found, TooCostly):
        raise _Enough(FieldFault(name, str(found)))
    return found


async def _bytes_of(text: str, limit: int, rules: FetchRules) -> bytes:
    """The bytes that a text stands for: base64, a data URL, or a URL to fetch."""
    scheme = _SCHEME.match(text[:100])
    match scheme[1].lower() if scheme else None:
        case None:
            return await asyncio.to_thread(_decoded, text, limit)
        case "http" | "https":
            return await fetch(text.strip(), limit, rules)
        case "data":
            head = _DATA_URL.match(text[:4096])
            if head is None or head[1] is None:
                raise InputRefused("is a data URL, but not one in base64 (data:image/png;base64,…)")
            return await asyncio.to_thread(_decoded, text[head.end() :], limit)
    raise InputRefused("is a URL of a kind that is not fetched; give base64, a data URL or an https URL")


def _decoded(text: str, limit: int) -> bytes:
    """Base64, broken into lines or not, padded or not, in either of its alphabets, but in one."""
    # Three bytes are four characters; line breaks add a little. Longer texts are not even read.
    if len(text) > limit // 3 * 4 * 1.1 + 100:
        raise InputRefused(f"has over {megabytes(limit)}, which is the most that is taken")
    try:
        data = base64.b64decode(_canonical(text.translate(_SPACE)), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputRefused("is neither base64 nor a URL; give base64, a data URL or an https URL") from error
    if len(data) > limit:
        raise InputRefused(f"has {len(data):,} bytes; at most {megabytes(limit)} are taken")
    return data


def _canonical(text: str) -> str:
    """With the padding that it may lack, in the usual alphabet.

    Raises:
        ValueError: it is padded otherwise than it needs, or in both alphabets at once.
    """
    if len(text) < _SHORTEST:
        # No image: rather a name or a path, which many are base64 without padding by chance.
        return text
    body = text.rstrip("=")
    padding, needed = len(text) - len(body), -len(body) % 4
    if padding not in (0, needed):
        raise ValueError("another padding than it needs")
    if "-" in body or "_" in body:
        if "+" in body or "/" in body:
            raise ValueError("both alphabets")
        body = body.translate(_URL_SAFE)
    return body + "=" * needed
