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
from comfy2runpod_runtime.fields import ImageInput
from comfy2runpod_runtime.inputs.fetch import FetchRules, fetch
from comfy2runpod_runtime.inputs.pictures import picture_png
from comfy2runpod_runtime.inputs.refused import InputRefused, megabytes

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_DATA_URL = re.compile(r"\s*data:[^,;]{0,200}(?:;[^,;]{1,200}){0,10}?(;base64)?,", re.IGNORECASE)
_SPACE = str.maketrans("", "", " \t\r\n")


@dataclass(frozen=True, slots=True)
class TakeRules:
    """The operator's limits beside a field's own: bytes of one file, and what may be fetched."""

    max_bytes: int
    fetch: FetchRules


def image_fields(model: type[BaseModel]) -> Mapping[str, ImageInput]:
    """The fields of a request that are pictures, with their limits."""
    return {
        name: mark
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, ImageInput)
    }


async def take_images(request: BaseModel, rules: TakeRules) -> dict[str, bytes]:
    """Every picture of a request as a PNG, by field.

    Raises:
        InvalidInput: some are refused; `details` names each.
    """
    fields = {
        name: limits for name, limits in image_fields(type(request)).items() if getattr(request, name) is not None
    }
    taken = await asyncio.gather(*(_taken(getattr(request, name), limits, rules) for name, limits in fields.items()))
    faults = [
        FieldFault(name, str(item)) for name, item in zip(fields, taken, strict=True) if isinstance(item, InputRefused)
    ]
    if faults:
        text = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise InvalidInput(f"The input was refused. {text}.", faults)
    return {name: item for name, item in zip(fields, taken, strict=True) if isinstance(item, bytes)}


async def _taken(text: str, limits: ImageInput, rules: TakeRules) -> bytes | InputRefused:
    limit = min(limits.max_bytes, rules.max_bytes)
    try:
        data = await _bytes_of(text, limit, rules.fetch)
        return await asyncio.to_thread(picture_png, data, limits)
    except InputRefused as refused:
        return refused


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
    """Base64, broken into lines or not."""
    # Three bytes are four characters; line breaks add a little. Longer texts are not even read.
    if len(text) > limit // 3 * 4 * 1.1 + 100:
        raise InputRefused(f"has over {megabytes(limit)}, which is the most that is taken")
    try:
        data = base64.b64decode(text.translate(_SPACE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputRefused("is neither base64 nor a URL; give base64, a data URL or an https URL") from error
    if len(data) > limit:
        raise InputRefused(f"has {len(data):,} bytes; at most {megabytes(limit)} are taken")
    return data
