"""What a prompt that has ended left behind -> an endpoint's outputs: downloaded, measured, encoded as it was asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType

from comfy2runpod_contract.media import file_ending
from comfy2runpod_runtime.comfyui.client import ComfyUIClient, History, SavedFile
from comfy2runpod_runtime.inputs.request_options import RequestOptions
from comfy2runpod_runtime.outputs.answer import Collected, Result, Shown, sha256_of
from comfy2runpod_runtime.outputs.base import Output


class Downloads:
    """The files of one job, in a folder that no other job uses at the time; gone when the context ends."""

    def __init__(self, client: ComfyUIClient, folder: Path) -> None:
        self._client = client
        self._folder = folder

    def __enter__(self) -> Downloads:
        """Sees to the folder: what cleans up after others may have taken it."""
        self._folder.mkdir(exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes the files."""
        for path in self._folder.iterdir():
            path.unlink()

    async def fetch(self, output: Output, history: History, title: str) -> tuple[Path | str, ...]:
        """Downloads the files of an output; the texts of one that has no files.

        Raises:
            OutputMissing: the node saved nothing, or too much.
            ComfyUIUnavailable: ComfyUI does not answer.
        """
        found = enumerate(output.saved(history, title))
        return tuple([one if isinstance(one, str) else await self._one(output, at, one) for at, one in found])

    async def _one(self, output: Output, index: int, file: SavedFile) -> Path:
        path = self._folder / f"{output.name}-{index}{Path(file.filename).suffix}"
        await self._client.download(file, path)
        return path


async def finished(output: Output, found: tuple[Path | str, ...], wanted: RequestOptions) -> tuple[Result, ...]:
    """Measures what was fetched, takes ComfyUI's prompt out of it, and encodes images as the request wants them.

    Raises:
        OutputInvalid: a file is not whole, or not what the endpoint promises.
    """
    return tuple(
        [
            Shown(output, item)
            if isinstance(item, str)
            else await asyncio.to_thread(_finished, output, index, item, wanted)
            for index, item in enumerate(found)
        ]
    )


def _finished(output: Output, index: int, path: Path, wanted: RequestOptions) -> Collected:
    path, measures = output.prepared(path, wanted)
    place = f"_{index + 1:02d}" if output.many else ""
    name = f"{output.name}{place}{file_ending(measures.media_type)}"
    return Collected(output, path, name, path.stat().st_size, sha256_of(path), measures)
