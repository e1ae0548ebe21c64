"""load -> flatten: a saved UI graph, typed, with nothing resolved yet.

Node ids are kept as text: files hold integers, and texts in old ones; the prompt knows only text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from comfy2runpod_contract.json_types import Json

NodeId: TypeAlias = str
LinkId: TypeAlias = int

# The two ends of a subgraph's own links: its input panel and its output panel.
INPUT_PANEL: NodeId = "-10"
OUTPUT_PANEL: NodeId = "-20"


# The editor's own ids have up to 16 digits; a UUID has 36 characters.
LONGEST_ID = 100


def numeric_id(node_id: NodeId) -> int | None:
    """A node id as the number that the editor counts on from; None if it is none of at most LONGEST_ID digits."""
    if node_id.isdecimal() and node_id.isascii() and len(node_id) <= LONGEST_ID:
        return int(node_id)
    return None


_GROUP_TYPE = re.compile(r"workflow[/>](.+)", re.DOTALL)


def group_name(node_type: str) -> str | None:
    """The definition that a group node of this type stands for; None if it is not the type of one."""
    match = _GROUP_TYPE.fullmatch(node_type)
    return match[1] if match is not None else None


class Mode(IntEnum):
    """What the editor does with a node; ON_EVENT and ON_TRIGGER run as ALWAYS."""

    ALWAYS = 0
    ON_EVENT = 1
    NEVER = 2
    ON_TRIGGER = 3
    BYPASS = 4


# The modes in which a node does not run, in the words of ComfyUI's menu.
OFF = {Mode.NEVER: "muted", Mode.BYPASS: "bypassed"}


class InputSlot(NamedTuple):
    """An input of a node or of a subgraph's instance. `widget` is the name of the widget it stands for."""

    name: str
    type: str
    link: LinkId | None
    widget: str | None = None
    label: str | None = None


class OutputSlot(NamedTuple):
    """An output of a node."""

    name: str
    type: str
    links: tuple[LinkId, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRef:
    """One entry of a loader's `properties.models`."""

    name: str
    url: str
    directory: str
    hash: str | None = None
    hash_type: str | None = None


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node as saved. `widgets_values` is a list for nearly all, an object for some packs' nodes, or absent.

    `written` are values by input name that something else on the canvas writes in their place: a PrimitiveNode; and
    `written_controls` the control words of that.
    `alias` is the name by which texts such as `%KSampler.seed%` refer to it, `replaces_text` that a PrimitiveNode
    resolves such texts in its value.
    """

    id: NodeId
    type: str
    title: str | None
    mode: Mode
    inputs: tuple[InputSlot, ...]
    outputs: tuple[OutputSlot, ...]
    widgets_values: tuple[Json, ...] | Mapping[str, Json] | None
    models: tuple[ModelRef, ...]
    proxy_widgets: tuple[tuple[NodeId, str], ...]
    pack: str | None
    pack_version: str | None
    json_path: str
    alias: str | None = None
    replaces_text: bool = False
    written: Mapping[str, Json] = field(default_factory=dict)
    written_controls: Mapping[str, str] = field(default_factory=dict)


class GraphLink(NamedTuple):
    """A wire from an output slot to an input slot of the same canvas."""

    id: LinkId
    origin_id: NodeId
    origin_slot: int
    target_id: NodeId
    target_slot: int
    type: str


@dataclass(frozen=True, slots=True)
class PanelSlot:
    """An input or output that a subgraph shows on its instances."""

    name: str
    type: str
    label: str | None
    link_ids: tuple[LinkId, ...]


@dataclass(frozen=True, slots=True)
class Canvas:
    """Nodes and links of the root graph or of one subgraph definition, in file order."""

    nodes: tuple[GraphNode, ...]
    links: Mapping[LinkId, GraphLink]


@dataclass(frozen=True, slots=True)
class Subgraph:
    """A definition; a node whose `type` is its id is an instance of it."""

    id: str
    name: str
    canvas: Canvas
    inputs: tuple[PanelSlot, ...]
    outputs: tuple[PanelSlot, ...]
    json_path: str
    last_node_id: int = 0


@dataclass(frozen=True, slots=True)
class GroupLink:
    """A wire inside a group node, between nodes by their places; `origin` is None if it came from outside."""

    origin: int | None
    origin_slot: int
    target: int
    target_slot: int
    type: str | None


@dataclass(frozen=True, slots=True)
class GroupSlot:
    """What the author set for one input or output of an inner node: another name, or whether the group shows it."""

    name: str | None
    visible: bool | None


@dataclass(frozen=True, slots=True)
class GroupDefinition:
    """A group node's definition, as editors before subgraphs saved it; the ids of its nodes are their places.

    `external` are the outputs that were used outside when the group was made, with their types. `inputs` are keyed by
    node and name, `outputs` by node and slot.
    """

    name: str
    nodes: tuple[GraphNode, ...]
    links: tuple[GroupLink, ...]
    external: Mapping[tuple[int, int], str]
    inputs: Mapping[tuple[int, str], GroupSlot]
    outputs: Mapping[tuple[int, int], GroupSlot]
    json_path: str


@dataclass(frozen=True, slots=True)
class Document:
    """A whole saved graph.

    `subgraphs` is in file order, by definition id; `groups` are the definitions of the group nodes on its canvases, by
    name; `last_node_id` is what the file says.
    """

    file: str
    root: Canvas
    subgraphs: Mapping[str, Subgraph]
    frontend_version: str | None
    app_inputs: tuple[tuple[NodeId, str], ...]
    last_node_id: int = 0
    groups: Mapping[str, GroupDefinition] = field(default_factory=dict)

    def canvases(self) -> tuple[Canvas, ...]:
        """The root and the canvases of all definitions."""
        return (self.root, *(subgraph.canvas for subgraph in self.subgraphs.values()))

    def node_types(self) -> frozenset[str]:
        """The types of the nodes on all canvases."""
        return frozenset({node.type for canvas in self.canvases() for node in canvas.nodes})
