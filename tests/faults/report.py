"""docs/reliability.md: what each fault comes to, in our worker and in another."""

from __future__ import annotations

from pathlib import Path

from .harness import Outcome
from .table import FAULTS

BEGIN, END = "<!-- table: made by `make faults RIVAL=…` -->", "<!-- end of table -->"


def write_report(page: Path, ours: dict[str, Outcome], theirs: dict[str, Outcome]) -> None:
    """Puts the table into its place in the page."""
    rows, good = [], [0, 0]
    for fault in FAULTS:
        cells = []
        for index, (outcome, kind) in enumerate([(ours[fault.name], "ours"), (theirs[fault.name], "worker-comfyui")]):
            found = outcome.faults(fault, kind)
            good[index] += not found
            cells.append("yes" if not found else "**no**: " + "; ".join(map(_short, found)))
        expected = fault.expected + (", and the worker leaves" if fault.leaves else "")
        rows.append(f"| `{fault.name}` | {fault.what} | {expected} | {cells[0]} | {cells[1]} |")
    table = [
        f"Survived: comfy2runpod {good[0]} of {len(FAULTS)}, worker-comfyui {good[1]} of {len(FAULTS)}.",
        "",
        "| fault | what is caused | what is right | comfy2runpod | worker-comfyui |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n" + "\n".join(table) + f"\n\n{END}{after}", encoding="utf-8")


def _short(text: str) -> str:
    """A reason for a table's cell."""
    return text.partition(" (")[0].replace("|", "/").replace("\n", " ")
