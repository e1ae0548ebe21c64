"""annotation -> interface: what the author wrote in the note, typed, nothing resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from comfy2runpod.diagnostics import Diagnostic, Locus
from comfy2runpod.fields.note import InputAnnotation
from comfy2runpod.note_forms import Attention, PinnedPackage


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputAnnotation:
    """An output and the node that saves it."""

    name: str
    node: str
    title: str | None = None
    description: str | None = None
    many: bool = False


@dataclass(frozen=True, slots=True)
class ModelAnnotation:
    """What the author knows of a model file.

    Its size in bytes, approximately, where it comes from, its licence, and whether its repository is gated.
    """

    file: str
    size: int | None
    url: str | None
    directory: str | None
    licence: str | None = None
    gated: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """The whole note, and where it stands. `inputs` or `outputs` None: not said, taken from what ComfyUI stores.

    `files` are what the image gets of files beside the graph: where each is to lie, and its path beside the graph.
    `app_inputs` are the inputs that the author chose in App mode: node and name. `warnings` are about the note's form.
    """

    node_id: str | None = None
    json_path: str | None = None
    name: str | None = None
    title: str | None = None
    description: str | None = None
    inputs: tuple[InputAnnotation, ...] | None = None
    outputs: tuple[OutputAnnotation, ...] | None = None
    models: Mapping[str, ModelAnnotation] = field(default_factory=dict)
    gpu: tuple[str, ...] | None = None
    container_disk_gb: int | None = None
    execution_timeout_seconds: int | None = None
    icon: str | None = None
    apt: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    attention: Attention | None = None
    files: tuple[tuple[str, str], ...] = ()
    pip: tuple[PinnedPackage, ...] = ()
    app_inputs: tuple[tuple[str, str], ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    def at(self, file: str, key: str) -> Locus:
        """A key's place in the note; the whole file's where there is no note."""
        if self.node_id is None:
            return Locus(file)
        return Locus(file, node=self.node_id, title="comfy2runpod", input=key, json_path=self.json_path)
