"""Downloads the outputs of a finished prompt, measures them, and gives them the form that is asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType

from comfy2runpod_contract.media import file_ending
from comfy2runpod_runtime.comfyui.client import ComfyUIClient
from comfy2runpod_runtime.comfyui.history import History, SavedFile
from comfy2runpod_runtime.inputs.request_options import RequestOptions
from comfy2runpod_runtime.outputs.answer import FileResult, Result, TextResult, sha256_of
from comfy2runpod_runtime.outputs.base import Output


class Downloads:
    """The downloaded files of one job. They are removed when the context ends.

    Args:
        client: the ComfyUI to download from.
        folder: where to keep the files; no other job uses it at the same time.
    """

    def __init__(self, client: ComfyUIClient, folder: Path) -> None:
        self._client = client
        self._folder = folder

    def __enter__(self) -> Downloads:
        """Creates the folder if a cleanup of temporary files removed it."""
        self._folder.mkdir(exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes the files."""
        for path in self._folder.iterdir():
            path.unlink()

    async def fetch(self, output: Output, history: History, title: str) -> tuple[Path | str, ...]:
        """Downloads the files of an output.

        Args:
            output: the output.
            history: the finished prompt.
            title: the node's title, for messages.

        Returns:
            The downloaded files, or the texts of a text output.

        Raises:
            OutputMissing: the node saved nothing, or several files where one is expected.
            ComfyUIUnavailable: ComfyUI does not answer.
        """
        saved = enumerate(output.saved(history, title))
        return tuple(
            [item if isinstance(item, str) else await self._download(output, index, item) for index, item in saved]
        )

    async def _download(self, output: Output, index: int, file: SavedFile) -> Path:
        path = self._folder / f"{output.name}-{index}{Path(file.filename).suffix}"
        await self._client.download(file, path)
        return path


async def prepare_results(
    output: Output, fetched: tuple[Path | str, ...], options: RequestOptions
) -> tuple[Result, ...]:
    """Measures the files of an output, removes ComfyUI's metadata, and encodes images as the request asks.

    Args:
        output: the output.
        fetched: its files or texts, as `Downloads.fetch` returns them.
        options: the request's image format and quality.

    Raises:
        OutputInvalid: a file is corrupt, or not of the type that the endpoint promises.
    """
    return tuple(
        [
            TextResult(output, item)
            if isinstance(item, str)
            else await asyncio.to_thread(_prepare_file, output, index, item, options)
            for index, item in enumerate(fetched)
        ]
    )


def _prepare_file(output: Output, index: int, path: Path, options: RequestOptions) -> FileResult:
    path, measures = output.prepared(path, options)
    suffix = f"_{index + 1:02d}" if output.many else ""
    name = f"{output.name}{suffix}{file_ending(measures.media_type)}"
    return FileResult(output, path, name, path.stat().st_size, sha256_of(path), measures)
