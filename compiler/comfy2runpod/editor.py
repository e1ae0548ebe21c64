"""Where editors differ: each profile is a row of rules. How they treat types of widgets stands in the facts."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EditorProfile:
    """The rules of one editor version that change prompts.

    `instance_keeps_values`: a promoted widget's value is the instance's own, not the inner node's.
    `table_decides`: where inputs and the table of links disagree, the table is right; and nodes of one id on the root
    are told apart.
    `keeps_promoted_choice`: a dynamic combo that is linked to a subgraph's input keeps its choice when it is loaded.
    `opens_promoted_objects`: it can open a graph in which an instance shows a widget whose value is an object.
    `unpacks_groups`: group nodes of old files become subgraphs when they are loaded.
    """

    name: str
    instance_keeps_values: bool
    table_decides: bool
    keeps_promoted_choice: bool
    opens_promoted_objects: bool
    unpacks_groups: bool


PROFILES = {
    "1.43": EditorProfile(
        "1.43",
        instance_keeps_values=False,
        table_decides=False,
        keeps_promoted_choice=False,
        opens_promoted_objects=True,
        unpacks_groups=False,
    ),
    "1.58": EditorProfile(
        "1.58",
        instance_keeps_values=True,
        table_decides=True,
        keeps_promoted_choice=True,
        opens_promoted_objects=False,
        unpacks_groups=True,
    ),
}


def profile_of_version(frontend_version: str | None) -> EditorProfile | None:
    """The profile of the editor that saved a file, if its version is known to behave like one of ours."""
    match = re.match(r"(\d+)\.(\d+)\b", frontend_version or "")
    if match is None or match[1] != "1":
        return None
    minor = int(match[2])
    if minor <= 43:  # noqa: PLR2004 - the profile's own version
        return PROFILES["1.43"]
    return PROFILES["1.58"] if minor >= 58 else None  # noqa: PLR2004


def types_fit(left: str, right: str) -> bool:
    """Whether the editor would join a slot of one type to a slot of the other."""
    if left in ("", "*") or right in ("", "*"):
        return True
    a, b = left.lower(), right.lower()
    return a == b or bool({*a.split(",")} & {*b.split(",")})
