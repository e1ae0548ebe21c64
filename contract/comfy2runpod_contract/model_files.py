"""Where a model file may be placed below ComfyUI's models folder: the one rule of compiling and provisioning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import accumulate

from comfy2runpod_contract.texts import is_plain

# ComfyUI's own folders below `models` (folder_paths.py of 0.21.0 and 0.33), with the names of older versions. It
# registers `custom_nodes` in the same way, which holds code and is not a model folder.
MODEL_FOLDERS = frozenset(
    {
        "audio_encoders", "background_removal", "checkpoints", "classifiers", "clip", "clip_vision", "configs",
        "controlnet", "detection", "diffusers", "diffusion_models", "embeddings", "frame_interpolation",
        "geometry_estimation", "gligen", "hypernetworks", "latent_upscale_models", "loras", "model_patches",
        "optical_flow", "photomaker", "style_models", "t2i_adapter", "text_encoders", "unet", "upscale_models", "vae",
        "vae_approx",
    }
)  # fmt: skip
# Folders of code, or of files of a user or a job: a catalog cannot make them model folders.
RESERVED_FOLDERS = frozenset(
    {"custom_nodes", "input", "input3d", "output", "temp", "user", "web", "base_path", "is_default"}
)
# Extensions of files that a program would run or import. The formats of models (.pth, .pt, .ckpt, .pkl) are not here.
CODE_ENDINGS = frozenset(
    {
        ".bash", ".bat", ".cmd", ".com", ".dll", ".dylib", ".egg", ".exe", ".js", ".jse", ".mjs", ".ps1", ".py", ".pyc",
        ".pyd", ".pyi", ".pyo", ".pyw", ".pyx", ".sh", ".so", ".vbs", ".whl", ".zsh",
    }
)  # fmt: skip

_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
_DRIVE = re.compile(r"[A-Za-z]:")
_MOST_PARTS = 8
_MOST_SHOWN = 60
_MOST_BYTES = 1024
# 255, the usual limit of file systems, less what is added to the name during the download and after the check.
_MOST_NAME_BYTES = 240


class ModelPlaceRefused(ValueError):
    """A model file may not be placed there; the text is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """A place below the models folder: `folder` is ComfyUI's (or a pack's), `directory` it or one below it.

    `path` is the whole, with `/` between its parts, all of them plain names.
    """

    folder: str
    directory: str
    file: str

    @property
    def path(self) -> str:
        """The file below the models folder."""
        return f"{self.directory}/{self.file}"


def model_place(directory: str, file: str, folders: Collection[str] = ()) -> ModelPlace:
    """The place of a model file, checked.

    Args:
        directory: the model folder, or a folder below it: `loras`, `checkpoints/SDXL`.
        file: the file in it, as a loader names it: `base.safetensors`, `LTX/base.safetensors`.
        folders: model folders beside ComfyUI's own, those of node packs.

    Raises:
        ModelPlaceRefused: it is not in a model folder, is a program, or has a name that some file systems do not allow.
    """
    inside, names = _parts(directory, "folder"), _parts(file, "file")
    if len(inside) + len(names) > _MOST_PARTS:
        raise ModelPlaceRefused(f"It is more than {_MOST_PARTS} folders deep.")
    top = inside[0]
    if top.casefold() in RESERVED_FOLDERS or (top not in MODEL_FOLDERS and not (top in folders and is_folder(top))):
        raise ModelPlaceRefused(f"{_quoted(top)} is not a model folder of ComfyUI's, nor one that a catalog names.")
    ending = names[-1][names[-1].rfind(".") :].casefold() if "." in names[-1] else ""
    if ending in CODE_ENDINGS:
        raise ModelPlaceRefused(f"A file that ends in {ending} is a program, not a model.")
    if ending == ".part":
        raise ModelPlaceRefused("A name that ends in .part is that of an incomplete download.")
    place = ModelPlace(top, "/".join(inside), "/".join(names))
    if len(place.path.encode()) > _MOST_BYTES:
        raise ModelPlaceRefused(f"Its path has more than {_MOST_BYTES} bytes.")
    return place


def conflicting_files(files: Iterable[tuple[ModelPlace, str, str | None]]) -> tuple[int, int] | None:
    """The first two of these files that cannot both be stored: their positions, the smaller first.

    Two different files have the same place, or one is where the other needs a folder. Places that differ only in case
    or in Unicode normalization are the same on some file systems, and count as the same.

    Args:
        files: places, each with the file's URL and sha256; empty or None where that is not known.
    """
    taken: dict[str, tuple[int, str, str | None]] = {}
    needed: dict[str, int] = {}
    for number, (place, url, sha256) in enumerate(files):
        path = unicodedata.normalize("NFC", unicodedata.normalize("NFC", place.path).casefold())
        other, known_url, known_sha256 = taken.get(path, (number, "", None))
        if (url and known_url and url != known_url) or (sha256 and known_sha256 and sha256 != known_sha256):
            return other, number
        taken[path] = (other, known_url or url, known_sha256 or sha256)
        if path in needed:
            return needed[path], number
        for folder in list(accumulate(path.split("/"), "{}/{}".format))[:-1]:
            if folder in taken:
                return taken[folder][0], number
            needed.setdefault(folder, number)
    return None


def is_folder(name: str) -> bool:
    """Whether a catalog may use this name for a model folder."""
    return _FOLDER.fullmatch(name) is not None and name.casefold() not in RESERVED_FOLDERS and name[-1] != "."


def _parts(text: str, what: str) -> list[str]:
    """The names in a relative path."""
    if not text:
        raise ModelPlaceRefused(f"The {what} has no name.")
    if not is_plain(text):
        raise ModelPlaceRefused(f"The {what}'s name has invisible characters.")
    if "\\" in text:
        raise ModelPlaceRefused(
            f"The {what}'s name has a backslash, the separator of Windows; a worker lists it with a slash."
        )
    if text.startswith(("/", "~")) or _DRIVE.match(text):
        raise ModelPlaceRefused(f"The {what} is absolute; it must be below ComfyUI's models folder.")
    parts = text.split("/")
    for part in parts:
        if part in (".", "..") or not part:
            raise ModelPlaceRefused(f"The {what}'s path has a part that is not a name: {_quoted(part)}.")
        if part.startswith(".") or part != part.strip() or part.endswith("."):
            raise ModelPlaceRefused(
                f"The {what}'s path has {_quoted(part)} in it; a name must not begin or end with a dot or a space."
            )
        if len(part.encode()) > _MOST_NAME_BYTES:
            raise ModelPlaceRefused(f"The {what}'s path has a name of more than {_MOST_NAME_BYTES} bytes.")
    return parts


def _quoted(text: str) -> str:
    return f'"{text}"' if len(text) <= _MOST_SHOWN else f'"{text[:_MOST_SHOWN]}…"'
