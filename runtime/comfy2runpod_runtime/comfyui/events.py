"""ComfyUI's websocket events. They show progress; the history is authoritative.

A thread reads the websocket and passes typed events to the job's event loop. If the connection fails, the job continues
by polling the history. Binary frames are previews, which are ignored unless they are asked
for. Malformed frames and other events are ignored; a frame that is larger than any of ComfyUI's ends the connection.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

import websocket

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.comfyui.peers import PeerCheck
from comfy2runpod_runtime.comfyui.previews import FEATURES, preview_in, small_jpeg

_CONNECT_SECONDS = 5.0
# How long the first job waits for the connection. Earlier events are not repeated, but no result depends on them.
_FIRST_CONNECTION_SECONDS = 1.0
_RECONNECT_SECONDS = 1.0
_CLOSE_SECONDS = 2.0
_MAX_QUEUED_EVENTS = 1000
# Events of a burst are passed on together: waking the loop for each is the largest cost of a short job.
_BURST_SECONDS = 0.05
_MAX_FRAME_BYTES = 16_000_000
# A proxy may silently drop a connection that was idle for minutes.
_MAX_IDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """A node has started."""

    prompt_id: str
    node_id: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step of the running node is done: the `step`-th of `of`."""

    prompt_id: str
    node_id: str
    step: int
    of: int


@dataclass(frozen=True, slots=True)
class PromptEnding:
    """The prompt succeeded, failed or was interrupted. Its history is not written yet."""

    prompt_id: str


@dataclass(frozen=True, slots=True)
class PromptEnded:
    """The prompt has ended, and its history is written."""

    prompt_id: str


@dataclass(frozen=True, slots=True)
class NodeSaved:
    """A node has saved its files; `output` lists them in the form of the history."""

    prompt_id: str
    node_id: str
    output: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class NodesCached:
    """Nodes that need not run, since ComfyUI has cached their results."""

    prompt_id: str
    node_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PreviewMade:
    """What the running node is making, as a small JPEG."""

    prompt_id: str
    image: bytes


Event: TypeAlias = NodeStarted | StepDone | NodeSaved | NodesCached | PromptEnding | PromptEnded | PreviewMade


