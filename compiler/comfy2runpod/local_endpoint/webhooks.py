"""Tells a job's webhook of its end. Only those on loopback are called: a trial concerns nobody outside."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from comfy2runpod.local_endpoint.jobs import Job

# RunPod's own: two further attempts, ten seconds apart.
_ATTEMPTS = 3
_APART_SECONDS = 10.0
_TIMEOUT_SECONDS = 10.0

log = logging.getLogger("comfy2runpod.serve")


@dataclass(slots=True)
class Webhooks:
    """The calls that are under way."""

    apart_seconds: float = _APART_SECONDS
    _calls: set[asyncio.Task[None]] = field(default_factory=set)

    def ended(self, job: Job) -> None:
        """Calls the job's webhook, if it has one on loopback."""
        url = job.request.webhook
        if url is None:
            return
        if not is_loopback(url):
            log.warning("%s: its webhook is not on loopback and is not called", job.id)
            return
        call = asyncio.get_running_loop().create_task(self._call(url, job))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def close(self) -> None:
        """Gives up what is under way."""
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _call(self, url: str, job: Job) -> None:
        answer = job.to_json()
        problem = ""
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
            for attempt in range(_ATTEMPTS):
                if attempt:
                    await asyncio.sleep(self.apart_seconds)
                try:
                    if (await http.post(url, json=answer)).is_success:
                        return
                    problem = "did not answer 200"
                except httpx.TransportError as error:
                    problem = f"could not be called ({type(error).__name__})"
                # What an address that is none makes of a call: ValueError, OverflowError, and others of libraries.
                except Exception as error:  # noqa: BLE001 - told in a line, whatever it is
                    log.warning("%s: its webhook cannot be called (%s)", job.id, type(error).__name__)
                    return
        log.warning("%s: its webhook %s", job.id, problem)


def is_loopback(url: str) -> bool:
    """Whether a URL is http(s) to this machine."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return False
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
