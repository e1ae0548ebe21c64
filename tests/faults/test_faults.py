"""Every fault in the real worker loop: the right answer or the right code, a worker fit for the next job, nothing left.

The short run leaves out what takes long; `make faults` causes all.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from pathlib import Path

import pytest
from filelock import FileLock

from .harness import Outcome, run
from .table import FAULTS, Fault

SHORT = tuple(fault for fault in FAULTS if not fault.long)


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What came of each: caused once, together, for all of xdist's processes."""
    folder: Path = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    known = folder / "faults.json"
    with FileLock(folder / "faults.lock"):
        if not known.exists():
            caused = asyncio.run(run(SHORT, folder / "faults", lanes=6))
            known.write_text(json.dumps({name: dataclasses.asdict(outcome) for name, outcome in caused.items()}))
    return {name: Outcome(**fields) for name, fields in json.loads(known.read_text()).items()}


@pytest.mark.parametrize("fault", SHORT, ids=lambda fault: fault.name)
def test_fault(outcomes: dict[str, Outcome], fault: Fault) -> None:
    assert outcomes[fault.name].faults(fault) == []


def test_there_are_many_and_each_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40
