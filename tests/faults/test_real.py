"""The same on a real ComfyUI, where one is at hand: COMFYUI_URL, or COMFYUI_DIR and COMFYUI_PYTHON (see `real.py`)."""

from __future__ import annotations

import asyncio

import pytest

from .harness import Outcome
from .real import Server, run_real
from .real_table import REAL_FAULTS, RealFault

SERVER = Server.of_environment()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    assert SERVER is not None
    found, _ = asyncio.run(run_real(SERVER.faults, tmp_path_factory.mktemp("faults"), SERVER))
    return found


@pytest.mark.skipif(SERVER is None, reason="no ComfyUI named: COMFYUI_URL, or COMFYUI_DIR and COMFYUI_PYTHON")
@pytest.mark.parametrize("fault", REAL_FAULTS, ids=lambda fault: fault.name)
def test_fault(outcomes: dict[str, Outcome], fault: RealFault) -> None:
    if fault.name not in outcomes:
        pytest.skip("needs a ComfyUI of the worker's own: COMFYUI_DIR and COMFYUI_PYTHON")
    assert outcomes[fault.name].faults(fault) == []


def test_each_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in REAL_FAULTS}) == len(REAL_FAULTS)


def test_which_server_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "DIR", "PYTHON", "ARGS"):
        monkeypatch.delenv(f"COMFYUI_{name}", raising=False)
    assert Server.of_environment() is None
    monkeypatch.setenv("COMFYUI_DIR", "/comfyui")
    assert Server.of_environment() is None, "without a Python there is nothing to start it with"
    monkeypatch.setenv("COMFYUI_URL", "http://127.0.0.1:8188")
    attached = Server.of_environment()
    assert attached is not None
    assert not attached.own
    assert not any(fault.own for fault in attached.faults)
    monkeypatch.setenv("COMFYUI_PYTHON", "/venv/bin/python")
    own = Server.of_environment()
    assert own is not None
    assert own.own
    assert own.faults == REAL_FAULTS
