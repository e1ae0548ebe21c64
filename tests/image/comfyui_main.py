"""Stands for ComfyUI's main.py in a stand-in for its source: takes its options, and is the simulator."""

from __future__ import annotations

import argparse
import signal
import threading

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.simulator.server import running_simulator


def main() -> None:
    """The simulator, until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8188)
    parser.add_argument("--listen", default="127.0.0.1")
    options, _ = parser.parse_known_args()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    with running_simulator(load_catalog(), port=options.port):
        ended.wait()


if __name__ == "__main__":
    main()
