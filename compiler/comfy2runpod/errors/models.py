"""What can be wrong with the model files that a graph loads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, Severity, did_you_mean, shorten, show

_MOST_NAMES = 5


@dataclass(frozen=True, kw_only=True)
class UnknownModel(Diagnostic):
    """A model in the note that no node loads."""

    code: ClassVar[str] = "unknown-model"
    file: str
    near: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The name."""
        return f"No node that runs loads {self.file}."

    @property
    def remedy(self) -> str:
        """The nearest."""
        return f"{did_you_mean(self.near)}Correct or remove it under `models` in the note."


@dataclass(frozen=True, kw_only=True)
class BadModelHash(Diagnostic):
    """A hash in a loader's model list that is none."""

    code: ClassVar[str] = "bad-model-hash"
    file: str
    found: str

    @property
    def reason(self) -> str:
        """The hash."""
        return f"The sha256 of {self.file} in `properties.models` is {show(self.found)}; expected 64 hex digits."

    @property
    def remedy(self) -> str:
        """Correct it, or leave it to the hub."""
        return "Correct `hash` there, or remove it: `comfy2runpod lock` asks the hub for the file's own."


@dataclass(frozen=True, kw_only=True)
class ModelWithoutUrl(Diagnostic):
    """A model file that nothing says where to get."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "model-without-url"
    file: str
    folder: str

    @property
    def reason(self) -> str:
        """The file."""
        return f"Nothing says where {self.file} comes from: the worker will not download it."

    @property
    def remedy(self) -> str:
        """Say it, or bring it."""
        folder = self.folder or "…"
        return f"Say `models: {{{self.file}: {{url: …}}}}` in the note, or put the file in models/{folder} yourself."


@dataclass(frozen=True, kw_only=True)
class ModelSizeUnknown(Diagnostic):
    """Model files of which nothing says how large they are, so that the worker's disk has no room for them."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "model-size-unknown"
    files: tuple[str, ...]
    disk_gb: int

    @property
    def reason(self) -> str:
        """Which, and what the disk is without them."""
        named, one = ", ".join(self.files[:_MOST_NAMES]), len(self.files) == 1
        more = f" and {len(self.files) - _MOST_NAMES} more" if len(self.files) > _MOST_NAMES else ""
        return (
            f"Nothing says how large {named}{more} {'is' if one else 'are'}: the disk that the package asks for, "
            f"{self.disk_gb} GB a worker, has no room for {'it' if one else 'them'}."
        )

    @property
    def remedy(self) -> str:
        """Lock, or say it."""
        return (
            "Run `comfy2runpod lock` on the graph, which asks the hub, or say `models: {FILE: {size: 6.5GB}}` in the "
            "note; then compile again. Where the models are on a network volume, it matters not."
        )


@dataclass(frozen=True, kw_only=True)
class ModelWithoutFolder(Diagnostic):
    """A model file that nothing says where to put: its class comes from a catalog that does not know the folder."""

    code: ClassVar[str] = "model-without-folder"
    file: str

    @property
    def reason(self) -> str:
        """The file."""
        return f"Nothing says which folder under ComfyUI's models {self.file} belongs in: the node would not find it."

    @property
    def remedy(self) -> str:
        """Say it."""
        return f"Say `models: {{{self.file}: {{directory: …}}}}` in the note."


@dataclass(frozen=True, kw_only=True)
class BadModelPlace(Diagnostic):
    """A model file whose name or folder no worker may write to."""

    code: ClassVar[str] = "bad-model-place"
    file: str
    folder: str
    problem: str

    @property
    def reason(self) -> str:
        """Where it would lie, and why not."""
        file = shorten(self.file) or "A file without a name"
        return f"{file} cannot lie in models/{shorten(self.folder)}. {self.problem}"

    @property
    def remedy(self) -> str:
        """What places there are."""
        return (
            "Let the loader name a plain file, with folders before it if there are any (SDXL/base.safetensors), and "
            "let `directory` be the loader's own model folder, such as checkpoints or loras."
        )


@dataclass(frozen=True, kw_only=True)
class ModelInOtherFolder(Diagnostic):
    """A model file in a model folder that its loader does not look in."""

    code: ClassVar[str] = "model-in-other-folder"
    file: str
    folder: str
    looked: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Both folders."""
        return (
            f"{shorten(self.file)} would lie in models/{shorten(self.folder)}, and this loader looks in "
            f"models/{' and models/'.join(self.looked)}: it would not find it."
        )

    @property
    def remedy(self) -> str:
        """Say the loader's."""
        return f"Say `directory: {self.looked[-1]}`, or a folder below it, where the directory is said."


@dataclass(frozen=True, kw_only=True)
class BadModelUrl(Diagnostic):
    """A model's URL that is none, leads to a page, or carries somebody's secret. The URL is not repeated: it may."""

    code: ClassVar[str] = "bad-model-url"
    file: str
    problem: str
    what_to_do: str

    @property
    def reason(self) -> str:
        """Whose URL, and what is wrong with it."""
        return f"The URL of {shorten(self.file)} cannot be used. {self.problem}"

    @property
    def remedy(self) -> str:
        """What the address would be, or where a secret belongs."""
        return f"{self.what_to_do} It stands in `properties.models` of the loader, or under `models` in the note."


@dataclass(frozen=True, kw_only=True)
class ModelsAtOnePlace(Diagnostic):
    """Two model files that cannot both lie on one disk: at one place, or one where the other needs a folder."""

    code: ClassVar[str] = "models-at-one-place"
    place: str
    other: str
    other_node: str

    @property
    def reason(self) -> str:
        """Both places."""
        return (
            f"It would lie in models/{shorten(self.place)}, and what {self.other_node} loads in "
            f"models/{shorten(self.other)}: the two cannot both be there."
        )

    @property
    def remedy(self) -> str:
        """Tell them apart."""
        return (
            "Give one of them another name or `directory`, in its loader and where its URL stands; names that differ "
            "in nothing but capitals are one on some disks."
        )


@dataclass(frozen=True, kw_only=True)
class ModelOfTwoUrls(Diagnostic):
    """One model file that two loaders have from two places."""

    code: ClassVar[str] = "model-of-two-urls"
    file: str
    url: str
    other: str
    other_node: str

    @property
    def reason(self) -> str:
        """Both URLs, or that their hashes differ."""
        if self.url == self.other:
            return f"Its sha256 of {shorten(self.file)} is another than that of {self.other_node}: which one is meant?"
        return (
            f"It has {shorten(self.file)} from {shorten(self.url)}, and {self.other_node} has it from "
            f"{shorten(self.other)}: which one is meant?"
        )

    @property
    def remedy(self) -> str:
        """Say which, or tell them apart."""
        return (
            f"Say `models: {{{shorten(self.file)}: {{url: …}}}}` in the note if they are one file, or give one of "
            "them another name."
        )
