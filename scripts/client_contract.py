"""Generates the parts of the contract that both clients need, in Python and TypeScript.

python scripts/client_contract.py     contract and faults, in compiler/comfy2runpod/client/ and in client_ts/

Clients are copied into every package and stand alone there, so they cannot import the contract. A test compares what is
committed with what this makes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from comfy2runpod.fields import KINDS
from comfy2runpod.fields.file_input import FileField
from comfy2runpod_contract import limits, messages, wording
from comfy2runpod_contract.faults import FAULTS, FaultFacts
from comfy2runpod_contract.job_status import FAILED_STATUSES, LIVE_STATUSES, STATUS_FAULTS
from comfy2runpod_contract.json_types import JSON_WORDS
from comfy2runpod_contract.media import FILE_ENDINGS, OTHER_ENDING

ROOT = Path(__file__).parent.parent
CLIENT, CLIENT_TS = Path("compiler/comfy2runpod/client"), Path("compiler/comfy2runpod/client_ts")
CONTRACT = ROOT / "contract/comfy2runpod_contract"
# What a module of the contract says that the Python client has as it is.
_CARRIED = "lients carry this module as it is."
_MADE = "Made from the contract by scripts/client_contract.py; change comfy2runpod_contract{}, not this file."
_ABOUT = "What endpoints and clients agree on: limits of requests, states of jobs, file endings, formats."
# Constants, each with its comment.
_NUMBERS = {
    "RUN_BYTES": (limits.RUN_BYTES, "The largest request to /run, in bytes."),
    "RUNSYNC_BYTES": (limits.RUNSYNC_BYTES, "The largest request to /runsync, and the largest answer, in bytes."),
    "PREVIEW_BYTES": (messages.PREVIEW_BYTES, "The largest preview in a progress update, in bytes."),
    "LONGEST_IMAGE_SIDE": (limits.LONGEST_IMAGE_SIDE, "What ComfyUI's nodes take as a width or height at most."),
}
# Constants that the Python client has in a copied module.
_WORDING = {
    "MOST_FAULTS": (wording.MOST_FAULTS, "How many faults of an input are told one by one."),
    "FAULTS_IN_MESSAGE": (wording.FAULTS_IN_MESSAGE, "How many of them the error's message names."),
}
_NAMES = {"JSON_WORDS": (JSON_WORDS, "What JSON's types are called in messages.")}
_LARGEST = "Integers from here on are not printed."
_BOUNDS = {
    "EXECUTION_MS": (
        (limits.SHORTEST_EXECUTION_MS, limits.LONGEST_EXECUTION_MS),
        "How long a job may be let run at RunPod, in milliseconds.",
    ),
    "TTL_MS": (
        (limits.SHORTEST_TTL_MS, limits.LONGEST_TTL_MS),
        "After how long a job may be dropped, counted from its sending, in milliseconds.",
    ),
}


def _format_labels() -> Mapping[str, str]:
    """What each format is called, of every kind of file that an input may be.

    Raises:
        AssertionError: two kinds call a format of one name differently.
    """
    labels: dict[str, str] = {}
    for one in (form for kind in KINDS if issubclass(kind, FileField) for form in kind.known_formats.values()):
        if labels.setdefault(one.name, one.label) != one.label:
            raise AssertionError(f"the format {one.name} is called {labels[one.name]} and {one.label}")
    return labels


_TABLES = {
    "FILE_ENDINGS": (FILE_ENDINGS, "What a file's name ends in, by its media type."),
    "FORMAT_LABELS": (
        _format_labels(),
        "What a format of files is called in sentences.",
    ),
    "STATUS_CODES": (
        {status.value: fault.value.code for status, fault in STATUS_FAULTS.items()},
        "The code of a job that ended in a state without an error of its worker's.",
    ),
}
_FAILED = {"FAILED_STATUSES": (FAILED_STATUSES, "The states of a job that has ended without a result.")}
# Constants that only the page uses.
_LIVE = {"LIVE_STATUSES": (LIVE_STATUSES, "The states of a job that has not ended.")}
_OTHER_ENDING = "What the name of a file of any other type ends in."


def client_files() -> Mapping[Path, str]:
    """Each file, by its path from the repository's root."""
    return {
        CLIENT / "contract.py": _contract_python(),
        CLIENT / "faults.py": _faults_python(),
        **{CLIENT / name: (CONTRACT / name).read_text("utf-8") for name in _carried()},
        CLIENT_TS / "contract.ts": _contract_typescript(),
        CLIENT_TS / "faults.ts": _faults_typescript(),
    }


def _carried() -> list[str]:
    return sorted(path.name for path in CONTRACT.glob("*.py") if _CARRIED in path.read_text("utf-8"))


def _contract_python() -> str:
    lines = [f'"""{_ABOUT}', "", _MADE.format(""), '"""', "", "from __future__ import annotations", ""]
    lines += ["from collections.abc import Mapping", ""]
    for name, (number, about) in _NUMBERS.items():
        lines += [f"# {about}", f"{name} = {number:_}"]
    for name, ((least, most), about) in _BOUNDS.items():
        lines += [f"# {about}", f"{name} = ({least:_}, {most:_})"]
    for name, (statuses, about) in _FAILED.items():
        lines += [f"# {about}", f"{name} = ({', '.join(map(_quoted, statuses))})"]
    for name, (table, about) in _TABLES.items():
        entries = [f"    {_quoted(key)}: {_quoted(value)}," for key, value in table.items()]
        lines += [f"# {about}", f"{name}: Mapping[str, str] = {{", *entries, "}"]
    return "\n".join([*lines, f"# {_OTHER_ENDING}", f"OTHER_ENDING = {_quoted(OTHER_ENDING)}", ""])


def _contract_typescript() -> str:
    lines = ["/**", f" * {_ABOUT}", " *", f" * {_MADE.format('')}", " */", ""]
    for name, (number, about) in {**_NUMBERS, **_WORDING}.items():
        lines += [f"/** {about} */", f"export const {name} = {number:_};"]
    for name, ((least, most), about) in _BOUNDS.items():
        lines += [f"/** {about} */", f"export const {name} = [{least:_}, {most:_}] as const;"]
    for name, (statuses, about) in {**_LIVE, **_FAILED}.items():
        kind = "readonly string[]"
        lines += [f"/** {about} */", f"export const {name}: {kind} = [{', '.join(map(_quoted, statuses))}];"]
    lines += [f"/** {_LARGEST} */", f"export const LARGEST_SHOWN = {wording.LARGEST_SHOWN}n;"]
    for name, (table, about) in {**_TABLES, **_NAMES}.items():
        entries = [f"  [{_quoted(key)}, {_quoted(value)}]," for key, value in table.items()]
        kind = "ReadonlyMap<string, string>"
        lines += [f"/** {about} */", f"export const {name}: {kind} = new Map([", *entries, "]);"]
    return "\n".join([*lines, f"/** {_OTHER_ENDING} */", f"export const OTHER_ENDING = {_quoted(OTHER_ENDING)};", ""])


def _faults_python() -> str:
    names = sorted([fault.name for fault in FAULTS])
    return "\n".join(
        [
            '"""Why a job fails: an exception a code.',
            "",
            _MADE.format(".faults"),
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
            f" * {_MADE.format('.faults')}",
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
