"""What mutation tests remove, where, and which tests must notice it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """Files, the kinds of definitions that are removed in them, and the tests that must notice it.

    `parts` are names of `_PARTS`; `files` are patterns below the root; the first `tests` are quick and notice most.
    """

    name: str
    files: tuple[str, ...]
    parts: tuple[str, ...]
    tests: tuple[str, ...]


TARGETS = (
    Target(
        "contract",
        ("contract/comfy2runpod_contract/*.py",),
        ("members", "methods", "functions", "classes", "constants", "entries", "cases"),
        ("tests/contract", "tests/package", "tests/errors/test_errors.py", "tests/runtime/test_provision.py"),
    ),
    Target(
        "worker's side",
        ("runtime/comfy2runpod_runtime/errors.py",),
        ("members", "methods", "functions", "classes"),
        ("tests/contract", "tests/runtime/test_job.py", "tests/runtime/test_failure_reports.py"),
    ),
    Target(
        "clients' side",
        ("compiler/comfy2runpod/client/faults.py", "compiler/comfy2runpod/client_ts/faults.ts"),
        ("members", "methods", "functions", "classes", "entries", "blocks", "lines"),
        ("tests/contract",),
    ),
    Target(
        "kinds",
        (
            "compiler/comfy2runpod/fields/*.py",
            "compiler/comfy2runpod/fields/*/*.py",
            "compiler/comfy2runpod/outputs/*.py",
        ),
        ("members", "methods", "cases"),
        (
            "tests/compiler/test_kinds_golden.py",
            "tests/compiler/test_kinds.py",
            "tests/package",
            "tests/errors/test_errors.py",
            "tests/compiler",
            "tests/rendering/test_packages.py",
        ),
    ),
    Target(
        "worker's kinds of files",
        (
            "runtime/comfy2runpod_runtime/inputs/file_input.py",
            "runtime/comfy2runpod_runtime/inputs/kinds/__init__.py",
            "runtime/comfy2runpod_runtime/inputs/kinds/*/__init__.py",
        ),
        ("members", "methods", "entries"),
        ("tests/compiler/test_kinds.py", "tests/runtime/test_public.py", "tests/package"),
    ),
    Target(
        "worker's kinds",
        ("runtime/comfy2runpod_runtime/outputs/*.py",),
        ("members", "methods", "cases"),
        (
            "tests/contract/test_media.py",
            "tests/runtime/test_job.py",
            "tests/runtime/test_strip_metadata.py",
            "tests/end_to_end/test_outputs.py",
        ),
    ),
    Target(
        "facts",
        ("compiler/comfy2runpod/catalog/facts/*.py",),
        ("members", "methods", "functions", "cases"),
        ("tests/errors/test_errors.py", "tests/compiler", "tests/cli/test_node_facts.py", "tests/cli/test_catalog.py"),
    ),
)
