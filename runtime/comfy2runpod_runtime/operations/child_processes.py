"""Child processes that libraries fork, such as the one from which the SDK pings RunPod: killed when the worker ends."""

from __future__ import annotations

import os
import threading

from comfy2runpod_contract.tether import end_with


def kill_forks_with_parent() -> None:
    """Makes the kernel kill future forks of this process when this process ends. Linux only."""
    parent: list[int] = []

    def before_fork() -> None:
        # The kernel watches the forking thread, not the process: a fork of another thread would die with that thread.
        parent[:] = [os.getpid()] if threading.current_thread() is threading.main_thread() else []

    def in_child() -> None:
        if parent:
            end_with(parent[0])

    os.register_at_fork(before=before_fork, after_in_child=in_child)
