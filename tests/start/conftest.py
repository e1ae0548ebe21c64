"""What the cases share: a place with a package, RunPod's queue, a hub; and which cases are in the normal suite."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.hub_standin import HubStandIn, serving
from tests.standins.runpod_queue import RunPodQueue, running_queue

from . import WHOLE
from .container import MODEL, Container, Place, namespaces_work

CONTENT = random.Random(2).randbytes(4 << 20)
Run = Callable[..., Container]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    works = namespaces_work() if here else True
    for item in here:
        item.add_marker(pytest.mark.slow)
        if not works:
            item.add_marker(pytest.mark.skip(reason="this machine allows no PID and mount namespaces"))
        elif not WHOLE and item.get_closest_marker("slice") is None:
            item.add_marker(pytest.mark.skip(reason="in `make start-test`"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.behave()
    return made


@pytest.fixture
def queue() -> Iterator[RunPodQueue]:
    # As long as RunPod's.
    with running_queue(RunPodQueue(long_poll_seconds=90.0)) as running:
        yield running


@pytest.fixture
def hub() -> Iterator[HubStandIn]:
    with serving(HubStandIn(files={MODEL: CONTENT})) as server:
        yield server


@pytest.fixture
def run(place: Place, queue: RunPodQueue, hub: HubStandIn) -> Run:
    """A container of the place, to be entered; its settings are the keywords in capitals."""

    def made(*, below: bool = False, mounts: Any = None, arguments: Any = (), name: str = "one",
             **settings: str) -> Container:  # fmt: skip
        # The volume: the folder itself, as a mount.
        mounts = [("--bind", str(place.volume), str(place.volume))] if mounts is None else mounts
        return Container(place, queue, mounts, {"HF_ENDPOINT": hub.url, **settings}, below, arguments, name)

    return made


@pytest.fixture
def locked(place: Place) -> dict[str, Any]:
    """The package needs a model, of 4 MiB."""
    entry = entry_of(CONTENT)
    place.write_lock(entry)
    return entry


def entry_of(content: bytes, **more: Any) -> dict[str, Any]:
    return {
        "file": MODEL,
        "directory": "checkpoints",
        "repo": "org/name",
        "path": MODEL,
        "revision": "main",
        "url": f"https://huggingface.co/org/name/resolve/main/{MODEL}",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **more,
    }
