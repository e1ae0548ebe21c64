"""Any input at all: each is answered, by a result or by a code, in time; the handler never fails.

    python -m tests.faults.fuzz [--count 100000] [--seed 1] [--atheris]

Hypothesis makes values as JSON has them, and inputs near to right ones. `--atheris` gives bytes to libFuzzer instead,
which looks for inputs that reach new code (pip install atheris; it is no dependency). What is valid really runs on the
stand-in.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import importlib
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.standins.comfyui import LOG, State, image

from .soak import worker

PACKAGE = "i2i_klein_9b"
# What an input alone may lead to: a result, or a refusal.
_CODES = frozenset({"invalid_input"})
_SECONDS = 10.0
_ONE_PIXEL = base64.b64encode(image(1, 1)).decode()
_IMAGE = base64.b64encode(image(32, 32)).decode()

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
# A number that no JSON reader but Python's takes, a text that is no Unicode, an address that is not to be fetched.
_odd = st.sampled_from(
    [10**400, -(2**63), 2**64, float("nan"), float("inf"), "\ud800", "\0", "", " ", [], {}, [[]], "🎨" * 3]
)
_images = st.one_of(
    st.sampled_from([_IMAGE, f"data:image/png;base64,{_IMAGE}", _ONE_PIXEL, "http://127.0.0.1:1/a.png"]),
    st.sampled_from(["https://[::1]/", "file:///etc/passwd", "data:,", "data:image/png;base64,", "//127.0.0.1/x"]),
    st.binary(max_size=200).map(lambda data: base64.b64encode(data).decode()),
    st.builds(lambda at: _IMAGE[: max(0, at)], st.integers(0, len(_IMAGE))),
    st.builds(lambda at, by: _IMAGE[:at] + by + _IMAGE[at + 1 :], st.integers(0, 3000), st.text(max_size=2)),
)


def _one_wrong(right: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    return {**right, name: value}


_right = st.fixed_dictionaries(
    {"prompt": st.text(min_size=1, max_size=20), "image": _images},
    optional={"seed": st.integers(0, 2**40), "steps": st.integers(0, 30), "megapixels": st.floats(0, 5)},
)
_names = st.sampled_from(
    ["prompt", "image", "seed", "steps", "megapixels", "output", "outputs", "allow_partial", "timings", "id"]
)
INPUTS = st.one_of(
    _json,
    _right,
    st.builds(_one_wrong, _right, _names, _json | _odd),
    st.dictionaries(_names, _json | _odd, max_size=5),
)


class Fuzzed:
    """The handler under any input, and what came of all of them."""

    def __init__(self, endpoint: Any, state: State) -> None:
        self._endpoint, self._state = endpoint, state
        self._loop = asyncio.new_event_loop()
        self.codes: Counter[str] = Counter()
        self.slowest = 0.0

    def give(self, job_input: object) -> None:
        """Runs the handler on an input.

        Raises:
            AssertionError: it is not answered as it should be.
        """
        began = time.monotonic()
        call = self._endpoint.handle({"id": "fuzz", "input": job_input})
        answer = self._loop.run_until_complete(asyncio.wait_for(call, _SECONDS))
        self.slowest = max(self.slowest, time.monotonic() - began)
        json.dumps(answer).encode()
        if "error" in answer:
            error = json.loads(answer["error"])
            assert error["code"] in _CODES, error
            assert error["message"], error
            self.codes[error["code"]] += 1
        else:
            assert answer["image_edited"], answer
            self.codes["success"] += 1
        if sum(self.codes.values()) % 200 == 0:
            (self._state.folder / LOG).unlink(missing_ok=True)

    def close(self) -> None:
        self._loop.close()


def with_hypothesis(fuzzed: Fuzzed, count: int, number: int) -> None:
    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(INPUTS)
    def each(job_input: object) -> None:
        fuzzed.give(job_input)

    each()


def with_atheris(fuzzed: Fuzzed, count: int, number: int) -> None:
    """libFuzzer ends the process itself, and says what it did."""
    import atheris  # noqa: PLC0415 - no dependency

    def each(data: bytes) -> None:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            value = {"prompt": data.decode("utf-8", "replace"), "image": base64.b64encode(data).decode()}
        fuzzed.give(value)

    atheris.Setup([sys.argv[0], f"-runs={count}", f"-seed={number}", "-max_len=4096"], each)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if options.atheris:
        import atheris  # noqa: PLC0415 - no dependency

        # Before the handler imports it: modules that are imported already are not instrumented.
        with atheris.instrument_imports(include=["comfy2runpod_runtime"]):
            importlib.import_module("comfy2runpod_runtime.endpoint")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, worker(Path(folder), PACKAGE) as (endpoint, state):
        fuzzed = Fuzzed(endpoint, state)
        (with_atheris if options.atheris else with_hypothesis)(fuzzed, options.count, options.seed)
        fuzzed.close()
    total = sum(fuzzed.codes.values())
    seconds = time.monotonic() - began
    print(f"{total:,} inputs in {seconds:.0f} s: {dict(fuzzed.codes)}; the slowest {fuzzed.slowest:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
