"""schemathesis against the local endpoint: what openapi.json declares is what is answered, whatever is sent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis

from comfy2runpod.local_endpoint import LocalEndpoint, running_endpoint

from .conftest import KEY

# `make schemathesis` asks more.
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "15"))


@pytest.fixture(scope="module")
def url(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_endpoint(LocalEndpoint(package, worker_log=tmp_path_factory.mktemp("logs") / "worker.log")) as running:
        yield running


@pytest.fixture(scope="module")
def api_schema(package: Path, url: str) -> schemathesis.BaseSchema:
    config = schemathesis.Config.from_dict({"base-url": url, "headers": KEY})
    return schemathesis.openapi.from_path(package / "docs" / "openapi.json", config=config)
