"""What can be wrong with what the note adds to the image: files beside the graph, packages of ComfyUI's environment."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Text, did_you_mean, shorten
from comfy2runpod_contract.texts import visible


class ImageFileNotRead(Diagnostic):
    """A file for the image that could not be read beside the graph."""

    code = "image-file-not-read"
    file: str
    problem: str

    reason = Text("The file {file}, which the image is to have, is not taken from beside the graph: {problem}.")
    remedy = Text("Put it there, in the graph's own folder or below; or correct the path in the note.")


class ImageFilesTooLarge(Diagnostic):
    """More bytes than a package takes of an author's files."""

    code = "image-files-too-large"
    megabytes: int
    most: int

    reason = Text("The files for the image have {megabytes} MB together; a package takes {most} MB.")
    remedy = Text("Leave out what is large: models belong under `models`, and are downloaded by each worker.")


class SecretInImageFile(Diagnostic):
    """A file for the image that holds a secret."""

    code = "secret-in-image-file"
    file: str

    reason = Text(
        "The file {file}, which the image is to have, holds a secret: a token, a private key, or a URL with "
        "credentials. It would be in the package and in the image."
    )
    remedy = Text(
        "Remove it from the file. Secrets that a worker needs belong in the endpoint's environment variables."
    )


class PackageOfComfyUI(Diagnostic):
    """A Python package that ComfyUI's environment has in a version of its own."""

    code = "package-of-comfyui"
    package: str
    version: str

    reason = Text(
        "ComfyUI's environment has {package} {version}, which its other packages were locked with; the note cannot set "
        "another."
    )
    remedy = Text("Remove it from `image: pip`, and take versions of the others that work with this one.")


class VariableOfTheEndpoint(Diagnostic):
    """A variable of the environment that is not for a graph to set."""

    code = "variable-of-the-endpoint"
    name: str
    of_worker: bool
    near: tuple[str, ...] = ()

    @Text
    def reason(self) -> str:
        name = shorten(self.name)
        why = (
            f"{name}, a setting of the worker, is for who deploys it."
            if self.of_worker
            else f"{name} is none of them: it might lead a worker to another address, file or program."
        )
        return f"A graph can be a stranger's, so its note sets only variables that tune and do nothing else. {why}"

    @Text
    def remedy(self) -> str:
        return (
            f"{did_you_mean(self.near)}Remove it from the note, and set it where the endpoint is deployed: RunPod's "
            "console, the endpoint's environment variables. docs/image.md lists what a note may set."
        )


class ImageAdditions(Diagnostic):
    """Files or packages that a graph puts into the image, to which its user has not agreed."""

    code = "image-additions"
    by: str
    what: str
    added: tuple[str, ...]

    @Text
    def reason(self) -> str:
        # All of them: what is agreed to has to be seen.
        lines = "\n".join(map(visible, self.added))
        told = f"{self.by} {self.what} into the image, which are code on the worker, and a graph can be a stranger's"
        return f"{told}:\n{lines}"

    remedy = Text(
        "If you know what they are and trust them, allow it: --allow-image-additions (the library's "
        "`allow_image_additions`). Else remove them."
    )
