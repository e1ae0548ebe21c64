"""Facts about node classes that no server tells: what a Save node leaves behind, and which nodes pass a value on.

Rows, so that a node pack's classes are further rows. From ComfyUI 0.21.0's own nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comfy2runpod.ir.interface import MediaKind
from comfy2runpod.ir.json import Json


@dataclass(frozen=True, slots=True)
class SavedMedia:
    """What a node leaves behind: its kind, its media type, and the input that holds the file name's prefix.

    `shown` is for nodes that only show something: they are outputs if the note says so.
    """

    kind: MediaKind
    media_type: str
    prefix_input: str = "filename_prefix"
    shown: bool = False


SAVE_NODES: Mapping[str, SavedMedia] = {
    "SaveVideo": SavedMedia(MediaKind.VIDEO, "video/mp4"),
    "SaveWEBM": SavedMedia(MediaKind.VIDEO, "video/webm"),
    "SaveImage": SavedMedia(MediaKind.IMAGE, "image/png"),
    "SaveAudio": SavedMedia(MediaKind.AUDIO, "audio/flac"),
    "SaveAudioMP3": SavedMedia(MediaKind.AUDIO, "audio/mpeg"),
    "SaveAudioOpus": SavedMedia(MediaKind.AUDIO, "audio/ogg"),
    "SaveAnimatedPNG": SavedMedia(MediaKind.ANIMATION, "image/png"),
    "SaveAnimatedWEBP": SavedMedia(MediaKind.ANIMATION, "image/webp"),
    "SaveGLB": SavedMedia(MediaKind.MODEL3D, "model/gltf-binary"),
    "SaveSVGNode": SavedMedia(MediaKind.DRAWING, "image/svg+xml"),
    "PreviewAny": SavedMedia(MediaKind.TEXT, "text/plain", shown=True),
}

# Nodes whose output 0 is their input `value` unchanged: what is linked to it bounds the value too.
VALUE_NODES = frozenset(
    {"PrimitiveInt", "PrimitiveFloat", "PrimitiveString", "PrimitiveStringMultiline", "PrimitiveBoolean"}
)


@dataclass(frozen=True, slots=True)
class Scale:
    """A node that scales an image and keeps its shape, so that one which is long enough has a short side of nothing.

    `size` is the input that says how large: in pixels of the long side, or, where `area` is set, in megapixels of
    1024 x 1024. `step` is the input, if there is one, whose multiples the sides become.
    """

    size: str
    area: bool = False
    step: str | None = None


SCALES: Mapping[str, Scale] = {
    "ImageScaleToTotalPixels": Scale("megapixels", area=True, step="resolution_steps"),
    "ImageScaleToMaxDimension": Scale("largest_size"),
}


@dataclass(frozen=True, slots=True)
class WayOfMask:
    """A loader whose `input` says which part of an image becomes the mask; only `alpha` is its transparency."""

    input: str
    alpha: Json


WAYS_OF_MASKS: Mapping[str, WayOfMask] = {"LoadImageMask": WayOfMask("channel", "alpha")}


@dataclass(frozen=True, slots=True)
class Lack:
    """What classes need that the image does not have.

    `classes` are parts of their names. `unless` is the input, if there is one, with the values for which it is not
    needed.
    """

    classes: tuple[str, ...]
    what: str
    instead: str
    unless: tuple[str, tuple[Json, ...]] | None = None

    def is_of(self, class_type: str) -> bool:
        """Whether a class is one of them."""
        return any(part in class_type for part in self.classes)


IMAGE_LACKS: tuple[Lack, ...] = (
    # triton compiles C when it is first used, in ComfyUI's own node and in those of packs.
    Lack(
        ("TorchCompile", "torch_compile", "Torch Compile"),
        "a C compiler (torch.compile by inductor)",
        "Bypass the node: the result is the same, without the compilation.",
        unless=("backend", ("cudagraphs", "eager", "aot_eager")),
    ),
    Lack(
        ("GLSLShader",),
        "an OpenGL library (EGL or OSMesa)",
        "Bypass the node, or replace it by nodes that compute on tensors.",
    ),
)

# Where uploads go, and where LoadImage and its kin read.
INPUT_FOLDER = "input"

# Folders that hold a user's images and sounds, not models.
INPUT_FOLDERS = frozenset({"input", "input3d", "output", "temp"})

# The formats that an image is taken in, by the media type's second half.
IMAGE_FORMATS = ("png", "jpeg", "webp")

# What ComfyUI takes for a model file, in every folder that takes one of them (folder_paths.py).
MODEL_EXTENSIONS = frozenset({".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"})

# RunPod's GPU pools and the memory of one GPU, in GB (RunPod's documentation, 2026-11).
GPU_POOLS: Mapping[str, int] = {
    "AMPERE_16": 16,
    "AMPERE_24": 24,
    "ADA_24": 24,
    "ADA_32_PRO": 32,
    "AMPERE_48": 48,
    "ADA_48_PRO": 48,
    "AMPERE_80": 80,
    "ADA_80_PRO": 80,
    "BLACKWELL_96": 96,
    "HOPPER_141": 141,
    "BLACKWELL_180": 180,
}

# Inputs that a class checks in its own way, so that the server leaves their bounds and choices alone.
CHECKS_ITSELF: Mapping[str, tuple[str, ...]] = {
    "CustomCombo": ("choice", "index"),
    "FluxProUltraImageNode": ("aspect_ratio",),
}


@dataclass(frozen=True, slots=True)
class Extra:
    """Widgets that the editor adds to a class behind the widget of an input, saves values for, and the server ignores.

    `any_number` says that further ones follow, as many as the user made.
    """

    after: str
    names: tuple[str, ...]
    any_number: bool = False


# From editor 1.43.18 and 1.58.1, by what each saves for a new node of every class.
EXTRA_WIDGETS: Mapping[str, tuple[Extra, ...]] = {
    "ImageCompare": (Extra("compare_view", (), any_number=True),),
    "ImageCropV2": (Extra("crop_region", ("x", "y", "width", "height")),),
    "Load3D": (
        Extra("model_file", ("upload 3d model", "upload extra resources", "clear")),
        Extra("height", (), any_number=True),
    ),
    "LoadAudio": (Extra("audio", ("audioUI",)),),
    "LoadImageOutput": (Extra("image", ("auto refresh", "refresh")),),
    "PreviewAny": (Extra("", (), any_number=True),),
    "Preview3D": (Extra("model_file", ("image",), any_number=True),),
    "RecordAudio": (Extra("audio", ("audioUI",)),),
    "SaveAudio": (Extra("filename_prefix", ("audioUI",)),),
    "SaveAudioMP3": (Extra("quality", ("audioUI",)),),
    "SaveAudioOpus": (Extra("quality", ("audioUI",)),),
    "SaveGLB": (Extra("filename_prefix", ("image",), any_number=True),),
    # rgthree-comfy: three buttons.
    "Seed (rgthree)": (Extra("seed", ("randomize", "new fixed", "last")),),
    "WebcamCapture": (Extra("capture_on_queue", ("capture",)),),
}


@dataclass(frozen=True, slots=True)
class OwnChoices:
    """A class whose choices are the author's own, in widgets behind its choice that the class does not declare.

    `index` is the choice's place among them, `option` what the widgets of the choices are called, with a number behind.
    The server takes them all (`accept_all_inputs`, which /object_info does not tell), and gives the index out.
    """

    choice: str
    index: str
    option: str


OWN_CHOICES: Mapping[str, OwnChoices] = {"CustomCombo": OwnChoices("choice", "index", "option")}


@dataclass(frozen=True, slots=True)
class FixedValue:
    """What a widget puts into a prompt whatever is saved for it; `saved` says whether a value is."""

    value: Json
    saved: bool


# By the type of the input: widgets that show something, or that take something up when the graph is queued.
FIXED_VALUES: Mapping[str, FixedValue] = {
    "IMAGECOMPARE": FixedValue(["", ""], saved=False),
    "AUDIO_RECORD": FixedValue("", saved=True),
}

# Kinds of upload for which the editor adds a button behind the class's required widgets.
UPLOAD_BUTTONS = frozenset({"image", "video", "audio"})

# Classes whose file name prefix may hold `%Node.widget%` and `%date:…%`.
PREFIX_CLASSES = frozenset(
    {
        "CLIPSave", "LoraSave", "ModelSave", "SaveAnimatedPNG", "SaveAnimatedWEBP", "SaveAudio", "SaveGLB", "SaveImage",
        "SaveLatent", "SaveVideo", "SaveWEBM", "VAESave",
    }
)  # fmt: skip
