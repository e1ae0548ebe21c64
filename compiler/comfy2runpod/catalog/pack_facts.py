"""Facts about node packs that no server tells: what their extensions of the editor do to a prompt.

Rows. What is said here was seen with the packs' own extensions loaded in the editor (1.43); where we do not do what an
extension does, its nodes are refused with what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extension:
    """What a pack's extension does with a class that we do not do: a clause, and what the author can do instead."""

    pack: str
    does: str
    instead: str


_BY_NAME = "passes what is linked to it on by a name, to nodes that are not linked"
_LINK_THEM = "Draw the links themselves, and delete the nodes that stand in for them."
_EVERYWHERE = Extension(
    "cg-use-everywhere",
    "links open inputs all over the graph when it is queued, by rules that only the pack's extension knows",
    _LINK_THEM,
)

_SESSION = "puts a mark in the image's place that leads to what the running session of the editor keeps"
_OWN_NODES = "Use ComfyUI's own Load Image or Preview Image in its place."

# Nodes of an extension alone: no server has them. Those of KJNodes are followed (normalize/extensions.py).
EDITOR_ONLY: Mapping[str, Extension] = {
    "easy setNode": Extension("comfyui-easy-use", _BY_NAME, _LINK_THEM),
    "easy getNode": Extension("comfyui-easy-use", _BY_NAME, _LINK_THEM),
    "Mute / Bypass Repeater (rgthree)": Extension(
        "rgthree-comfy",
        "gives its own mode to every node that is linked into it when the graph is opened, whatever the file says",
        "Delete it, mute or bypass the nodes themselves, and save.",
    ),
    "Mute / Bypass Relay (rgthree)": Extension(
        "rgthree-comfy",
        "passes the mode of one node on to others when the graph is opened, whatever the file says",
        "Delete it, mute or bypass the nodes themselves, and save.",
    ),
    "Random Unmuter (rgthree)": Extension(
        "rgthree-comfy",
        "switches one of the muted nodes that are linked into it on, at random, each time the graph is queued",
        "Delete it, and switch on the node that is meant.",
    ),
    "PresetText|pysssss": Extension(
        "comfyui-custom-scripts",
        "writes a text that is kept in the author's browser, and not in the file, into what it is linked to",
        "Write the text into the node itself.",
    ),
}

# Classes that the server has, but whose values or links only the extension makes.
QUEUED_BY_EXTENSION: Mapping[str, Extension] = {
    "Anything Everywhere": _EVERYWHERE,
    "Anything Everywhere3": _EVERYWHERE,
    "Anything Everywhere?": _EVERYWHERE,
    "Prompts Everywhere": _EVERYWHERE,
    "Seed Everywhere": _EVERYWHERE,
    "PreviewBridge": Extension("comfyui-impact-pack", _SESSION, _OWN_NODES),
    "ImageReceiver": Extension("comfyui-impact-pack", _SESSION, _OWN_NODES),
    "LoadImage //Inspire": Extension("comfyui-inspire-pack", _SESSION, _OWN_NODES),
    "easy globalSeed": Extension(
        "comfyui-easy-use",
        "writes its seed into the seeds of other nodes when the graph is queued",
        "Delete it, and make the seeds fields: `inputs: {seed: {from: 5.seed}}` in the note.",
    ),
    "GlobalSeed //Inspire": Extension(
        "comfyui-inspire-pack",
        "writes its seed into the seeds of other nodes when the graph is queued",
        "Delete it, and make the seeds fields: `inputs: {seed: {from: 5.seed}}` in the note.",
    ),
}


@dataclass(frozen=True, slots=True)
class DrawnValue:
    """An input whose negative values stand for a number that the extension draws when the graph is queued."""

    pack: str
    input: str


DRAWN_VALUES: Mapping[str, DrawnValue] = {"Seed (rgthree)": DrawnValue("rgthree-comfy", "seed")}

# Inputs named like seeds behind which an extension takes the editor's control away.
WITHOUT_CONTROL = frozenset({"Seed (rgthree)"})


@dataclass(frozen=True, slots=True)
class ValuesByName:
    """Classes that save their widgets' values as an object, by name; the prefix of their names, and whose they are.

    `shows` are names in it that reach no prompt: buttons and players.
    """

    pack: str
    shows: frozenset[str]


VALUES_BY_NAME: Mapping[str, ValuesByName] = {
    "VHS_": ValuesByName(
        "comfyui-videohelpersuite",
        frozenset({"videopreview", "choose video to upload", "choose folder to upload", "choose audio to upload"}),
    ),
}


def values_by_name(class_type: str) -> ValuesByName | None:
    """How a class saves its values, if it is by name."""
    return next((row for prefix, row in VALUES_BY_NAME.items() if class_type.startswith(prefix)), None)
