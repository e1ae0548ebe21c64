"""schemathesis against the local endpoint: what openapi.json declares is what is answered, whatever is sent.

A request whose `input` does not fit is answered with 200, as RunPod answers it: the job fails then, with a code. So
`negative_data_rejection` is not asked; tests of the handler hold what such a job gets.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from comfy2runpod.local_endpoint import LocalEndpoint, running_endpoint

from .conftest import KEY

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "8"))


@pytest.fixture(scope="module")
def url(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_endpoint(LocalEndpoint(package, worker_log=tmp_path_factory.mktemp("logs") / "worker.log")) as running:
        yield running


@pytest.fixture(scope="module")
def api_schema(package: Path, url: str) -> Any:
    config = schemathesis.Config.from_dict({"base-url": url, "headers": KEY})
    return schemathesis.openapi.from_path(package / "docs" / "openapi.json", config=config)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/run", "POST"),
        ("/runsync", "POST"),
        ("/status/{id}", "GET"),
        ("/stream/{id}", "GET"),
        ("/cancel/{id}", "POST"),
        ("/retry/{id}", "POST"),
        ("/purge-queue", "POST"),
        ("/health", "GET"),
    ],
)
@pytest.mark.parametrize("mode", [*schemathesis.GenerationMode], ids=lambda mode: mode.value)
def test_every_operation_answers_as_it_declares(api_schema: Any, path: str, method: str, mode: Any) -> None:
    operation = api_schema[path][method]
    if mode is schemathesis.GenerationMode.NEGATIVE and not path.startswith("/run"):
        pytest.skip("it takes nothing that could be wrong")
    strategy = operation.as_strategy(generation_mode=mode)

    @given(case=strategy)
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck], derandomize=True)
    def ask(case: Any) -> None:
        # /runsync itself waits up to 90 seconds, behind jobs that were queued before.
        checks = [schemathesis.checks.negative_data_rejection]
        case.call_and_validate(excluded_checks=checks, headers=KEY, timeout=120)

    ask()
