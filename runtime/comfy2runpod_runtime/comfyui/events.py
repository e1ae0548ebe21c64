"""ComfyUI's events: a hint of progress, never the authority.

A thread of its own reads the websocket and hands typed events to the job's loop. Whatever happens to the connection,
the job goes on: it asks the history. Frames that are no events of interest are passed over: previews, which are
binary, and what is not well formed.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import websocket

from comfy2runpod_contract.json_types import Json, JsonObject

_CONNECT_SECONDS = 5.0
# How long a job waits for its first connection: events from before it are not repeated, but only hints are lost.
_FIRST_CONNECTION_SECONDS = 1.0
_RECONNECT_SECONDS = 1.0
_CLOSE_SECONDS = 2.0
_MAX_WAITING = 1000
# To wake the loop for each of a burst would cost more than all else that the worker does for a short job.
_BURST_SECONDS = 0.05
# What stands between the worker and ComfyUI may drop a connection that nobody used for minutes.
_TRUSTED_SECONDS = 60.0


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
class PromptEnding:
    """The prompt succeeded, failed or was interrupted; the history is written next."""

    prompt_id: str


@dataclass(frozen=True, slots=True)
class PromptEnded:
    """The prompt has ended, and the history is written."""

    prompt_id: str


@dataclass(frozen=True, slots=True)
class NodeSaved:
    """A node has saved its files: `output` says which, as the history will."""

    prompt_id: str
    node_id: str
    output: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class NodesKept:
    """What need not run: ComfyUI has the results from an earlier prompt."""

    prompt_id: str
    node_ids: tuple[str, ...]


Event: TypeAlias = NodeStarted | StepDone | NodeSaved | NodesKept | PromptEnding | PromptEnded


class EventStream:
    """Events of one client id, from job to job: for as long as the connection holds, or a job listens."""

    def __init__(self, url: str) -> None:
        self.client_id = uuid.uuid4().hex
        scheme, _, rest = url.partition("://")
        self._url = f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws?clientId={self.client_id}"
        self._queue: asyncio.Queue[Event] = asyncio.Queue(_MAX_WAITING)
        self._stop = threading.Event()
        # Whether a lost connection is to be made anew: only while a job listens. The thread ends under the lock, so
        # that a job that begins then starts another.
        self._wanted = threading.Event()
        self._ending = threading.Lock()
        self._connected = threading.Event()
        self._heard = time.monotonic()
        self._connection = websocket.WebSocket()
        self._thread: threading.Thread | None = None

    @property
    def connected(self) -> bool:
        """Whether events come at the moment, as far as is known."""
        return self._connected.is_set()

    @property
    def usable(self) -> bool:
        """Whether the connection holds, and was heard of lately: what stands between may drop a silent one unsaid."""
        return self.connected and time.monotonic() - self._heard < _TRUSTED_SECONDS

    async def start(self) -> None:
        """Starts to listen, if it does not; waits a moment for the connection. What is left of another job is gone."""
        while not self._queue.empty():
            self._queue.get_nowait()
        with self._ending:
            self._wanted.set()
            begins = self._thread is None
        if begins:
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._read, args=(loop,), name="comfyui-events", daemon=True)
            self._thread.start()
            await asyncio.to_thread(self._connected.wait, _FIRST_CONNECTION_SECONDS)

    def rest(self) -> None:
        """The job is over: the connection is kept, but not made anew once it is lost."""
        self._wanted.clear()

    async def close(self) -> None:
        """Stops listening and waits for the thread; one that hangs in a connection attempt ends by itself later."""
        self._stop.set()
        self._connection.abort()  # type: ignore[no-untyped-call]
        if (thread := self._thread) is not None:
            await asyncio.to_thread(thread.join, _CLOSE_SECONDS)

    async def next(self, timeout_seconds: float) -> Event | None:
        """The next event, or None if none comes in time."""
        # Not wait_for(): before Python 3.12 it loses a cancellation that comes together with an event.
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._queue.get()
        except TimeoutError:
            return None

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._goes_on():
            # Each text is decoded as JSON anyway; to check it here, byte by byte in Python, takes longer than all else.
            self._connection = connection = websocket.WebSocket(skip_utf8_validation=True)
            try:
                connection.connect(self._url, timeout=_CONNECT_SECONDS)  # type: ignore[no-untyped-call]
                connection.settimeout(_CONNECT_SECONDS)
                self._heard = time.monotonic()
                self._connected.set()
                self._receive(connection, loop)
            except (websocket.WebSocketException, OSError, ValueError):
                self._connected.clear()
                if self._wanted.is_set():
                    self._stop.wait(_RECONNECT_SECONDS)
            finally:
                self._connected.clear()
                # Not close(): it leaves the socket open once the server has closed, and else waits for its consent.
                connection.shutdown()  # type: ignore[no-untyped-call]

    def _goes_on(self) -> bool:
        with self._ending:
            if self._wanted.is_set() and not self._stop.is_set():
                return True
            self._thread = None
            return False

    def _receive(self, connection: websocket.WebSocket, loop: asyncio.AbstractEventLoop) -> None:
        """Hands events over: one that comes alone at once, those of a burst together, and the end at once again."""
        burst: list[Event] = []
        handed_over = 0.0
        while not self._stop.is_set():
            opcode, data = websocket.ABNF.OPCODE_PING, b""
            with suppress(websocket.WebSocketTimeoutException):
                opcode, data = connection.recv_data()
                self._heard = time.monotonic()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                raise websocket.WebSocketConnectionClosedException("closed by ComfyUI")
            event = parse_event(data) if opcode == websocket.ABNF.OPCODE_TEXT else None
            if event is not None:
                burst.append(event)
            due = time.monotonic() - handed_over >= _BURST_SECONDS or isinstance(event, PromptEnded)
            if burst and due:
                # A loop that has been closed since then has no job that waits.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._hand_over, burst)
                burst, handed_over = [], time.monotonic()
            connection.settimeout(_BURST_SECONDS if burst else _CONNECT_SECONDS)

    def _hand_over(self, events: list[Event]) -> None:
        for event in events:
            # A job that does not look must not make us grow: the oldest hint goes.
            if self._queue.full():
                self._queue.get_nowait()
            self._queue.put_nowait(event)


def parse_event(data: bytes | str) -> Event | None:
    """The event in a text frame, or None if it is of no interest or not well formed."""
    try:
        message: Json = json.loads(data)
    except (ValueError, RecursionError):
        return None
    match message:
        case {"type": "executing", "data": {"prompt_id": str() as prompt_id, "node": (str() | None) as node}}:
            return NodeStarted(prompt_id, node) if node is not None else PromptEnded(prompt_id)
        case {"type": "executed", "data": {"prompt_id": str() as prompt_id, "node": str() as node, **rest}}:
            output = rest.get("output")
            return NodeSaved(prompt_id, node, output if isinstance(output, dict) else None)
        case {"type": "execution_cached", "data": {"prompt_id": str() as prompt_id, "nodes": list() as nodes}}:
            return NodesKept(prompt_id, tuple(node for node in nodes if isinstance(node, str)))
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
            return PromptEnding(prompt_id)
    return None
