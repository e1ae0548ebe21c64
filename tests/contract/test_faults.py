"""Fault codes are the same in the contract, the worker and both clients."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from comfy2runpod.client import call_errors
from comfy2runpod.client import errors as client_errors
from comfy2runpod.client import faults as client_faults
from comfy2runpod_contract.faults import FAULTS, Fault, FaultFacts
from comfy2runpod_runtime import errors as worker_errors
from scripts.client_contract import CLIENT_TS, ROOT, client_files


@pytest.mark.parametrize("path", client_files(), ids=lambda path: path.as_posix())
def test_what_clients_know_of_the_contract_is_what_it_says(path: Path) -> None:
    """Else: `python scripts/client_contract.py`."""
    assert (ROOT / path).read_text("utf-8") == client_files()[path]


def test_the_worker_has_one_exception_for_each_fault_and_no_other() -> None:
    kinds = {
        name: kind
        for name, kind in inspect.getmembers(worker_errors, inspect.isclass)
        if worker_errors.JobFailed in kind.__bases__
    }
    assert {name: kind.fault for name, kind in kinds.items()} == {fault.value.name: fault for fault in Fault}
    # Each class declares its own fault, and inherits none.
    assert all("fault" in vars(kind) for kind in kinds.values())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.code)
def test_the_python_client_has_its_exception(fault: FaultFacts) -> None:
    kind = client_faults.BY_CODE[fault.code]
    assert kind is getattr(client_errors, fault.name)
    assert (kind.__name__, kind.retryable) == (fault.name, fault.retryable)
    assert isinstance(client_errors.failure("FAILED", {"code": fault.code, "message": "m"}, "1"), kind)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.code)
def test_the_typescript_client_has_its_class(fault: FaultFacts) -> None:
    text = (ROOT / CLIENT_TS / "faults.ts").read_text("utf-8")
    found = re.search(rf'class {fault.name} extends JobFailed<"{fault.code}"> {{\n(.*?)\n}}', text, re.DOTALL)
    assert found is not None
    assert ("retryable = true" in found[1]) == fault.retryable
    assert f"  {fault.code}: {fault.name},\n" in text


def test_clients_know_no_other_code() -> None:
    assert list(client_faults.BY_CODE) == [fault.code for fault in FAULTS]


def test_a_name_of_the_workers_and_of_a_client_means_the_same_in_both() -> None:
    declared = re.compile(r"^class (\w+)\([^)]*(?:Error|Exception|Failed|Refused)[^)]*\):$", re.MULTILINE)
    runtime = ROOT / "runtime" / "comfy2runpod_runtime"
    workers = {name for path in runtime.rglob("*.py") for name in declared.findall(path.read_text("utf-8"))}
    clients = {name for name, kind in inspect.getmembers(client_errors, inspect.isclass) if issubclass(kind, Exception)}
    assert {"MediaRefused", "JobFailed", "InvalidInput"} <= workers
    assert workers & clients == {"JobFailed", *(fault.name for fault in FAULTS)}


def test_both_clients_have_the_same_exceptions() -> None:
    text = (ROOT / CLIENT_TS / "call_errors.ts").read_text("utf-8")
    typescript = set(re.findall(r"^export class (\w+)", text, re.MULTILINE))
    python = {name for name, kind in inspect.getmembers(call_errors, inspect.isclass) if issubclass(kind, Exception)}
    assert python == typescript


def test_codes_and_names_are_unique() -> None:
    assert len({fault.code for fault in FAULTS}) == len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert all(fault.when.endswith(".") and fault.remedy.endswith(".") for fault in FAULTS)
