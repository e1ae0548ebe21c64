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
    """A value in a loader's model list that is not a hash."""

    code = "bad-model-hash"
    file: str
    found: str

    reason = Text("The sha256 of {file} in `properties.models` is {found:json}; expected 64 hex digits.")
    remedy = Text("Correct `hash` there, or remove it: `comfy2runpod lock` gets it from the hub.")


class ModelWithoutUrl(Diagnostic):
    """A model file without a known source."""

    severity = Severity.WARNING
    code = "model-without-url"
    file: str
    folder: str

    reason = Text("The source of {file} is not known: the worker will not download it.")

    @Text
    def remedy(self) -> str:
        folder = self.folder or "…"
        return f"Set `models: {{{self.file}: {{url: …}}}}` in the note, or put the file in models/{folder} yourself."


class ModelSizeUnknown(Diagnostic):
    """Model files of unknown size, for which the worker's disk has no room."""

    severity = Severity.WARNING
    code = "model-size-unknown"
    files: tuple[str, ...]
    disk_gb: int

    @Text
    def reason(self) -> str:
        named, one = ", ".join(self.files[:_MOST_NAMES]), len(self.files) == 1
        more = f" and {len(self.files) - _MOST_NAMES} more" if len(self.files) > _MOST_NAMES else ""
        return (
            f"The size of {named}{more} is not known: the disk that the package asks for, {self.disk_gb} GB for each "
            f"worker, has no room for {'it' if one else 'them'}."
        )

    remedy = Text(
        "Run `comfy2runpod lock` on the graph, which asks the hub, or say `models: {{FILE: {{size: 6.5GB}}}}` in the "
        "note; then compile again. If the models are on a network volume, ignore this."
    )


class ModelWithoutFolder(Diagnostic):
    """A model file without a known folder: its class comes from a catalog that does not know it."""

    code = "model-without-folder"
    file: str

    reason = Text(
        "The folder under ComfyUI's models that {file} belongs in is not known: the node would not find the file."
    )
    remedy = Text("Set it in the note: `models: {{{file}: {{directory: …}}}}`.")


class BadModelPlace(Diagnostic):
    """A model file whose name or folder no worker may write to."""

    code = "bad-model-place"
    file: str
    folder: str
    problem: str

    @Text
    def reason(self) -> str:
        file = shorten(self.file) or "A file without a name"
        return f"{file} cannot be in models/{shorten(self.folder)}. {self.problem}"

    remedy = Text(
        "Let the loader name a plain file, with folders before it if there are any (SDXL/base.safetensors), and let "
        "`directory` be the loader's own model folder, such as checkpoints or loras."
    )


class ModelInOtherFolder(Diagnostic):
    """A model file in a folder in which its loader does not look."""

    code = "model-in-other-folder"
    file: str
    folder: str
    looked: tuple[str, ...]

    @Text
    def reason(self) -> str:
        return (
            f"{shorten(self.file)} would be in models/{shorten(self.folder)}, but this loader looks in "
            f"models/{' and models/'.join(self.looked)}: it would not find the file."
        )

    @Text
    def remedy(self) -> str:
        return f"Set `directory: {''.join(self.looked[-1:])}`, or a folder below it, in the loader or the note."


class BadModelUrl(Diagnostic):
    """A model URL that is invalid, leads to a web page, or contains a secret, and is therefore not quoted."""

    code = "bad-model-url"
    file: str
    problem: str
    what_to_do: str

    reason = Text("The URL of {file:short} cannot be used. {problem}")
    remedy = Text("{what_to_do} The URL is in `properties.models` of the loader, or under `models` in the note.")


class PrivateModelUrl(Diagnostic):
    """A model URL that leads into whatever private network the worker is in."""

    severity = Severity.WARNING
    code = "private-model-url"
    file: str
    host: str

    reason = Text(
        "The URL of {file:short} points to {host}, an address of a private network or of one machine. A worker reaches "
        "it only if it runs there."
    )
    remedy = Text(
        "Use a public address. If workers run in that network, ignore this; if it is your own hub's, set "
        "HF_ENDPOINT to that hub."
    )


class ModelsAtOnePlace(Diagnostic):
    """Two model files that cannot be on one disk: at the same path, or one where the other needs a folder."""

    code = "models-at-one-place"
    place: str
    other: str
    loader: Locus = also("the other loader")

    reason = Text(
        "It would be at models/{place:short}, and the model of {loader.node_name} at models/{other:short}: both cannot "
        "exist."
    )
    remedy = Text(
        "Give one of them another name or `directory`, in its loader and where its URL is given; some disks ignore the "
        "case of letters in names."
    )


class ModelOfTwoUrls(Diagnostic):
    """One model file for which two loaders have different sources."""

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
        "If they are one file, set its URL in the note: `models: {{{file:short}: {{url: …}}}}`; if not, give one of "
        "them another name."
    )
