"""Lets the real editors make the prompts of the graphs in tests/compiler/editor_cases, and writes them into the cases.

Read the diff before it is committed: a prompt that changes is a rule of the editor that changed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import cast

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod_contract.json_types import Json, JsonObject
from parity.editor import Editor, find_chromium
from parity.suite import running_editor
from parity.versions import VERSIONS

CASES = Path(__file__).parents[1] / "tests" / "compiler" / "editor_cases"


async def refresh(chromium: Path) -> int:
    paths = sorted(CASES.glob("*/*.json"))
    cases = {path: cast(JsonObject, json.loads(path.read_text("utf-8"))) for path in paths}
    for profile, version in VERSIONS.items():
        async with running_editor(version, load_catalog(), chromium) as editor:
            for case in cases.values():
                case[profile] = await prompt_of(editor, case["graph"])
    changed = [path for path, case in cases.items() if write(path, case)]
    for path in changed:
        print(f"changed: {path.relative_to(CASES)}")
    print(f"{len(paths)} cases, {len(changed)} changed")
    return 0


async def prompt_of(editor: Editor, graph: Json) -> Json:
    """The editor's prompt without titles; None if the editor refuses the graph."""
    reading = await editor.read(json.dumps(graph))
    if reading.error is not None or reading.prompt is None:
        return None
    nodes = cast("dict[str, JsonObject]", reading.prompt)
    return {
        node_id: {"class_type": node.get("class_type"), "inputs": node["inputs"]} for node_id, node in nodes.items()
    }


def write(path: Path, case: JsonObject) -> bool:
    lines = [f"{json.dumps(key)}: {json.dumps(case[key])}" for key in ("graph", *VERSIONS)]
    text = "{" + ",\n ".join(lines) + "}\n"
    if path.read_text("utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def main() -> int:
    chromium = find_chromium()
    if chromium is None:
        print("no Chromium: run `make chromium`, or name one with CHROMIUM=", file=sys.stderr)
        return 3
    return asyncio.run(refresh(chromium))


if __name__ == "__main__":
    sys.exit(main())
