"""The input files of one job in ComfyUI's input folder."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from comfy2runpod_runtime.comfyui.client import ComfyUIClient
from comfy2runpod_runtime.errors import JobError

# Removing a job's input files may delay the next job by so much.
_CLEAR_SECONDS = 5


def job_folder(prompt_id: str) -> str:
    """The folder of one job, in ComfyUI's input and output folders. No part of the name comes from the caller."""
    return f"comfy2runpod/{prompt_id}"


class InputFiles:
    """The images of one job, as ComfyUI's nodes name them: `comfy2runpod/<prompt id>/<field>.png`.

    Args:
        prompt_id: the prompt id of the job's first run.
        images: PNG files, by field.

    Attributes:
        paths: the files' names in the prompt, by field.
    """

    def __init__(self, prompt_id: str, images: Mapping[str, bytes]) -> None:
        self._folder = job_folder(prompt_id)
        self._images = {f"{name}.png": image for name, image in images.items()}
        self.paths = {name: f"{self._folder}/{name}.png" for name in images}

    async def upload(self, client: ComfyUIClient) -> None:
        """Uploads the files to ComfyUI.

        Raises:
            ComfyUIError: ComfyUI refuses a file.
            ComfyUIUnavailable: ComfyUI does not answer.
        """
        for name, image in self._images.items():
            await client.upload(image, self._folder, name)

    async def overwrite(self, client: ComfyUIClient) -> None:
        """Overwrites the files with empty ones: a ComfyUI that is reached by HTTP alone cannot delete them."""

        async def upload_empty() -> None:
            with suppress(JobError, TimeoutError):
                async with asyncio.timeout(_CLEAR_SECONDS):
                    for name in self._images:
                        await client.upload(b"", self._folder, name)

        # Also if the job is cancelled: a caller's images must not be left behind.
        await asyncio.shield(upload_empty())
