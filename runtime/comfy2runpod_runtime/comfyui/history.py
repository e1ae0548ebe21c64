"""The entries of ComfyUI's `/history`: what a finished prompt saved, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from comfy2runpod_contract.json_types import Json, JsonObject


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file as ComfyUI names it."""

    filename: str
    subfolder: str
    type: str


@dataclass(frozen=True, slots=True)
class NodeFailure:
    """The node that failed, and its exception."""

    node_id: str
    class_type: str
    exception_type: str
    message: str


@dataclass(frozen=True, slots=True)
class History:
    """A finished prompt.

    Attributes:
        succeeded: whether all of its nodes ran.
        interrupted: whether it was interrupted.
        failure: the node that failed, if ComfyUI names it.
        files: the saved files, by node id.
        texts: the texts that were shown, by node id.
    """

    succeeded: bool
    interrupted: bool
    failure: NodeFailure | None
    files: dict[str, tuple[SavedFile, ...]]
    texts: dict[str, tuple[str, ...]]


def parse_history(entry: JsonObject) -> History:
    """Parses one entry of `/history`. Malformed parts are ignored."""
    status = entry.get("status")
    status = status if isinstance(status, dict) else {}
    failure = None
    interrupted = False
    for message in _as_list(status.get("messages")):
        match message:
            case ["execution_error", dict() as detail]:
                failure = NodeFailure(
                    node_id=str(detail.get("node_id")),
                    class_type=str(detail.get("node_type")),
                    exception_type=str(detail.get("exception_type")),
                    message=str(detail.get("exception_message")),
                )
            case ["execution_interrupted", _]:
                interrupted = True
            case _:
                continue
    raw_outputs = entry.get("outputs")
    outputs = {
        node_id: output
        for node_id, output in (raw_outputs if isinstance(raw_outputs, dict) else {}).items()
        if isinstance(output, dict)
    }
    return History(
        succeeded=status.get("status_str") == "success" and failure is None and not interrupted,
        interrupted=interrupted,
        failure=failure,
        files={node_id: saved_files(output) for node_id, output in outputs.items()},
        texts={
            node_id: tuple(text for text in _as_list(output.get("text")) if isinstance(text, str))
            for node_id, output in outputs.items()
        },
    )


def saved_files(output: JsonObject) -> tuple[SavedFile, ...]:
    """Returns all files in a node's output, under any key: videos are under `images`, custom nodes have own keys."""
    files = []
    for value in output.values():
        for item in _as_list(value):
            if isinstance(item, dict) and item.get("type") == "output":
                name, subfolder = item.get("filename"), item.get("subfolder")
                if isinstance(name, str):
                    files.append(SavedFile(name, subfolder if isinstance(subfolder, str) else "", "output"))
    return tuple(files)


def _as_list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
