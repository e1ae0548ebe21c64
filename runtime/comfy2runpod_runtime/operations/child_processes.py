"""Processes that libraries fork off this one, such as that from which the SDK pings: they end with the worker."""

from __future__ import annotations

import os
import threading

from comfy2runpod_contract.tether import end_with


def end_forks_with_us() -> None:
    """From now on, a fork of this process is killed when this process has ended, however it did. Only on Linux."""
    forking: list[int] = []

    def before() -> None:
        # The kernel goes by the thread that forks: one that ends earlier would take its forks along.
        forking[:] = [os.getpid()] if threading.current_thread() is threading.main_thread() else []

    def in_child() -> None:
        if forking:
            end_with(forking[0])

    os.register_at_fork(before=before, after_in_child=in_child)
