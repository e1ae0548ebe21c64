"""What the editors made of a run's graphs, kept in a file: our side can then be judged anew without a browser."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comfy2runpod.catalog.release import RELEASE
from parity.editor import Reading
from parity.mutations import Case
from parity.suite import Changed, Read
from parity.templates import package_version
from parity.versions import VERSIONS


@dataclass(frozen=True, slots=True)
class Recording:
    """A run's own seed, the graphs changed for it, and all that was read."""

    seed: int
    changed: Sequence[Changed]
    reads: Sequence[Read]


def save_recording(recording: Recording, path: Path) -> None:
    """Writes a recording; a template's graph is named, not copied."""
    places = {changed.name: place for place, changed in enumerate(recording.changed)}
    data = {
        "of": _of(),
        "seed": recording.seed,
        "changed": [
            {
                "index": each.case.index,
                "template": each.case.template,
                "draw": each.case.draw,
                "steps": each.case.steps,
                "made_in": each.made_in.profile,
                "done": each.done,
                "graph": each.graph,
                "error": each.error,
            }
            for each in recording.changed
        ],
        "reads": [
            {
                "editor": each.editor.profile,
                "name": each.name,
                "changed": None if each.changed is None else places[each.changed.name],
                "prompt": each.reading.prompt,
                "error": each.reading.error,
                "lost": each.reading.lost,
            }
            for each in recording.reads
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        json.dump(data, file)


def load_recording(path: Path, templates: Mapping[str, bytes]) -> Recording:
    """Reads a recording back.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is of other editors, templates or classes than those that are here now.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        data: Any = json.load(file)
    if data["of"] != _of():
        raise ValueError(f"{path} is of other editors, templates or classes: run the suite anew")
    changed = [_changed(data["seed"], each) for each in data["changed"]]
    return Recording(data["seed"], changed, [_read(each, changed, templates) for each in data["reads"]])


def _of() -> dict[str, str]:
    """What an editor's answers depend on."""
    editors = {version.profile: version.version for version in VERSIONS.values()}
    return editors | {"templates": package_version(), "ComfyUI": RELEASE.version}


def _changed(seed: int, raw: Any) -> Changed:  # noqa: ANN401 - JSON that save_recording wrote
    steps = tuple(tuple(kinds) for kinds in raw["steps"])
    case = Case(seed, raw["index"], raw["template"], raw["draw"], steps)
    done = tuple((kind, said) for kind, said in raw["done"])
    return Changed(case, VERSIONS[raw["made_in"]], done, raw["graph"], raw["error"])


def _read(raw: Any, changed: Sequence[Changed], templates: Mapping[str, bytes]) -> Read:  # noqa: ANN401
    reading = Reading(raw["prompt"], raw["error"], raw["lost"])
    editor = VERSIONS[raw["editor"]]
    if raw["changed"] is None:
        return Read(editor, raw["name"], templates[raw["name"]], reading)
    source = changed[raw["changed"]]
    return Read(editor, raw["name"], (source.graph or "").encode("utf-8"), reading, source)
