"""What can be wrong with the model files that a graph loads."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Severity, Text, also, shorten

_MOST_NAMES = 5


class UnknownModel(Diagnostic):
    """A model in the note that no node loads."""

    code = "unknown-model"
    file: str
    near: tuple[str, ...]

    reason = Text("No node that runs loads {file}.")
    remedy = Text("{near:did_you_mean}Correct or remove it under `models` in the note.")


class BadModelHash(Diagnostic):
    """A hash in a loader's model list that is none."""

    code = "bad-model-hash"
    file: str
    found: str

    reason = Text("The sha256 of {file} in `properties.models` is {found:json}; expected 64 hex digits.")
    remedy = Text("Correct `hash` there, or remove it: `comfy2runpod lock` asks the hub for the file's own.")


class ModelWithoutUrl(Diagnostic):
    """A model file that nothing says where to get."""

    severity = Severity.WARNING
    code = "model-without-url"
    file: str
    folder: str

    reason = Text("Nothing says where {file} comes from: the worker will not download it.")

    @Text
    def remedy(self) -> str:
        folder = self.folder or "…"
        return f"Say `models: {{{self.file}: {{url: …}}}}` in the note, or put the file in models/{folder} yourself."


class ModelSizeUnknown(Diagnostic):
    """Model files of which nothing says how large they are, so that the worker's disk has no room for them."""

    severity = Severity.WARNING
    code = "model-size-unknown"
    files: tuple[str, ...]
    disk_gb: int

    @Text
    def reason(self) -> str:
        named, one = ", ".join(self.files[:_MOST_NAMES]), len(self.files) == 1
        more = f" and {len(self.files) - _MOST_NAMES} more" if len(self.files) > _MOST_NAMES else ""
        return (
            f"Nothing says how large {named}{more} {'is' if one else 'are'}: the disk that the package asks for, "
            f"{self.disk_gb} GB a worker, has no room for {'it' if one else 'them'}."
        )

    remedy = Text(
        "Run `comfy2runpod lock` on the graph, which asks the hub, or say `models: {{FILE: {{size: 6.5GB}}}}` in the "
        "note; then compile again. Where the models are on a network volume, it matters not."
    )


class ModelWithoutFolder(Diagnostic):
    """A model file that nothing says where to put: its class comes from a catalog that does not know the folder."""

    code = "model-without-folder"
    file: str

    reason = Text("Nothing says which folder under ComfyUI's models {file} belongs in: the node would not find it.")
    remedy = Text("Say `models: {{{file}: {{directory: …}}}}` in the note.")


class BadModelPlace(Diagnostic):
    """A model file whose name or folder no worker may write to."""

    code = "bad-model-place"
    file: str
    folder: str
    problem: str

    @Text
    def reason(self) -> str:
        file = shorten(self.file) or "A file without a name"
        return f"{file} cannot lie in models/{shorten(self.folder)}. {self.problem}"

    remedy = Text(
        "Let the loader name a plain file, with folders before it if there are any (SDXL/base.safetensors), and let "
        "`directory` be the loader's own model folder, such as checkpoints or loras."
    )


class ModelInOtherFolder(Diagnostic):
    """A model file in a model folder that its loader does not look in."""

    code = "model-in-other-folder"
    file: str
    folder: str
    looked: tuple[str, ...]

    @Text
    def reason(self) -> str:
        return (
            f"{shorten(self.file)} would lie in models/{shorten(self.folder)}, and this loader looks in "
            f"models/{' and models/'.join(self.looked)}: it would not find it."
        )

    @Text
    def remedy(self) -> str:
        return f"Say `directory: {''.join(self.looked[-1:])}`, or a folder below it, where the directory is said."


class BadModelUrl(Diagnostic):
    """A model's URL that is none, leads to a page, or carries somebody's secret. The URL is not repeated: it may."""

    code = "bad-model-url"
    file: str
    problem: str
    what_to_do: str

    reason = Text("The URL of {file:short} cannot be used. {problem}")
    remedy = Text("{what_to_do} It stands in `properties.models` of the loader, or under `models` in the note.")


class ModelsAtOnePlace(Diagnostic):
    """Two model files that cannot both lie on one disk: at one place, or one where the other needs a folder."""

    code = "models-at-one-place"
    place: str
    other: str
    loader: Locus = also("the other loader")

    reason = Text(
        "It would lie in models/{place:short}, and what {loader.node_name} loads in models/{other:short}: the two "
        "cannot both be there."
    )
    remedy = Text(
        "Give one of them another name or `directory`, in its loader and where its URL stands; names that differ in "
        "nothing but capitals are one on some disks."
    )


class ModelOfTwoUrls(Diagnostic):
    """One model file that two loaders have from two places."""

    code = "model-of-two-urls"
    file: str
    url: str
    other: str
    loader: Locus = also("the other loader")

    @Text
    def reason(self) -> str:
        if self.url == self.other:
            return (
                f"Its sha256 of {shorten(self.file)} differs from the one of {self.loader.node_name}. Which is meant?"
            )
        return (
            f"It has {shorten(self.file)} from {shorten(self.url)}, and {self.loader.node_name} has it from "
            f"{shorten(self.other)}: which one is meant?"
        )

    remedy = Text(
        "Say `models: {{{file:short}: {{url: …}}}}` in the note if they are one file, or give one of them another name."
    )
