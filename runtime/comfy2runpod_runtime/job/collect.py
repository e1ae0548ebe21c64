"""What a prompt that has ended left behind -> an endpoint's outputs: downloaded, measured, encoded as it was asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType

from comfy2runpod_runtime.comfyui.client import ComfyUIClient, History, SavedFile
from comfy2runpod_runtime.inputs.request_options import RequestOptions
from comfy2runpod_runtime.outputs.media import ImageMeasures, extension_of, reencoded, sha256_of
from comfy2runpod_runtime.outputs.outputs import Collected, Image, Output, Result, Shown, Text
from comfy2runpod_runtime.outputs.strip_metadata import stripped


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
        if isinstance(output, Text):
            return output.texts(history, title)
        saved = output.wanted(history, title)
        return tuple([await self._one(output, index, file) for index, file in enumerate(saved)])

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
    measures = output.measure(path)
    if isinstance(output, Image) and isinstance(measures, ImageMeasures) and wanted.format is not None:
        # A PNG that is wanted as a PNG too: what ComfyUI writes into it is not for callers.
        path = reencoded(path, wanted.format, wanted.quality)
        measures = ImageMeasures(measures.width, measures.height, f"image/{wanted.format}")
    elif (clean := stripped(path, measures.media_type)) != path:
        path, measures = clean, output.measure(clean)
    place = f"_{index + 1:02d}" if output.many else ""
    name = f"{output.name}{place}{extension_of(measures.media_type)}"
    return Collected(output, path, name, path.stat().st_size, sha256_of(path), measures)
