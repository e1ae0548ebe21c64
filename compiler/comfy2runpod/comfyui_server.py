"""Asks a running ComfyUI what it is and which node classes it has: the only user of its HTTP routes here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from comfy2runpod.diagnostics import Locus
from comfy2runpod.errors.catalog import ServerUnreachable
from comfy2runpod.ir.json import Json, JsonObject

# Building the answer takes a server with many packs several seconds.
_TIMEOUT_SECONDS = 60.0


class ServerError(Exception):
    """The server does not answer; `diagnostic` says why."""

    def __init__(self, diagnostic: ServerUnreachable) -> None:
        super().__init__(diagnostic.reason)
        self.diagnostic = diagnostic


@dataclass(frozen=True, slots=True)
class ServerAnswers:
    """What a server said: its /object_info, the versions of ComfyUI and of the editor, the files of model folders."""

    object_info: bytes
    comfyui: str | None
    editor: str | None
    listings: Mapping[str, tuple[str, ...]]


def ask_server(url: str) -> ServerAnswers:
    """Asks for /object_info, /system_stats and the lists of model files.

    Raises:
        ServerError: it cannot be reached, or has no /object_info.
    """
    import httpx  # noqa: PLC0415 - a tenth of a second to import, and only this needs it

    def get(route: str) -> bytes | None:
        answer = client.get(f"{url.rstrip('/')}/{route}")
        return answer.content if answer.is_success else None

    with httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=True) as client:
        try:
            object_info = get("object_info")
            stats = _object(get("system_stats"))
            folders = [name for name in _list(get("models")) if isinstance(name, str)]
            listings = {folder: _texts(get(f"models/{quote(folder, safe='')}")) for folder in folders}
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problem = str(error) or type(error).__name__
            raise ServerError(ServerUnreachable(at=Locus(url), problem=problem)) from error
    if object_info is None:
        raise ServerError(ServerUnreachable(at=Locus(url), problem="it has no /object_info"))
    system = stats.get("system")
    system = system if isinstance(system, dict) else {}
    return ServerAnswers(
        object_info=object_info,
        comfyui=_text(system.get("comfyui_version")),
        editor=_text(system.get("required_frontend_version")),
        listings=listings,
    )


def _parsed(data: bytes | None) -> Json:
    try:
        return cast(Json, json.loads(data or b"null"))
    except ValueError:
        return None


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
