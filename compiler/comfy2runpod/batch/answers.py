"""Results of any package: which files one contains, by the form of the answer, and how they are written durably.

One output, flat:  {"image": base64, "media_type", "bytes", "sha256", …}, or `url` and `expires_at` for the base64
Several, or many:  {"left": {"data": base64, "media_type", …}, "frames": [{"url", "expires_at", "media_type", …}], …}
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from comfy2runpod.batch.journal import flush_folder, parts_in
from comfy2runpod.client.async_client import AsyncClient
from comfy2runpod.client.media import Medium, OutputSpec, TotalBytes, check_names, media_in, part_of
from comfy2runpod_contract.media import OTHER_TYPE
from comfy2runpod_contract.messages import ANSWER_TEXTS, PROGRESS_KEYS

RESPONSE = "response.json"

Client: TypeAlias = AsyncClient[Mapping[str, object], Mapping[str, object], Mapping[str, object]]

# The keys of a progress update, which may overwrite a result (runpod-python#250).
_PROGRESS = frozenset(PROGRESS_KEYS)
_KINDS = frozenset({"image", "video", "audio", "model"})
# Names are untrusted, and become file names.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed result: its files, and the rest of the answer; `missing` lists outputs that failed."""

    media: tuple[Medium, ...]
    rest: Mapping[str, object]
    missing: tuple[str, ...]


def is_progress(output: Mapping[str, object]) -> bool:
    """Returns whether a progress update has overwritten the result."""
    return "percent" in output and output.keys() <= _PROGRESS


def read_answer(output: Mapping[str, object], max_files: int) -> Answer:
    """Parses a result. In `rest`, file names replace base64 and URLs.

    Raises:
        MediaBroken: a file is malformed, there are more than `max_files`, or two would have the same name.
    """
    failed = output.get("failed")
    missing = tuple(
        str(one.get("output")) for one in (failed if isinstance(failed, list) else []) if isinstance(one, dict)
    )
    name = _flat(output)
    if name is not None:
        (medium,) = media_in(output, (OutputSpec(name, OTHER_TYPE, flat=True),), max_files)
        kept = {key: value for key, value in output.items() if key not in {name, "url", "expires_at"}}
        return Answer((medium,), {name: file_name(medium), **kept}, missing)
    held = {key: value for key, value in output.items() if _NAME.fullmatch(key) and _holds_files(value)}
    media = media_in(held, tuple(OutputSpec(key, OTHER_TYPE, flat=False) for key in held), max_files)
    check_names((medium, file_name(medium)) for medium in media)
    rest, left = dict(output), iter(media)
    for key, value in held.items():
        parts = [_without(part, next(left)) for part in _parts(value)]
        rest[key] = parts if isinstance(value, list) else parts[0]
    return Answer(media, rest, missing)


def file_name(medium: Medium) -> str:
    """Returns the name of a file in its input's folder."""
    name = medium.name()
    # Some file systems ignore case.
    return name if name.casefold() != RESPONSE else f"file_{name}"


async def store_answer(client: Client, answer: Answer, folder: Path) -> None:
    """Writes a result to its folder, and flushes it to disk.

    Raises:
        MediaBroken: a file is not the one that the worker made, or cannot be downloaded; or all are too large together.
        OSError: the folder cannot be written.
    """
    total = TotalBytes(answer.media, client.options.max_total_bytes)
    await asyncio.to_thread(_prepare_folder, folder)
    paths = [folder / file_name(medium) for medium in answer.media]
    for medium, path in zip(answer.media, paths, strict=True):
        await client.save_one(medium, path)
        total.count(medium, path)
    await asyncio.to_thread(_write_durably, paths, answer.rest, folder)


def _prepare_folder(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    # Left by a killed process.
    for stale in parts_in(folder):
        stale.unlink()


def _write_durably(paths: Iterable[Path], rest: Mapping[str, object], folder: Path) -> None:
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    response = folder / RESPONSE
    part = part_of(response)
    try:
        with part.open("wb") as file:
            text = json.dumps(rest, indent=2, ensure_ascii=False) + "\n"
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        part.replace(response)
    finally:
        part.unlink(missing_ok=True)
    flush_folder(folder)
    flush_folder(folder.parent)


def _flat(output: Mapping[str, object]) -> str | None:
    """Returns the name of the file in a flat answer; None if the answer is not flat."""
    media_type, size = output.get("media_type"), output.get("bytes")
    if not isinstance(media_type, str) or not ("sha256" in output or isinstance(size, int)):
        return None
    if isinstance(output.get("url"), str):
        kind = media_type.partition("/")[0]
        return kind if kind in _KINDS else "file"
    texts = {key: value for key, value in output.items() if isinstance(value, str) and key not in ANSWER_TEXTS}
    if not texts:
        return None
    # Other long texts are rare. Whether the file is complete is checked when it is saved.
    name = max(texts, key=lambda key: len(texts[key]))
    return name if _NAME.fullmatch(name) else None


def _parts(value: object) -> list[Mapping[str, object]]:
    return [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, dict)]


def _holds_files(value: object) -> bool:
    parts = _parts(value)
    whole = len(parts) == len(value) if isinstance(value, list) else True
    return bool(parts) and whole and all(_is_file(part) for part in parts)


def _is_file(part: Mapping[str, object]) -> bool:
    held = part.get("data", part.get("url"))
    return isinstance(held, str) and isinstance(part.get("media_type"), str)


def _without(part: Mapping[str, object], medium: Medium) -> dict[str, object]:
    kept = {key: value for key, value in part.items() if key not in {"data", "url", "expires_at"}}
    return {"data": file_name(medium), **kept}
