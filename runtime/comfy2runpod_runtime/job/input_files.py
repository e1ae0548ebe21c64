"""The input files of one job in ComfyUI's input folder."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from comfy2runpod_runtime.comfyui.client import ComfyUIClient
from comfy2runpod_runtime.errors import JobFailed
from comfy2runpod_runtime.inputs.media_inputs import LoadedFile

# Removing a job's input files may delay the next job by so much.
_CLEAR_SECONDS = 5


def job_folder(prompt_id: str) -> str:
    """The folder of one job, in ComfyUI's input and output folders. No part of the name comes from the caller."""
    return f"comfy2runpod/{prompt_id}"


class InputFiles:
    """The media of one job, as ComfyUI's nodes name them: `comfy2runpod/<prompt id>/<field>.png`, or `.mp4`.

    Args:
        prompt_id: the prompt id of the job's first run.
        media: files, by field.

    Attributes:
        paths: the files' names in the prompt, by field.
    """

    def __init__(self, prompt_id: str, media: Mapping[str, LoadedFile]) -> None:
        self._folder = job_folder(prompt_id)
        names = {field: f"{field}{file.ending}" for field, file in media.items()}
        self._contents = {names[field]: file.content for field, file in media.items()}
        self.paths = {field: f"{self._folder}/{name}" for field, name in names.items()}

    async def upload(self, client: ComfyUIClient) -> None:
        """Uploads the files to ComfyUI.

        Raises:
            ComfyUIError: ComfyUI refuses a file.
            ComfyUIUnavailable: ComfyUI does not answer.
        """
        for name, content in self._contents.items():
            await client.upload(content, self._folder, name)

    async def overwrite(self, client: ComfyUIClient) -> None:
        """Overwrites the files with empty ones: a ComfyUI that is reached by HTTP alone cannot delete them."""

        async def upload_empty() -> None:
            with suppress(JobFailed, TimeoutError):
                async with asyncio.timeout(_CLEAR_SECONDS):
                    for name in self._contents:
                        await client.upload(b"", self._folder, name)

        # Also if the job is cancelled: a caller's media must not be left behind.
        await asyncio.shield(upload_empty())
