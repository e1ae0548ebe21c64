"""Calls the webhooks of jobs that have ended. Only URLs on loopback are called, so that tests reach no other host."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from comfy2runpod.local_endpoint.jobs import Job

# RunPod's retries: two, after ten seconds each.
_ATTEMPTS = 3
_RETRY_SECONDS = 10.0
_TIMEOUT_SECONDS = 10.0

log = logging.getLogger("comfy2runpod.serve")


@dataclass(slots=True)
class Webhooks:
    """The running calls."""

    retry_seconds: float = _RETRY_SECONDS
    _calls: set[asyncio.Task[None]] = field(default_factory=set)

    def job_ended(self, job: Job) -> None:
        """Calls the job's webhook, if it has one on loopback."""
        url = job.request.webhook
        if url is None:
            return
        if not is_loopback(url):
            log.warning("%s: its webhook is not called, since it is not on loopback", job.id)
            return
        call = asyncio.get_running_loop().create_task(self._call(url, job))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def close(self) -> None:
        """Cancels the running calls."""
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _call(self, url: str, job: Job) -> None:
        answer = job.to_json()
        problem = ""
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
            for attempt in range(_ATTEMPTS):
                if attempt:
                    await asyncio.sleep(self.retry_seconds)
                try:
                    if (await http.post(url, json=answer)).is_success:
                        return
                    problem = "did not answer 200"
                except httpx.TransportError as error:
                    problem = f"could not be called ({type(error).__name__})"
                # An invalid URL raises ValueError, OverflowError and other exceptions of libraries.
                except Exception as error:  # noqa: BLE001 - logged in one line
                    log.warning("%s: its webhook cannot be called (%s)", job.id, type(error).__name__)
                    return
        log.warning("%s: its webhook %s", job.id, problem)


def is_loopback(url: str) -> bool:
    """Returns whether a URL is an http or https URL on this machine."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return False
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
