"""What all tests need."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest

# Whoever runs the tests in the background of a shell has SIGINT ignored, and so would what they start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SCHEDULING = os.sched_getscheduler(0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """A test that leaves its thread at real-time priority takes the processor from all that run after it."""
    try:
        return (yield)
    finally:
        left = os.sched_getscheduler(0)
        if left != _SCHEDULING:
            os.sched_setscheduler(0, _SCHEDULING, os.sched_param(0))
            pytest.fail(f"the test left its thread with another scheduling policy ({left})")
