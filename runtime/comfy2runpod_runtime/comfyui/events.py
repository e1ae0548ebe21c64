"""ComfyUI's events: a hint of progress, never the authority.

A thread of its own reads the websocket and hands typed events to the job's loop. Whatever happens to the connection,
the job goes on: it asks the history.
"""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import TypeAlias

import websocket

from comfy2runpod_runtime.json_types import Json

_RECONNECT_SECONDS = 1.0
_RECEIVE_SECONDS = 1.0
_MAX_WAITING = 1000


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """A node runs; None says that the prompt has ended."""

    prompt_id: str
    node_id: str | None


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step of the node that runs."""

    prompt_id: str
    node_id: str
    step: int
    of: int


@dataclass(frozen=True, slots=True)
class PromptEnded:
    """The prompt succeeded, failed or was interrupted: look at the history."""

    prompt_id: str


Event: TypeAlias = NodeStarted | StepDone | PromptEnded


class EventStream:
    """Events of one client id, for as long as the context is open."""

    def __init__(self, url: str, client_id: str) -> None:
        scheme = "wss" if url.startswith("https") else "ws"
        self._url = f"{scheme}://{url.split('://', 1)[-1]}/ws?clientId={client_id}"
        self._queue: asyncio.Queue[Event] = asyncio.Queue(_MAX_WAITING)
        self._stop = threading.Event()
        self._connected = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> EventStream:
        """Starts to listen; waits a moment for the connection, since events are not repeated."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._read, name="comfyui-events", daemon=True)
        self._thread.start()
        await asyncio.to_thread(self._connected.wait, _RECEIVE_SECONDS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops listening; the thread ends by itself."""
        self._stop.set()

    async def next(self, timeout_seconds: float) -> Event | None:
        """The next event, or None if none comes in time."""
        try:
            return await asyncio.wait_for(self._queue.get(), timeout_seconds)
        except TimeoutError:
            return None

    def _read(self) -> None:
        while not self._stop.is_set():
            connection = websocket.WebSocket()
            try:
                connection.connect(self._url, timeout=_RECEIVE_SECONDS * 5)  # type: ignore[no-untyped-call]
                self._connected.set()
                connection.settimeout(_RECEIVE_SECONDS)
                self._receive(connection)
            except (websocket.WebSocketException, OSError, ValueError):
                self._stop.wait(_RECONNECT_SECONDS)
            finally:
                connection.close()

    def _receive(self, connection: websocket.WebSocket) -> None:
        while not self._stop.is_set():
            try:
                opcode, data = connection.recv_data()
            except websocket.WebSocketTimeoutException:
                continue
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                raise websocket.WebSocketConnectionClosedException("closed by ComfyUI")
            # Binary frames are previews.
            event = parse_event(data) if opcode == websocket.ABNF.OPCODE_TEXT else None
            if event is not None and self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._hand_over, event)

    def _hand_over(self, event: Event) -> None:
        # A job that does not look must not make us grow: the oldest hint goes.
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(event)


def parse_event(data: bytes | str) -> Event | None:
    """The event in a text frame, or None if it is of no interest or not well formed."""
    try:
        message: Json = json.loads(data)
    except ValueError:
        return None
    match message:
        case {"type": "executing", "data": {"prompt_id": str() as prompt_id, "node": (str() | None) as node}}:
            return NodeStarted(prompt_id, node) if node is not None else PromptEnded(prompt_id)
        case {
            "type": "progress",
            "data": {
                "prompt_id": str() as prompt_id,
                "node": str() as node,
                "value": int() as step,
                "max": int() as of,
            },
        }:
            return StepDone(prompt_id, node, step, of)
        case {
            "type": "execution_success" | "execution_error" | "execution_interrupted",
            "data": {"prompt_id": str() as prompt_id},
        }:
            return PromptEnded(prompt_id)
    return None
