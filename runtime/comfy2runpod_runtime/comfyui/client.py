"""ComfyUI's HTTP interface, as far as a job needs it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, TypedDict, TypeVar, Unpack, cast
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientResponse

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.comfyui.events import EventStream
from comfy2runpod_runtime.errors import ComfyUIError, ComfyUISilent, ComfyUIUnavailable, OutputMissing, caller_safe
from comfy2runpod_runtime.job.prompt import Prompt, title_of

# How many of a refused prompt's faults a message holds.
_REASONS = 5
# A request that failed on its way, or was answered by a fault of the server's, is sent again.
_TRIES = 3
_AGAIN_SECONDS = 0.3
_OK, _SERVER_FAULT = 200, 500
_SLOWEST_BYTES_A_SECOND = 1_000_000

Result = TypeVar("Result")


class _RequestOptions(TypedDict, total=False):
    json: object
    data: aiohttp.FormData
    params: dict[str, str]
    timeout: aiohttp.ClientTimeout


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file as ComfyUI names it."""

    filename: str
    subfolder: str
    type: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A node that failed: which, and what it said."""

    node_id: str
    class_type: str
    exception_type: str
    message: str


@dataclass(frozen=True, slots=True)
class History:
    """A finished prompt: the files and texts of each node, and whether it succeeded."""

    succeeded: bool
    interrupted: bool
    failure: Failure | None
    files: dict[str, tuple[SavedFile, ...]]
    texts: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SystemStats:
    """What answers: ComfyUI's version, and the simulator's if it is one."""

    comfyui_version: str
    simulator: str | None


class ComfyUIClient:
    """One ComfyUI server: its HTTP interface, and its events. Made on the loop that uses it, and kept from job to job.

    An HTTP connection and the websocket outlive the job, so that the next one opens neither.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self.url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._events: EventStream | None = None
        # Not over the whole of a download, which may take long: from byte to byte.
        bound = aiohttp.ClientTimeout(total=None, sock_connect=timeout_seconds, sock_read=timeout_seconds)
        self._http = aiohttp.ClientSession(
            timeout=bound,
            cookie_jar=aiohttp.DummyCookieJar(),
            # A proxy of the environment leads to the outside, and would not find a ComfyUI on this machine.
            trust_env=urlsplit(self.url).hostname not in ("127.0.0.1", "localhost", "::1"),
        )

    async def __aenter__(self) -> ComfyUIClient:
        """Opens nothing yet; connections are made when they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        await self._hang_up()
        await self._http.close()

    @property
    def listening(self) -> bool:
        """Whether the connection of an earlier job still tells of this ComfyUI: then it has not ended since."""
        return self._events is not None and self._events.usable

    @asynccontextmanager
    async def events(self) -> AsyncIterator[EventStream]:
        """The events of one job, over the connection of the last one if that can be trusted."""
        if not self.listening:
            await self._hang_up()
        # With an id of its own: ComfyUI forgets an id when an old connection of that id ends.
        stream = self._events = self._events or EventStream(self.url)
        try:
            await stream.start()
            yield stream
        finally:
            stream.rest()
            if not stream.connected:
                await self._hang_up()

    async def _hang_up(self) -> None:
        stream, self._events = self._events, None
        if stream is not None:
            await stream.close()

    async def queue(self, prompt: Prompt, prompt_id: str, client_id: str) -> None:
        """Queues a prompt under our own id.

        Raises:
            ComfyUIError: it was refused, wholly or in part.
            ComfyUIUnavailable: no answer.
        """
        body = {"prompt": prompt, "prompt_id": prompt_id, "client_id": client_id}

        async def post() -> Answer | None:
            # The answer to an earlier try may be what was lost: it is not to run twice.
            return None if tried and await self._knows(prompt_id) else await self._request("POST", "/prompt", body)

        tried: list[Exception] = []
        response = await _again(post, tried)
        if response is None:
            return
        answer = _json_object(response)
        node_errors = answer.get("node_errors")
        # ComfyUI answers 200 and drops the outputs whose nodes are wrong: half a result is none.
        if response.status == _OK and not node_errors:
            return
        if response.status == _OK:
            await self.cancel(prompt_id)
        raise ComfyUIError(_refusal(prompt, answer), nodes=list(node_errors) if isinstance(node_errors, dict) else ())

    async def history(self, prompt_id: str) -> History | None:
        """What became of a prompt; None while it waits or runs."""
        response = await self._request("GET", f"/history/{prompt_id}")
        entry = _json_object(response).get(prompt_id)
        return _history(entry) if isinstance(entry, dict) else None

    async def _knows(self, prompt_id: str) -> bool:
        with suppress(ComfyUIUnavailable):
            return await self.place(prompt_id) is not None or await self.history(prompt_id) is not None
        return False

    async def place(self, prompt_id: str) -> Literal["running", "pending"] | None:
        """Whether a prompt runs or waits; None if the queue does not know it."""
        queue = _json_object(await self._request("GET", "/queue"))
        for place in ("running", "pending"):
            entries = _list(queue.get(f"queue_{place}"))
            if any(isinstance(entry, list) and prompt_id in entry[:2] for entry in entries):
                return place
        return None

    async def cancel(self, prompt_id: str) -> None:
        """Takes a prompt out of the queue, or interrupts it if it runs."""
        await self._request("POST", "/queue", {"delete": [prompt_id]})
        await self._request("POST", "/interrupt", {"prompt_id": prompt_id})

    async def free(self) -> None:
        """Unloads the models and frees their memory, before the next prompt."""
        await self._request("POST", "/free", {"unload_models": True, "free_memory": True})

    async def upload(self, content: bytes, subfolder: str, name: str) -> None:
        """Puts a file into ComfyUI's input folder, in place of one of that name.

        Raises:
            ComfyUIError: it does not take it.
            ComfyUIUnavailable: no answer.
        """
        form = {"type": "input", "subfolder": subfolder, "overwrite": "true"}

        async def post() -> Answer:
            data = aiohttp.FormData(form)
            data.add_field("image", content, filename=name, content_type="image/png")
            # A server that takes nothing is noticed by no read: the whole of it is bounded.
            bound = self._timeout_seconds + len(content) / _SLOWEST_BYTES_A_SECOND
            async with self._answers(
                "POST", "/upload/image", data=data, timeout=aiohttp.ClientTimeout(bound)
            ) as answer:
                return Answer(answer.status, await answer.read())

        response = await _again(post)
        if response.status != _OK:
            raise ComfyUIError(
                f"ComfyUI does not take an input file of {len(content):,} bytes (HTTP {response.status})."
            )
        answer = _json_object(response)
        if (answer.get("name"), answer.get("subfolder")) != (name, subfolder):
            raise ComfyUIError("ComfyUI keeps an input file under another name than the one it was given.")

    async def stats(self) -> SystemStats:
        """Who answers."""
        system = _json_object(await self._request("GET", "/system_stats")).get("system")
        system = system if isinstance(system, dict) else {}
        simulator = system.get("comfy2runpod_simulator")
        version = system.get("comfyui_version")
        return SystemStats(
            comfyui_version=version if isinstance(version, str) else "unknown",
            simulator=simulator if isinstance(simulator, str) else None,
        )

    async def download(self, file: SavedFile, target: Path) -> int:
        """Streams a saved file to disk; its size in bytes.

        Raises:
            OutputMissing: ComfyUI does not have it.
        """

        params = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}

        async def once() -> int:
            size = 0
            async with self._answers("GET", "/view", params=params) as answer:
                _raise_server_fault(answer.status)
                if answer.status != _OK:
                    raise OutputMissing(f"ComfyUI says that it saved {file.filename}, but does not give it.")
                with target.open("wb") as out:
                    async for chunk in answer.content.iter_chunked(1 << 20):
                        out.write(chunk)
                        size += len(chunk)
            return size

        return await _again(once)

    @asynccontextmanager
    async def _answers(
        self, method: str, path: str, **options: Unpack[_RequestOptions]
    ) -> AsyncIterator[ClientResponse]:
        try:
            async with self._http.request(method, self.url + path, allow_redirects=False, **options) as answer:
                yield answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unavailable(error) from error

    async def _request(self, method: str, path: str, body: object = None) -> Answer:
        options = _RequestOptions() if body is None else _RequestOptions(json=body)
        async with self._answers(method, path, **options) as response:
            answer = Answer(response.status, await response.read())
        _raise_server_fault(answer.status)
        return answer


async def _again(act: Callable[[], Awaitable[Result]], tried: list[Exception] | None = None) -> Result:
    """Does something until ComfyUI takes it, a few times. What was not answered in time may still arrive: no more."""
    failed = [] if tried is None else tried
    while True:
        try:
            return await act()
        except ComfyUISilent:
            raise
        except ComfyUIUnavailable as error:
            failed.append(error)
            if len(failed) == _TRIES:
                raise
        await asyncio.sleep(_AGAIN_SECONDS)


def _unavailable(error: aiohttp.ClientError | TimeoutError) -> ComfyUIUnavailable:
    if isinstance(error, TimeoutError):
        return ComfyUISilent("ComfyUI does not answer in time.")
    what = "there is no connection" if isinstance(error, aiohttp.ClientConnectorError) else "the connection broke"
    return ComfyUIUnavailable(f"ComfyUI does not answer: {what}.")


def _raise_server_fault(status: int) -> None:
    if status >= _SERVER_FAULT:
        raise ComfyUIUnavailable(f"ComfyUI answered HTTP {status}.")


def _json_object(response: Answer) -> JsonObject:
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ComfyUIUnavailable(f"ComfyUI answered HTTP {response.status} without JSON.")
    return cast(JsonObject, answer)


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _refusal(prompt: Prompt, answer: JsonObject) -> str:
    """Which nodes were refused and why: by title, with the input's name."""
    reasons = []
    errors = answer.get("node_errors")
    for node_id, entry in (errors if isinstance(errors, dict) else {}).items():
        faults = _list(entry.get("errors")) if isinstance(entry, dict) else []
        reasons += [f"{title_of(prompt, node_id)} (node {node_id}): {_fault_text(fault)}" for fault in faults]
    if not reasons:
        reasons.append(_fault_text(answer.get("error")))
    more = f" (and {len(reasons) - _REASONS} more)" if len(reasons) > _REASONS else ""
    return f"ComfyUI refused the prompt. {'; '.join(reasons[:_REASONS])}{more}."


