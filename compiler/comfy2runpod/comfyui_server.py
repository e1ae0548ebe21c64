"""Asks a running ComfyUI what it is and which node classes it has: the only user of its HTTP routes here.

Whoever answers may be anybody: all answers together get so many seconds, each so many bytes, unpacked ones too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from comfy2runpod.catalog.object_info import MAX_ANSWER
from comfy2runpod.diagnostics import Diagnostic, Locus
from comfy2runpod.errors.catalog import BadObjectInfo, ServerUnreachable
from comfy2runpod_contract.json_types import Json, JsonObject

if TYPE_CHECKING:
    import httpx

# Building the answer takes a server with many packs several seconds.
TIMEOUT_SECONDS = 120.0
_REDIRECTS = 5
# ComfyUI has some thirty folders of models.
_MOST_FOLDERS = 500
# gzip alone: of what else a server may pack with, one reader or another knows nothing.
_HEADERS = {"Accept-Encoding": "gzip", "Accept": "application/json"}


class ServerError(Exception):
    """The server does not answer, or with something else; `diagnostic` says why."""

    def __init__(self, diagnostic: ServerUnreachable | BadObjectInfo) -> None:
        super().__init__(diagnostic.reason)
        self.diagnostic: Diagnostic = diagnostic

    @property
    def unreachable(self) -> bool:
        """Whether nothing came of it, in place of something that is no answer."""
        return isinstance(self.diagnostic, ServerUnreachable)


@dataclass(frozen=True, slots=True)
class ServerAnswers:
    """What a server said: its /object_info, the versions of ComfyUI and of the editor, the files of model folders."""

    object_info: bytes
    comfyui: str | None
    editor: str | None
    listings: Mapping[str, tuple[str, ...]]


def ask_server(url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> ServerAnswers:
    """Asks for /object_info, /system_stats and the lists of model files; all of it within so many seconds.

    Raises:
        ServerError: it cannot be reached, takes too long, or what it says is no such answer.
    """
    import httpx  # noqa: PLC0415 - a tenth of a second to import, and only this needs it

    at = Locus(_without_user(url))
    try:
        return asyncio.run(_ask(url, at, timeout_seconds))
    except TimeoutError:
        problem = f"it has not said all within {timeout_seconds:g} seconds"
        raise ServerError(ServerUnreachable(at=at, problem=problem)) from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        # ValueError: a host name that is none.
        problem = str(error) or type(error).__name__
        raise ServerError(ServerUnreachable(at=at, problem=problem)) from None


class _TooLongError(Exception):
    """An answer of more bytes than are read."""


async def _ask(url: str, at: Locus, timeout_seconds: float) -> ServerAnswers:
    import httpx  # noqa: PLC0415 - as above

    base = url.rstrip("/")
    async with (
        asyncio.timeout(timeout_seconds),
        httpx.AsyncClient(
            timeout=timeout_seconds, follow_redirects=True, max_redirects=_REDIRECTS, headers=_HEADERS
        ) as client,
    ):
        try:
            object_info = await _get(client, f"{base}/object_info", MAX_ANSWER)
        except _TooLongError:
            problem = f"it has more than {MAX_ANSWER:,} bytes"
            raise ServerError(BadObjectInfo(at=at, problem=problem)) from None
        if object_info is None:
            raise ServerError(ServerUnreachable(at=at, problem="it has no /object_info"))
        rest = _Rest(client)
        stats = _object(await rest.told(f"{base}/system_stats"))
        folders = [name for name in _list(await rest.told(f"{base}/models")) if isinstance(name, str)]
        listings = {
            folder: _texts(await rest.told(f"{base}/models/{quote(folder, safe='', errors='replace')}"))
            for folder in folders[:_MOST_FOLDERS]
        }
    system = stats.get("system")
    system = system if isinstance(system, dict) else {}
    return ServerAnswers(
        object_info=object_info,
        comfyui=_text(system.get("comfyui_version")),
        editor=_text(system.get("required_frontend_version")),
        listings=listings,
    )


async def _get(client: httpx.AsyncClient, url: str, limit: int) -> bytes | None:
    """An answer's bytes; None if it is no success.

    Raises:
        _TooLongError: there are more than `limit` of them.
    """
    received = bytearray()
    async with client.stream("GET", url) as answer:
        if not answer.is_success:
            return None
        # As they come: what is packed small may be large.
        async for chunk in answer.aiter_bytes():
            received += chunk
            if len(received) > limit:
                raise _TooLongError
    return bytes(received)


@dataclass(slots=True)
class _Rest:
    """What a catalog can do without: as many bytes as are taken of all of it together."""

    client: httpx.AsyncClient
    left: int = MAX_ANSWER

    async def told(self, url: str) -> bytes | None:
        """An answer, None if there is none or it is too long."""
        try:
            data = await _get(self.client, url, self.left)
        except _TooLongError:
            self.left = 0
            return None
        self.left -= len(data or b"")
        return data


def _without_user(url: str) -> str:
    """The address without what stands before an @ in it, which may be a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _parsed(data: bytes | None) -> Json:
    try:
        value: Json = json.loads(data or b"null")
    except (ValueError, RecursionError):
        return None
    return value


def _object(data: bytes | None) -> JsonObject:
    value = _parsed(data)
    return value if isinstance(value, dict) else {}


def _list(data: bytes | None) -> list[Json]:
    value = _parsed(data)
    return value if isinstance(value, list) else []


def _texts(data: bytes | None) -> tuple[str, ...]:
    return tuple(item for item in _list(data) if isinstance(item, str))


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
