"""Writes what both clients know of the contract, in their languages.

python scripts/client_contract.py     compiler/comfy2runpod/client/faults.py and client_ts/faults.ts

Clients are copied into every package and stand alone there, so they cannot import the contract. A test compares what is
committed with what this makes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from comfy2runpod_contract.faults import FAULTS, FaultFacts

ROOT = Path(__file__).parent.parent
CLIENT, CLIENT_TS = Path("compiler/comfy2runpod/client"), Path("compiler/comfy2runpod/client_ts")
_MADE = "Made from the contract by scripts/client_contract.py; change comfy2runpod_contract.{}, not this file."


def client_files() -> Mapping[Path, str]:
    """Each file, by its path from the repository's root."""
    return {CLIENT / "faults.py": _faults_python(), CLIENT_TS / "faults.ts": _faults_typescript()}


def _faults_python() -> str:
    names = sorted([fault.name for fault in FAULTS])
    return "\n".join(
        [
            '"""Why a job fails: an exception a code.',
            "",
            _MADE.format("faults"),
            '"""',
            "",
            "from __future__ import annotations",
            "",
            "from collections.abc import Mapping",
            "from typing import Literal, TypeAlias",
            "",
            "from .call_errors import JobFailed",
            "",
            "__all__ = [",
            *(f"    {_quoted(name)}," for name in ["BY_CODE", *sorted([*names, "ErrorCode"])]),
            "]",
            "",
            "ErrorCode: TypeAlias = Literal[",
            *(f"    {_quoted(fault.code)}," for fault in FAULTS),
            "]",
            *(line for fault in FAULTS for line in _class_python(fault)),
            "",
            "",
            "BY_CODE: Mapping[str, type[JobFailed]] = {",
            *(f"    {_quoted(fault.code)}: {fault.name}," for fault in FAULTS),
            "}",
            "",
        ]
    )


def _class_python(fault: FaultFacts) -> list[str]:
    body = ["", "    retryable = True"] if fault.retryable else []
    return ["", "", f"class {fault.name}(JobFailed):", f'    """{fault.when} {fault.remedy}"""', *body]


def _faults_typescript() -> str:
    return "\n".join(
        [
            "/**",
            " * Why a job fails: a class a code.",
            " *",
            f" * {_MADE.format('faults')}",
            " */",
            "",
            'import { JobFailed } from "./call_errors.js";',
            "",
            *(line for fault in FAULTS for line in _class_typescript(fault)),
            "export const BY_CODE = {",
            *(f"  {fault.code}: {fault.name}," for fault in FAULTS),
            "} as const;",
            "",
            "/** The codes that this client knows. */",
            "export type ErrorCode =",
            *(f"  | {_quoted(fault.code)}" for fault in FAULTS[:-1]),
            f"  | {_quoted(FAULTS[-1].code)};",
            "",
            "/** Every class of a known code: a switch over `code` narrows it. */",
            "export type KnownFailure = InstanceType<(typeof BY_CODE)[ErrorCode]>;",
            "",
        ]
    )


def _class_typescript(fault: FaultFacts) -> list[str]:
    return [
        f"/** {fault.when} {fault.remedy} */",
        f"export class {fault.name} extends JobFailed<{_quoted(fault.code)}> {{",
        f"  override readonly name = {_quoted(fault.name)};",
        *(["  override readonly retryable = true;"] if fault.retryable else []),
        "}",
        "",
    ]


def _quoted(text: str) -> str:
    return json.dumps(text)


def main() -> None:
    for path, text in client_files().items():
        (ROOT / path).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
