"""Watches the host's memory between jobs: a worker whose memory grows from job to job is replaced before the kernel
kills it in the middle of one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from comfy2runpod_runtime.errors import ComfyUIUnavailable
from comfy2runpod_runtime.operations.memory import Memory

log = logging.getLogger(__name__)

# From this part of the highest share on, ComfyUI is asked to free what it holds.
_FREE_PART = 0.9
# It is asked again after the share has grown by so much.
_GROWTH = 0.02


class MemoryWatchdog:
    """Decides after a job whether the worker has memory for another.

    Args:
        most_share: the highest share of the memory that may be used between jobs; 0 to watch nothing.
        read: returns the memory as it is; None where it is not known.
    """

    def __init__(self, most_share: float, read: Callable[[], Memory | None]) -> None:
        self._most = most_share
        self._read = read
        # The share after ComfyUI was asked last: asked again at once, it would load its models for every job.
        self._freed_share = 0.0

    async def check(self, free: Callable[[], Awaitable[None]]) -> str | None:
        """Returns why the worker is to be replaced; None if it has memory enough, or after it was freed.

        Args:
            free: has ComfyUI unload its models, and waits until it has.
        """
        before = self._read() if self._most else None
        if before is None or before.share < self._most * _FREE_PART:
            return None
        if before.share < min(self._most, self._freed_share + _GROWTH):
            return None
        with suppress(ComfyUIUnavailable):
            await free()
        after = self._read() or before
        self._freed_share = after.share
        log.warning("%s of memory used after the job, %s after ComfyUI freed it", _shown(before), _shown(after))
        if after.share < self._most:
            return None
        return f"{_shown(after)} of the host's memory are used between jobs, over MEMORY_SHARE"


def _shown(memory: Memory) -> str:
    return f"{memory.used / 1e9:.1f} of {memory.limit / 1e9:.1f} GB ({memory.share:.0%})"
