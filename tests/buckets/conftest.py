from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.simulator import Simulator, running_simulator
from tests.handlers import Handlers, noted_prompts

from .fault_proxy import FaultProxy, fault_proxy
from .swift import Swift, missing, running_swift


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    if missing():
        if os.environ.get("S3_REQUIRED") == "1":
            pytest.fail(f"S3_REQUIRED=1, but {', '.join(missing())} is not here: make swift")
        pytest.skip("no Swift here: make swift")
    with running_swift(tmp_path_factory.mktemp("swift")) as running:
        yield running


@pytest.fixture
def bucket(swift: Swift, request: pytest.FixtureRequest) -> str:
    """An empty bucket of the test's own."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower())[:60].strip("-")
    swift.client().create_bucket(Bucket=name)
    return name


@pytest.fixture
def network(swift: Swift) -> Iterator[FaultProxy]:
    with fault_proxy(swift.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with running_simulator(load_catalog()) as running:
        yield running


@pytest.fixture
def handler_of(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handlers]:
    yield Handlers(simulator, monkeypatch)
    Handlers.forget()


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    return noted_prompts(monkeypatch)