class EventStream:
    """The events of one client id. The connection is kept from job to job.

    Args:
        url: ComfyUI's base URL.
        is_ours: whether a new connection is to the worker's own ComfyUI; None for one elsewhere.
        preview_seconds: the shortest time between two previews; 0 for none.
    """

    def __init__(self, url: str, is_ours: PeerCheck | None = None, preview_seconds: float = 0.0) -> None:
        self._preview_seconds = preview_seconds
        self._next_preview = 0.0
        # Whose events came last: an older ComfyUI's previews do not name their prompt.
        self._last_prompt_id: str | None = None
        self._is_ours = is_ours
        self.client_id = uuid.uuid4().hex
        scheme, _, rest = url.partition("://")
        self._url = f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws?clientId={self.client_id}"
        self._queue: asyncio.Queue[Event] = asyncio.Queue(_MAX_QUEUED_EVENTS)
        self._stop = threading.Event()
        # Set while a job runs: only then is a lost connection opened again. The lock prevents a race between the thread
        # that ends and a job that starts.
        self._active = threading.Event()
        self._thread_lock = threading.Lock()
        self._connected = threading.Event()
        self._last_received = time.monotonic()
        self._connection = websocket.WebSocket()
        self._thread: threading.Thread | None = None

    @property
    def connected(self) -> bool:
        """Whether the websocket is connected, as far as is known."""
        return self._connected.is_set()

    @property
    def usable(self) -> bool:
        """Whether the connection is open and received data lately, so that it has not been dropped silently."""
        return self.connected and time.monotonic() - self._last_received < _MAX_IDLE_SECONDS

    async def start(self) -> None:
        """Discards the events of earlier jobs. Starts the thread if needed, and waits shortly for the connection."""
        while not self._queue.empty():
            self._queue.get_nowait()
        with self._thread_lock:
            self._active.set()
            start_thread = self._thread is None
        if start_thread:
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._read, args=(loop,), name="comfyui-events", daemon=True)
            self._thread.start()
            await asyncio.to_thread(self._connected.wait, _FIRST_CONNECTION_SECONDS)

    def pause(self) -> None:
        """Ends a job: the connection stays open, but is not opened again if it is lost."""
        self._active.clear()

    async def close(self) -> None:
        """Closes the connection and waits for the thread. A thread that hangs in a connection attempt ends later."""
        self._stop.set()
        self._connection.abort()  # type: ignore[no-untyped-call]
        if (thread := self._thread) is not None:
            await asyncio.to_thread(thread.join, _CLOSE_SECONDS)

    async def next(self, timeout_seconds: float) -> Event | None:
        """Returns the next event, or None if none arrives in time."""
        # Not wait_for(): before Python 3.12, it loses a cancellation that coincides with an event.
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._queue.get()
        except TimeoutError:
            return None

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._continues():
            self._connection = connection = _BoundedSocket()
            try:
                self._connect(connection)
                if self._preview_seconds:
                    connection.send(FEATURES)
                self._last_received = time.monotonic()
                self._connected.set()
                self._receive(connection, loop)
            except (websocket.WebSocketException, OSError, ValueError):
                self._connected.clear()
                if self._active.is_set():
                    self._stop.wait(_RECONNECT_SECONDS)
            finally:
                self._connected.clear()
                # Not close(): it waits for the server, and leaks the socket if the server has closed already.
                connection.shutdown()  # type: ignore[no-untyped-call]

    def _connect(self, connection: websocket.WebSocket) -> None:
        """Opens a connection. One to the worker's own ComfyUI is checked before anything is sent over it.

        Raises:
            OSError: nobody listens, or another program does.
            websocket.WebSocketException: the other end does not speak as ComfyUI does.
        """
        if self._is_ours is None:
            connection.connect(self._url, timeout=_CONNECT_SECONDS)  # type: ignore[no-untyped-call]
        else:
            checked = _checked_socket(self._url, self._is_ours)
            # A redirect would lead to a connection that nobody checked.
            connection.connect(  # type: ignore[no-untyped-call]
                self._url, timeout=_CONNECT_SECONDS, socket=checked, redirect_limit=0
            )
        connection.settimeout(_CONNECT_SECONDS)

    def _continues(self) -> bool:
        with self._thread_lock:
            if self._active.is_set() and not self._stop.is_set():
                return True
            self._thread = None
            return False

    def _receive(self, connection: websocket.WebSocket, loop: asyncio.AbstractEventLoop) -> None:
        """Receives frames until the connection ends. Passes on single events at once, and those of a burst together."""
        burst: list[Event] = []
        last_delivery = 0.0
        while not self._stop.is_set():
            opcode, data = websocket.ABNF.OPCODE_PING, b""
            with suppress(websocket.WebSocketTimeoutException):
                opcode, data = connection.recv_data()
                self._last_received = time.monotonic()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                raise websocket.WebSocketConnectionClosedException("closed by ComfyUI")
            event = parse_event(data) if opcode == websocket.ABNF.OPCODE_TEXT else None
            if opcode == websocket.ABNF.OPCODE_BINARY:
                event = self._preview(data)
            if event is not None:
                self._last_prompt_id = event.prompt_id
                burst.append(event)
            due = time.monotonic() - last_delivery >= _BURST_SECONDS or isinstance(event, PromptEnded)
            if burst and due:
                # The loop may be closed: then no job waits.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._enqueue, burst)
                burst, last_delivery = [], time.monotonic()
            connection.settimeout(_BURST_SECONDS if burst else _CONNECT_SECONDS)

    def _preview(self, frame: bytes) -> PreviewMade | None:
        """Makes a preview of a frame, if one is due. In this thread, so that no job waits for it."""
        if not self._preview_seconds or time.monotonic() < self._next_preview:
            return None
        found = preview_in(frame)
        prompt_id = None if found is None else found[0] or self._last_prompt_id
        if found is None or prompt_id is None:
            return None
        self._next_preview = time.monotonic() + self._preview_seconds
        image = small_jpeg(found[1])
        return None if image is None else PreviewMade(prompt_id, image)

    def _enqueue(self, events: list[Event]) -> None:
        for event in events:
            # Bounds the memory: the oldest event is dropped.
            if self._queue.full():
                self._queue.get_nowait()
            self._queue.put_nowait(event)


class _BoundedSocket(websocket.WebSocket):
    """A websocket whose connection ends if a message is larger than any of ComfyUI's."""

    def __init__(self) -> None:
        # json.loads checks UTF-8 anyway; the check of websocket-client, in Python, is the slowest part of all.
        super().__init__(skip_utf8_validation=True)
        self._received = 0
        read = self.frame_buffer.recv_strict

        def bounded(bufsize: int) -> bytes:
            if self._received + bufsize > _MAX_FRAME_BYTES:
                raise websocket.WebSocketPayloadException("a message is too large")
            return read(bufsize)

        # It is told the length of a frame before the frame is read.
        self.frame_buffer.recv_strict = bounded  # type: ignore[method-assign]

    def recv_frame(self) -> websocket.ABNF | None:
        """Receives a frame, which may be a part of a message."""
        frame: websocket.ABNF | None = super().recv_frame()  # type: ignore[no-untyped-call]
        self._received = 0 if frame is None or frame.fin else self._received + len(frame.data)
        return frame


def _checked_socket(url: str, is_ours: PeerCheck) -> socket.socket:
    """A connection to the worker's own ComfyUI, over IPv4 or IPv6, on which nothing was sent.

    Raises:
        OSError: nobody listens, or another program does.
    """
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), _CONNECT_SECONDS)
    try:
        # Of four parts where it is IPv6.
        if not is_ours(connection.getsockname()[:2], connection.getpeername()[:2]):
            raise ConnectionError("another program has ComfyUI's port")
    except BaseException:
        connection.close()
        raise
    return connection


def parse_event(data: bytes | str) -> Event | None:
    """Parses a text frame. Returns None if it is malformed or of another kind."""
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
            return NodesCached(prompt_id, tuple(node for node in nodes if isinstance(node, str)))
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
        case _:
            return None
