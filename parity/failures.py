"""Writes down a graph on which we are wrong, so that it can be looked at and played again."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from comfy2runpod.ir.prompt import prompt_to_json
from parity.judge import Result


def clear_failures(folder: Path) -> None:
    """Takes away what an earlier run wrote, so that what lies there is of the last one; leaves all else."""
    for case in folder.glob("*/case.txt"):
        shutil.rmtree(case.parent)


def write_failure(result: Result, folder: Path) -> Path:
    """A folder with the graph, both prompts, what differs and where it came from; returns it."""
    read = result.read
    place = folder / f"{read.editor.profile}-{re.sub(r'[/:]', '-', read.name)}"
    place.mkdir(parents=True, exist_ok=True)
    for old in place.iterdir():
        old.unlink()
    (place / "graph.json").write_bytes(read.graph)
    if read.reading.prompt is not None:
        _write_json(place / "editor.prompt.json", read.reading.prompt)
    if result.ours.prompt is not None:
        _write_json(place / "ours.prompt.json", prompt_to_json(result.ours.prompt))
    if result.ours.text:
        (place / "ours.error.txt").write_text(result.ours.text, encoding="utf-8")
    lines = [f"editor {read.editor.version}", f"outcome: {result.judgement.outcome.value}"]
    changed = read.changed
    if changed is not None:
        case = changed.case
        options = f"--made-in {changed.made_in.profile} --editor {read.editor.profile}"
        lines += [f"template {case.template}", *(f"change: {said}" for _, said in changed.done)]
        lines.append(f"again: python -m parity {options} --seed {case.seed} --case {case.index}")
    (place / "case.txt").write_text("\n".join([*lines, "", *result.judgement.why, ""]), encoding="utf-8")
    return place


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
