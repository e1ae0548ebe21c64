"""A node pack for a real ComfyUI that makes prompts quick and independent of models: sizes alone are of interest.

Nodes that give only models, conditioning and the like give stand-ins, samplers hand on their latents, and a VAE gives
blank images of the size by which `VAE` of ComfyUI's comfy/sd.py scales those of its family, told by the file's name.
All other nodes run as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import nodes
import torch
from comfy.sd import VAE
from comfy_api.latest import io

NODE_CLASS_MAPPINGS: dict[str, type] = {}

# What is computed, and so never replaced.
_COMPUTED = frozenset(
    {
        "*", "AUDIO", "BOOLEAN", "BOUNDING_BOX", "COMBO", "COMFY_MATCHTYPE_V3", "FILE_3D", "FLOAT", "IMAGE",
        "IMAGECOMPARE", "INT", "LATENT", "LOAD3D_CAMERA", "MASK", "MESH", "STRING", "TRACKS", "VIDEO", "VOXEL",
        "WAN_CAMERA_EMBEDDING", "WEBCAM",
    }
)  # fmt: skip
_SAMPLERS = frozenset({"KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced", "SamplerLTXV"})
# A word in the file's name: frames of one latent frame, pixels of one cell, channels. The first that fits counts.
_FAMILIES = (
    ("wan2.2", 4, 16, 48),
    ("wan22", 4, 16, 48),
    ("flux2", 1, 16, 128),
    ("small_decoder", 1, 16, 128),
    ("qwen_image", 4, 8, 16),
    ("wan", 4, 8, 16),
    ("hunyuanvideo15", 4, 16, 32),
    ("hunyuan_video_1.5", 4, 16, 32),
    ("hunyuan_video", 4, 8, 16),
    ("ltx", 8, 32, 128),
    ("cosmos", 8, 8, 16),
    ("pixel_space", 1, 1, 3),
    ("sdxl", 1, 8, 4),
    ("sd_xl", 1, 8, 4),
    ("vae-ft", 1, 8, 4),
    ("v1-5", 1, 8, 4),
    ("lotus", 1, 8, 4),
)
_OTHERS = (1, 8, 16)


class Anything:
    """A stand-in for a model: it has every attribute, and each can be called."""

    def __getattr__(self, name: str) -> Anything:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __call__(self, *_: object, **__: object) -> Anything:
        return Anything()


class BlankVAE(VAE):  # type: ignore[misc]
    """A VAE without weights: what goes in is cut as in ComfyUI, what comes out is blank and has its size."""

    def __init__(self, stride: int, cell: int, channels: int) -> None:
        self.latent_channels, self.output_channels, self.latent_dim = channels, 3, 2 if stride == 1 else 3
        self.upscale_index_formula = self.downscale_index_formula = None
        self.upscale_ratio: Any = cell
        self.downscale_ratio: Any = cell
        if stride > 1:
            self.upscale_ratio = ((lambda frames: max(0, frames * stride - (stride - 1))), cell, cell)
            self.downscale_ratio = ((lambda frames: max(0, math.floor((frames + stride - 1) / stride))), cell, cell)
            self.upscale_index_formula = self.downscale_index_formula = (stride, cell, cell)
        self.not_video, self.crop_input, self.extra_1d_channel = False, True, None
        self.first_stage_model = Anything()
        self.device = self.output_device = torch.device("cpu")
        self.vae_dtype, self.working_dtypes = torch.float32, [torch.float32]

    def throw_exception_if_invalid(self) -> None:
        """It is always valid."""

    def decode(self, samples: torch.Tensor, vae_options: Mapping[str, object] | None = None) -> torch.Tensor:
        if self.latent_dim == 2:
            flat = samples[:, :, 0] if samples.ndim == 5 else samples
            return torch.zeros(len(flat), flat.shape[2] * self.upscale_ratio, flat.shape[3] * self.upscale_ratio, 3)
        batch, _, frames, rows, columns = (samples.unsqueeze(2) if samples.ndim == 4 else samples).shape
        longer, high, wide = self.upscale_ratio
        images = torch.zeros(batch, longer(frames), rows * high, columns * wide, 3)
        for frame in range(images.shape[1]):
            # Files of animations join frames that are equal.
            images[:, frame] = frame % 9 / 9
        return images

    def decode_tiled(self, samples: torch.Tensor, **_: object) -> torch.Tensor:
        return self.decode(samples)

    def encode(self, pixel_samples: torch.Tensor) -> torch.Tensor:
        pixels = self.vae_encode_crop_pixels(pixel_samples)
        if self.latent_dim == 2:
            rows, columns = (side // self.downscale_ratio for side in pixels.shape[1:3])
            return torch.zeros(len(pixels), self.latent_channels, rows, columns)
        batch, frames, rows, columns, _ = (pixels.unsqueeze(0) if pixels.ndim == 4 else pixels).shape
        shorter, high, wide = self.downscale_ratio
        return torch.zeros(batch, self.latent_channels, shorter(frames), rows // high, columns // wide)

    def encode_tiled(self, pixel_samples: torch.Tensor, **_: object) -> torch.Tensor:
        return self.encode(pixel_samples)


def _vae(given: Mapping[str, object]) -> BlankVAE:
    names = " ".join(value.lower() for value in given.values() if isinstance(value, str))
    return BlankVAE(*next((sizes for word, *sizes in _FAMILIES if word in names), _OTHERS))


def _stand_in(kind: str, given: Mapping[str, object]) -> object:
    match kind:
        case "CONDITIONING":
            return [[torch.zeros(1, 8, 64), {"pooled_output": torch.zeros(1, 64)}]]
        case "VAE":
            return _vae(given)
        case "SIGMAS":
            return torch.linspace(1, 0, 5)
        case _:
            return Anything()


def _latent(given: Mapping[str, object]) -> object:
    return next(value for value in given.values() if isinstance(value, dict) and "samples" in value)


def _silence(**_: object) -> tuple[object, ...]:
    return ({"waveform": torch.zeros(1, 2, 24000), "sample_rate": 24000},)


def _sound_latent(**_: object) -> tuple[object, ...]:
    return ({"samples": torch.zeros(1, 8, 16, 16), "type": "audio"},)


def _upsampled(samples: dict[str, torch.Tensor], **_: object) -> tuple[object, ...]:
    larger = torch.nn.functional.interpolate(samples["samples"], scale_factor=(1, 2, 2))
    return ({**samples, "samples": larger},)


def _between(images: torch.Tensor, multiplier: int = 2, **_: object) -> tuple[object, ...]:
    return (images.repeat_interleave(multiplier, 0)[: (len(images) - 1) * multiplier + 1],)


def _first_image(**given: object) -> tuple[object, ...]:
    image = next((value for value in given.values() if torch.is_tensor(value)), torch.zeros(1, 8, 8, 3))
    return (image,) * 4


# Nodes that compute something, by a model or by a graphics card.
_INSTEAD: Mapping[str, Callable[..., tuple[object, ...]]] = {
    "FrameInterpolate": _between,
    "GLSLShader": _first_image,
    "LTXVAudioVAEDecode": _silence,
    "LTXVEmptyLatentAudio": _sound_latent,
    "LTXVLatentUpsampler": _upsampled,
    "VAEDecodeAudio": _silence,
}


def _instead_of(name: str, kinds: list[str]) -> Callable[..., tuple[object, ...]] | None:
    if name in _INSTEAD:
        return _INSTEAD[name]
    if name in _SAMPLERS:
        return lambda **given: (_latent(given),) * len(kinds)
    if kinds and _COMPUTED.isdisjoint(kinds):
        return lambda **given: tuple(_stand_in(kind, given) for kind in kinds)
    return None


def _replace(node_class: Any, instead: Callable[..., tuple[object, ...]]) -> None:
    if hasattr(node_class, "define_schema"):
        node_class.execute = classmethod(lambda _, **given: io.NodeOutput(*instead(**given)))
    else:
        setattr(node_class, node_class.FUNCTION, lambda _, **given: instead(**given))


for _name, _node_class in nodes.NODE_CLASS_MAPPINGS.items():
    _kinds = ["COMBO" if isinstance(kind, list) else str(kind) for kind in getattr(_node_class, "RETURN_TYPES", ())]
    if (_instead := _instead_of(_name, _kinds)) is not None:
        _replace(_node_class, _instead)
