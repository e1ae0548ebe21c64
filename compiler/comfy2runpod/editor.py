"""Where editors differ: each profile is a row of rules; and the nodes that only an editor knows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class EditorProfile:
    """The rules of one editor version that change prompts.

    `instance_keeps_values`: a promoted widget's value is the instance's own, not the inner node's.
    `table_decides`: where inputs and the table of links disagree, the table is right; and nodes of one id on the root
    are told apart.
    `wraps_curves`: a curve's value is written with a word of its type beside it.
    `keeps_promoted_choice`: a dynamic combo that is linked to a subgraph's input keeps its choice when it is loaded.
    `opens_promoted_objects`: it can open a graph in which an instance shows a widget whose value is an object.
    `unpacks_groups`: group nodes of old files become subgraphs when they are loaded.
    `new_color`: the value of a colour widget that the file has none for, where the declared default is passed over.
    """

    name: str
    instance_keeps_values: bool
    table_decides: bool
    wraps_curves: bool
    keeps_promoted_choice: bool
    opens_promoted_objects: bool
    unpacks_groups: bool
    new_color: str | None


PROFILES = {
    "1.43": EditorProfile(
        "1.43",
        instance_keeps_values=False,
        table_decides=False,
        wraps_curves=False,
        keeps_promoted_choice=False,
        opens_promoted_objects=True,
        unpacks_groups=False,
        new_color="#000000",
    ),
    "1.58": EditorProfile(
        "1.58",
        instance_keeps_values=True,
        table_decides=True,
        wraps_curves=True,
        keeps_promoted_choice=True,
        opens_promoted_objects=False,
        unpacks_groups=True,
        new_color=None,
    ),
}

# Types of widgets whose values are objects.
OBJECT_TYPES = frozenset({"BOUNDING_BOX", "CURVE"})


def profile_of_version(frontend_version: str | None) -> EditorProfile | None:
    """The profile of the editor that saved a file, if its version is known to behave like one of ours."""
    match = re.match(r"(\d+)\.(\d+)\b", frontend_version or "")
    if match is None or match[1] != "1":
        return None
    minor = int(match[2])
    if minor <= 43:  # noqa: PLR2004 - the profile's own version
        return PROFILES["1.43"]
    return PROFILES["1.58"] if minor >= 58 else None  # noqa: PLR2004


class Virtual(Enum):
    """How a node that exists only in the editor takes part in links."""

    NOTE = auto()
    PASS_THROUGH = auto()
    PRIMITIVE = auto()
    ABSENT = auto()


# Stands where a link leads to a node that is in no prompt, so that the editor deletes the input with its value.
ABSENT = "(absent)"

# Nodes of the editor itself, and of node packs' extensions of it.
VIRTUAL_NODES = {
    ABSENT: Virtual.ABSENT,
    "Note": Virtual.NOTE,
    "MarkdownNote": Virtual.NOTE,
    "Reroute": Virtual.PASS_THROUGH,
    "PrimitiveNode": Virtual.PRIMITIVE,
    # rgthree-comfy: what changes other nodes' modes does so while one edits, and the file has what came of it.
    "Bookmark (rgthree)": Virtual.NOTE,
    "Fast Actions Button (rgthree)": Virtual.NOTE,
    "Fast Bypasser (rgthree)": Virtual.NOTE,
    "Fast Groups Bypasser (rgthree)": Virtual.NOTE,
    "Fast Groups Muter (rgthree)": Virtual.NOTE,
    "Fast Muter (rgthree)": Virtual.NOTE,
    "Label (rgthree)": Virtual.NOTE,
    "Node Collector (rgthree)": Virtual.NOTE,
    "Reroute (rgthree)": Virtual.PASS_THROUGH,
    # KJNodes: a GetNode's input is linked to what feeds its SetNode before links are followed.
    "GetNode": Virtual.PASS_THROUGH,
    "SetNode": Virtual.PASS_THROUGH,
}


def types_fit(left: str, right: str) -> bool:
    """Whether the editor would join a slot of one type to a slot of the other."""
    if left in ("", "*") or right in ("", "*"):
        return True
    a, b = left.lower(), right.lower()
    return a == b or bool({*a.split(",")} & {*b.split(",")})
