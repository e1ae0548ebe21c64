"""An event loop on a thread of its own, so that a client without asyncio has the same limits.

A thread cannot be told to stop waiting for a socket, a task can.
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
# Where a signal does not end the wait for another thread, it is seen between two waits.
_LOOK_SECONDS = 0.5
_END_SECONDS = 5.0
_CLOSE_SECONDS = 0.5
_TURNS = 3


class Portal:
    """Connections that any thread may use; they are made when they are first needed, and anew in a forked process."""

    def __init__(self, made: Callable[[], Http]) -> None:
        self._made = made
        self._lock = threading.Lock()
        self._process = 0
        self._closed = False

    def call(self, work: Callable[[Http], Awaitable[_T]]) -> _T:
        """What comes of some work on the loop; whatever ends the waiting ends the work.

        Raises:
            CallError: it is closed; or what the work raises.
        """
        http, loop = self._open()

        async def working() -> _T:
            return await work(http)

        future = asyncio.run_coroutine_threadsafe(working(), loop)
        try:
            while not future.done():
                concurrent.futures.wait([future], timeout=_LOOK_SECONDS)
            return future.result()
        except concurrent.futures.CancelledError:
            raise CallError("this client was closed meanwhile") from None
        finally:
            future.cancel()

    def close(self) -> None:
        """Closes the connections and ends the thread."""
        with self._lock:
            self._closed = True
            if self._process == os.getpid():
                self._end()
                self._thread.join(_END_SECONDS)
            self._process = 0

    def _open(self) -> tuple[Http, asyncio.AbstractEventLoop]:
        with self._lock:
            if self._closed:
                raise CallError("this client is closed")
            if self._process != os.getpid():
                self._http, self._loop = self._made(), asyncio.new_event_loop()
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
    """Closes the connections, and waits for what they leave behind on the loop."""
    await _end_tasks()
    await http.close()
    await loop.shutdown_asyncgens()
    # The body of an answer that was not read to its end is closed by a callback, which starts a task.
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
