"""An event loop on a thread, so that the sync client has the same time limits as the async one.

A task that waits for a socket can be cancelled, a thread cannot.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .errors import CallError
from .http import Http

_T = TypeVar("_T")
# On some platforms, a signal does not interrupt the wait for another thread, so the wait is divided.
_WAIT_SECONDS = 0.5
_JOIN_SECONDS = 5.0
_CLOSE_SECONDS = 0.5
_TURNS = 3


class LoopThread:
    """Runs coroutines for other threads. The thread starts at the first call, and again in a forked process.

    Args:
        connect: creates the connections on the thread's event loop.
    """

    def __init__(self, connect: Callable[[], Http]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._process = 0
        self._closed = False

    def call(self, function: Callable[[Http], Awaitable[_T]]) -> _T:
        """Runs an async function on the loop and returns its result. It is cancelled if the caller is interrupted.

        Raises:
            CallError: the client is closed. What the function raises is raised, too.
        """
        http, loop = self._open()

        async def run() -> _T:
            return await function(http)

        future = asyncio.run_coroutine_threadsafe(run(), loop)
        try:
            while not future.done():
                concurrent.futures.wait([future], timeout=_WAIT_SECONDS)
            return future.result()
        except concurrent.futures.CancelledError:
            raise CallError("this client was closed during the call") from None
        finally:
            future.cancel()

    def close(self) -> None:
        """Closes the connections and ends the thread."""
        with self._lock:
            self._closed = True
            if self._process == os.getpid():
                self._end()
                self._thread.join(_JOIN_SECONDS)
            self._process = 0

    def _open(self) -> tuple[Http, asyncio.AbstractEventLoop]:
        with self._lock:
            if self._closed:
                raise CallError("this client is closed")
            if self._process != os.getpid():
                self._http, self._loop = self._connect(), asyncio.new_event_loop()
                arguments = (self._http, self._loop)
                self._thread = threading.Thread(target=_serve, args=arguments, name="endpoint-client", daemon=True)
                self._thread.start()
                self._end = weakref.finalize(self, _stop, self._loop)
                self._process = os.getpid()
            return self._http, self._loop


def _serve(http: Http, loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(_finish(http, loop))
    finally:
        loop.close()


async def _finish(http: Http, loop: asyncio.AbstractEventLoop) -> None:
    """Closes the connections, and waits for their tasks on the loop."""
    await _end_tasks()
    await http.close()
    await loop.shutdown_asyncgens()
    # The unread body of an answer is closed by a callback that starts a task.
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        if closing := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(closing, timeout=_CLOSE_SECONDS)
    await _end_tasks()


async def _end_tasks() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)
