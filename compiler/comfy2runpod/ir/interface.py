"""interface -> emit: what the endpoint takes and gives, and what it needs to run.

What a field or an output is, its kind's own module says (`fields/`, `outputs/`), so that no template decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from comfy2runpod.fields import Field
from comfy2runpod.for_people import ForPeople
from comfy2runpod.note_forms import Attention, PinnedPackage
from comfy2runpod.outputs import Output
from comfy2runpod_contract.json_types import Json


@dataclass(frozen=True, slots=True)
class Rewrite(ForPeople):
    """One input of the prompt that holds something else: a link, a value, or nothing any more (`gone`)."""

    node_id: str
    class_type: str
    title: str
    input: str
    value: Json
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Removal(ForPeople):
    """One node that goes out of the prompt."""

    node_id: str
    class_type: str
    title: str


@dataclass(frozen=True, slots=True)
class Variant:
    """How the prompt changes where all of `fields` are omitted, whether others are omitted too or not.

    Of several that apply to a request, fewer fields come before more: the rewrites hold in this order, a later one over
    an earlier; removals come after all rewrites.
    """

    fields: tuple[str, ...]
    rewrites: tuple[Rewrite, ...]
    removals: tuple[Removal, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A file that the workflow loads.

    `directory` is the folder under ComfyUI's `models`. `size` (bytes), `sha256` and a commit as `revision` come from
    the lock; until it is made, `revision` is the branch of the URL and `approximate_size` what the author wrote.
    `licence` is the author's word on it, else the hub's, one line; `gated` says whether its repository wants a token of
    somebody who accepted its terms. None: not known.
    """

    file: str
    directory: str
    url: str
    repo: str | None
    path: str | None
    revision: str | None
    size: int | None
    approximate_size: int | None
    sha256: str | None
    node_ids: tuple[str, ...]
    licence: str | None = None
    gated: bool | None = None


@dataclass(frozen=True, slots=True)
class RunpodSettings:
    """Where the endpoint is to run.

    `gpu` are RunPod pool ids in order of preference; `container_disk_gb` is what a worker needs beside the models;
    sizes in GB, time in seconds. `icon` is the https address of a picture for RunPod's Hub.
    """

    gpu: tuple[str, ...]
    container_disk_gb: int
    execution_timeout_seconds: int
    icon: str | None = None


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file of the author's in the image: where it lies there, its bytes, and its path beside the graph."""

    path: str
    data: bytes
    source: str


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """What the image has beside ComfyUI and the worker.

    `apt` are Debian packages, by name; `environment` are variables and their values; `attention` is the library that
    computes attention in the place of torch's own; `files` are the author's, `pip` packages of ComfyUI's environment,
    both sorted.
    """

    apt: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    attention: Attention | None = None
    files: tuple[ImageFile, ...] = ()
    pip: tuple[PinnedPackage, ...] = ()


@dataclass(frozen=True, slots=True)
class Interface(ForPeople):
    """The whole contract of one endpoint.

    `source` is the graph file's name, `source_sha256` its hash, in hexadecimal; None where it was never a file's bytes.
    """

    name: str
    title: str
    description: str
    source: str
    comfyui_version: str
    comfyui_commit: str
    fields: tuple[Field, ...]
    outputs: tuple[Output, ...]
    models: tuple[Model, ...]
    runpod: RunpodSettings
    source_sha256: str | None = None
    image: ImageSettings = ImageSettings()
