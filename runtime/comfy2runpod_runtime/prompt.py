"""The API prompt of a job, and the functions that generated patch code uses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NotRequired, TypeAlias, TypedDict

from comfy2runpod_contract.json_types import Json
from comfy2runpod_runtime.errors import PackageError


class PromptNode(TypedDict):
    """One node of a prompt, in ComfyUI's API format."""

    class_type: str
    inputs: dict[str, Json]
    _meta: NotRequired[dict[str, str]]


Prompt: TypeAlias = dict[str, PromptNode]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a prompt.

    Attributes:
        prompt_id: the id under which it is queued.
        seeds: the requested or drawn seeds, by field.
        files: the names of its input files, by field.
    """

    prompt_id: str
    seeds: Mapping[str, int]
    files: Mapping[str, str] = field(default_factory=dict)

    def output_prefix(self, output: str) -> str:
        """Returns the file name prefix of an output, which is unique to the job."""
        return f"comfy2runpod/{self.prompt_id}/{output}"


class PromptTemplate:
    """A package's compiled prompt; each job gets a copy.

    Args:
        text: the prompt as JSON.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def read(cls, path: Path) -> PromptTemplate:
        """Reads workflow_api.json.

        Raises:
            PackageError: the file cannot be read, or is not an API prompt.
        """
        try:
            text = path.read_text("utf-8")
            nodes = json.loads(text)
        except (OSError, ValueError) as error:
            raise PackageError(f"{path.name} cannot be read: {error}") from error
        if not isinstance(nodes, dict) or not all(isinstance(n, dict) and "class_type" in n for n in nodes.values()):
            raise PackageError(f"{path.name} is not an API prompt")
        return cls(text)

    def copy(self) -> Prompt:
        """Returns a copy of the prompt."""
        prompt: Prompt = json.loads(self._text)
        return prompt


def ancestors(prompt: Prompt, node_id: str) -> frozenset[str]:
    """Returns the nodes that a node depends on, and itself."""
    found: set[str] = set()
    waiting = [node_id]
    while waiting:
        current = waiting.pop()
        if current in found or current not in prompt:
            continue
        found.add(current)
        for value in prompt[current]["inputs"].values():
            match value:
                case [str() as origin, int()]:
                    waiting.append(origin)
                case _:
                    continue
    return frozenset(found)


def pruned(prompt: Prompt, node_ids: Iterable[str]) -> Prompt:
    """Returns the part of a prompt that the given nodes depend on."""
    kept = frozenset().union(*(ancestors(prompt, node_id) for node_id in node_ids))
    return {node_id: node for node_id, node in prompt.items() if node_id in kept}


def title_of(prompt: Prompt, node_id: str) -> str:
    """Returns a node's title for messages. A node that was expanded at run time (`7.0.0.3`) has that of its origin."""
    node = prompt.get(node_id) or prompt.get(node_id.split(".", maxsplit=1)[0])
    if node is None:
        return node_id
    return node.get("_meta", {}).get("title") or node["class_type"]


def set_member(inputs: dict[str, Json], name: str, member: str, value: Json) -> None:
    """Sets one member of a widget whose value is an object, such as `crop_region.width`.

    Args:
        inputs: the node's inputs.
        name: the widget.
        member: the member of its object.
        value: the new value.

    Raises:
        PackageError: the prompt has no such object.
    """
    holder = inputs.get(name)
    if not isinstance(holder, dict):
        raise PackageError(f"{name} holds no object to write {member} into")
    holder[member] = value
