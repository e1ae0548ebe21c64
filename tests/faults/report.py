"""docs/reliability.md: what each fault comes to, in our worker and in another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .harness import Outcome
from .table import FAULTS, Fault

BEGIN, END = "<!-- table: made by `make faults RIVAL=…` -->", "<!-- end of table -->"
REAL_BEGIN, REAL_END = "<!-- table: made by `make faults-real` -->", "<!-- end of the real table -->"


def write_report(page: Path, ours: dict[str, Outcome], theirs: dict[str, Outcome]) -> None:
    """Puts the table into its place in the page."""
    rows, good = [], [0, 0]
    for fault in FAULTS:
        cells = []
        for index, (outcome, kind) in enumerate([(ours[fault.name], "ours"), (theirs[fault.name], "worker-comfyui")]):
            found = outcome.faults(fault, kind)
            good[index] += not found
            cells.append("yes" if not found else "**no**: " + "; ".join(map(_short, found)))
        rows.append(f"| `{fault.name}` | {fault.what} | {_expected(fault)} | {cells[0]} | {cells[1]} |")
    table = [
        f"Survived: comfy2runpod {good[0]} of {len(FAULTS)}, worker-comfyui {good[1]} of {len(FAULTS)}.",
        "",
        "| fault | what is caused | what is right | comfy2runpod | worker-comfyui |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]
    _replace(page, table, BEGIN, END)


def write_real_report(page: Path, faults: Sequence[Fault], outcomes: dict[str, Outcome], version: str) -> None:
    """Puts the table of what came of each fault on a real ComfyUI into its place in the page."""
    rows, good = [], 0
    for fault in faults:
        found = outcomes[fault.name].faults(fault)
        good += not found
        cell = "yes" if not found else "**no**: " + "; ".join(map(_short, found))
        rows.append(f"| `{fault.name}` | {fault.what} | {_expected(fault)} | {cell} | {outcomes[fault.name].seconds} |")
    table = [
        f"{version}: {good} of {len(faults)} survived.",
        "",
        "| fault | what is caused | what is right | comfy2runpod | seconds |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]
    _replace(page, table, REAL_BEGIN, REAL_END)


def _replace(page: Path, table: list[str], begin: str, end: str) -> None:
    before, _, rest = page.read_text("utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n\n" + "\n".join(table) + f"\n\n{end}{after}", encoding="utf-8")


def _expected(fault: Fault) -> str:
    return fault.expected + (", and the worker leaves" if fault.leaves else "")


def _short(text: str) -> str:
    """A reason for a table's cell."""
    return text.partition(" (")[0].replace("|", "/").replace("\n", " ")
