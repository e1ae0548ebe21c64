"""Two prompts side by side, on what the server reads: what differs, a line each.

Only inputs that the class declares reach a node (`a.b` is declared if `a` is): the editor also writes the values of its
own buttons and players. Numbers are equal as JSON's are (1 is 1.0), and true is not 1. Titles are not compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.ir.prompt import Prompt, PromptNode
from comfy2runpod_contract.json_types import Json

# Values that the editor makes anew each time: its 3D viewer's images, named by the clock.
_VOLATILE = frozenset({("Load3D", "image"), ("Load3DAnimation", "image")})


def differences(editors: Prompt, ours: Prompt, catalog: Catalog) -> list[str]:
    """What differs, as lines that name the node and input; none if the prompts are equal."""
    lines: list[str] = []
    for node_id in editors.keys() | ours.keys():
        theirs, mine = editors.get(node_id), ours.get(node_id)
        if theirs is None or mine is None:
            node, who = (mine, "only we have") if theirs is None else (theirs, "only the editor has")
            lines.append(f"{node_id}: {who} {node.class_type if node else ''}")
        elif theirs.class_type != mine.class_type:
            lines.append(f"{node_id}: the editor says {theirs.class_type}, we say {mine.class_type}")
        else:
            lines.extend(_inputs(node_id, theirs, mine, catalog))
    return sorted(lines)


def equal(left: Json, right: Json) -> bool:
    """Whether two values are the same JSON."""
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    return left == right


def _inputs(node_id: str, theirs: PromptNode, mine: PromptNode, catalog: Catalog) -> Iterator[str]:
    node_class = catalog.get(theirs.class_type)
    declared = None if node_class is None else {spec.name for spec in node_class.inputs}
    for name in theirs.inputs.keys() | mine.inputs.keys():
        if declared is not None and name not in declared and name.partition(".")[0] not in declared:
            continue
        if (theirs.class_type, name) in _VOLATILE:
            continue
        shown = f"{node_id}.{name} ({theirs.class_type})"
        if name not in mine.inputs:
            yield f"{shown}: only the editor has {_short(theirs.inputs[name])}"
        elif name not in theirs.inputs:
            yield f"{shown}: only we have {_short(mine.inputs[name])}"
        elif not equal(theirs.inputs[name], mine.inputs[name]):
            yield f"{shown}: the editor has {_short(theirs.inputs[name])}, we have {_short(mine.inputs[name])}"


def _short(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:97] + "..."  # noqa: PLR2004 - a line's worth
