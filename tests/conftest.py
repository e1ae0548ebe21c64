"""What all tests need."""

from __future__ import annotations

import signal

# Whoever runs the tests in the background of a shell has SIGINT ignored, and so would what they start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
