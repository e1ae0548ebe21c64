"""How long a job may take: one fact, which clients, documents and the local endpoint repeat."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from comfy2runpod.local_endpoint.requests import BadRequest, read_request
from comfy2runpod_contract.limits import (
    DEFAULT_EXECUTION_MS,
    DEFAULT_TTL_MS,
    LONGEST_EXECUTION_MS,
    LONGEST_TTL_MS,
    SHORTEST_EXECUTION_MS,
    SHORTEST_TTL_MS,
)

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent for path in ROOT.glob("generated/*/handler.py"))
EXECUTION, TTL = (SHORTEST_EXECUTION_MS, LONGEST_EXECUTION_MS), (SHORTEST_TTL_MS, LONGEST_TTL_MS)


def _numbers(text: str) -> list[int]:
    """The numbers in a text, with separators of thousands, but for those that count days."""
    return [int(number.replace(",", "")) for number in re.findall(r"\d{1,3}(?:,\d{3})+|\d{3}", text)]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_packages_documents_agree(package: Path) -> None:
    openapi = json.loads((package / "docs/openapi.json").read_text("utf-8"))
    policy = openapi["components"]["schemas"]["Request"]["properties"]["policy"]["properties"]
    assert (policy["executionTimeout"]["minimum"], policy["executionTimeout"]["maximum"]) == EXECUTION
    assert (policy["ttl"]["minimum"], policy["ttl"]["maximum"]) == TTL
    made_for = json.loads((package / ".runpod/tests.json").read_text("utf-8"))["tests"][0]["timeout"]
    guide = (package / "docs/API.md").read_text("utf-8")
    (row,) = re.findall(r"^\| `policy\.executionTimeout` \|.*$", guide, re.MULTILINE)
    assert _numbers(row) == [*EXECUTION, made_for, DEFAULT_EXECUTION_MS]
    (row,) = re.findall(r"^\| `policy\.ttl` \|.*$", guide, re.MULTILINE)
    assert _numbers(row) == [*TTL, DEFAULT_TTL_MS]
    page = (package / "docs/index.html").read_text("utf-8")
    (limit,) = re.findall(r"<dt>Time</dt><dd>(.*?)</dd>", page)
    assert [seconds * 1000 for seconds in _numbers(limit)] == [made_for, DEFAULT_EXECUTION_MS]


@pytest.mark.parametrize(("key", "bounds"), [("executionTimeout", EXECUTION), ("ttl", TTL)])
def test_the_local_endpoint_takes_what_runpod_takes(key: str, bounds: tuple[int, int]) -> None:
    def read(value: int) -> None:
        read_request(json.dumps({"input": {}, "policy": {key: value}}).encode(), sync=False)

    for value in bounds:
        read(value)
    for value in (bounds[0] - 1, bounds[1] + 1):
        with pytest.raises(BadRequest, match=key):
            read(value)