def _fault_text(fault: Json) -> str:
    if not isinstance(fault, dict):
        return "it gave no reason" if fault is None else caller_safe(str(fault))
    extra = fault.get("extra_info")
    name = extra.get("input_name") if isinstance(extra, dict) else None
    said = [str(fault[key]) for key in ("message", "details") if fault.get(key)]
    where = [f"input {name}"] if isinstance(name, str) else []
    return ": ".join([*where, *(caller_safe(text) for text in dict.fromkeys(said) if text != name)])


def _history(entry: JsonObject) -> History:
    status = entry.get("status")
    status = status if isinstance(status, dict) else {}
    failure = None
    interrupted = False
    for message in _list(status.get("messages")):
        match message:
            case ["execution_error", dict() as detail]:
                failure = Failure(
                    node_id=str(detail.get("node_id")),
                    class_type=str(detail.get("node_type")),
                    exception_type=str(detail.get("exception_type")),
                    message=str(detail.get("exception_message")),
                )
            case ["execution_interrupted", _]:
                interrupted = True
    told = entry.get("outputs")
    outputs = {
        key: output for key, output in (told if isinstance(told, dict) else {}).items() if isinstance(output, dict)
    }
    return History(
        succeeded=status.get("status_str") == "success" and failure is None and not interrupted,
        interrupted=interrupted,
        failure=failure,
        files={node_id: saved_files(output) for node_id, output in outputs.items()},
        texts={
            node_id: tuple(text for text in _list(output.get("text")) if isinstance(text, str))
            for node_id, output in outputs.items()
        },
    )


def saved_files(output: JsonObject) -> tuple[SavedFile, ...]:
    """Every file of a node's output, whatever the key: video stands under `images`, other nodes have their own."""
    found = []
    for value in output.values():
        for item in _list(value):
            if isinstance(item, dict) and item.get("type") == "output":
                name, subfolder = item.get("filename"), item.get("subfolder")
                if isinstance(name, str):
                    found.append(SavedFile(name, subfolder if isinstance(subfolder, str) else "", "output"))
    return tuple(found)
