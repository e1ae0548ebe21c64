"""Latents of images, videos and sounds: made, sampled, decoded, cut, joined, and what models take and give of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from comfy2runpod.catalog.facts.sizes import SizeRule
from comfy2runpod.shapes.evaluate import Inputs, Rule, RuleMaker
from comfy2runpod.shapes.values import (
    AudioLatent,
    AVLatent,
    Conditioning,
    Constant,
    Images,
    Latent,
    NodeError,
    Opaque,
    Sound,
    Value,
)

# Frames of guides that are looked at: a chain of nodes stays quick.
_MOST_GUIDES = 10_000


def _video(cell: int, stride: int) -> Rule:
    """An empty latent of `width`, `height`, `length` and `batch_size`."""

    def rule(given: Inputs) -> tuple[Value, ...]:
        return (_empty(given, cell, stride),)

    return rule


def _empty(given: Inputs, cell: int, stride: int) -> Latent:
    frames = (given.whole("length", 1) - 1) // stride + 1
    columns, rows = given.whole("width") // cell, given.whole("height") // cell
    return Latent(columns, rows, frames, cell, stride, max(given.whole("batch_size", 1), 1))


def _conditioned(cell: int, stride: int) -> Rule:
    """The same behind two conditionings."""

    def rule(given: Inputs) -> tuple[Value, ...]:
        return *given.conditionings(), _empty(given, cell, stride)

    return rule


def _vace(given: Inputs) -> tuple[Value, ...]:
    latent, trim = _empty(given, 8, 4), 0
    if given.has("reference_image"):
        # One latent frame for the images of the reference, which is cut off again afterwards.
        trim = 1
        latent = replace(latent, frames=latent.frames + trim)
    return *given.conditionings(), latent, Constant(trim)


def _camera(given: Inputs) -> tuple[Value, ...]:
    return Opaque("WAN_CAMERA_EMBEDDING"), *(Constant(given.whole(name)) for name in ("width", "height", "length"))


def _trimmed(given: Inputs) -> tuple[Value, ...]:
    latent = given.get("samples", Latent)
    return (replace(latent, frames=max(latent.frames - given.whole("trim_amount"), 0)),)


def _cut(given: Inputs) -> tuple[Value, ...]:
    latent, dim = given.get("samples", Latent), str(given.constant("dim"))
    name = "columns" if "x" in dim else "rows" if "y" in dim else "frames"
    length, index, amount = getattr(latent, name), given.whole("index"), given.whole("amount", 1)
    # As torch.narrow is called: from the index on, or from so many before the end.
    taken = min(length - min(index, length - 1), amount) if index >= 0 else min(-index, length, amount)
    sizes = {"columns": latent.columns, "rows": latent.rows, "frames": latent.frames, name: taken}
    return (replace(latent, columns=sizes["columns"], rows=sizes["rows"], frames=sizes["frames"]),)


def _cut_to_batch(given: Inputs) -> tuple[Value, ...]:
    latent, dim = given.get("samples", Latent), str(given.constant("dim"))
    size = given.whole("slice_size", 1)
    if "x" in dim:
        columns, count = _cut_evenly(latent.columns, size)
        return (_times(replace(latent, columns=columns), count),)
    if "y" in dim:
        rows, count = _cut_evenly(latent.rows, size)
        return (_times(replace(latent, rows=rows), count),)
    frames, count = _cut_evenly(latent.frames, size)
    return (_times(replace(latent, frames=frames), count),)


def _cut_evenly(length: int, size: int) -> tuple[int, int]:
    """How long each part is, and how many there are; what is left over is dropped."""
    part = max(1, min(size, length))
    return part, length // part


def _layered(given: Inputs) -> tuple[Value, ...]:
    width, height = given.whole("width") // 8, given.whole("height") // 8
    # Its VAE makes an image of each layer.
    return (Latent(width, height, given.whole("layers", 3) + 1, 8, 1, max(given.whole("batch_size", 1), 1)),)


def _scaled(given: Inputs) -> tuple[Value, ...]:
    latent, width, height = given.get("samples", Latent), given.whole("width"), given.whole("height")
    if width == 0 and height == 0:
        return (latent,)
    if width == 0:
        height = max(64, height)
        width = max(64, round(latent.columns * height / max(latent.rows, 1)))
    elif height == 0:
        width = max(64, width)
        height = max(64, round(latent.rows * width / max(latent.columns, 1)))
    return (replace(latent, columns=max(64, width) // 8, rows=max(64, height) // 8),)


def _scaled_by(given: Inputs) -> tuple[Value, ...]:
    latent, factor = given.get("samples", Latent), given.number("scale_by", 1)
    return (replace(latent, columns=round(latent.columns * factor), rows=round(latent.rows * factor)),)


def _repeated(given: Inputs) -> tuple[Value, ...]:
    return (_times(given.get("samples", Latent), max(given.whole("amount", 1), 1)),)


def _times(latent: Latent, count: int) -> Latent:
    """A batch that is so many times as large; of an image's latent the frames are the batch."""
    if latent.stride == 1:
        return replace(latent, frames=latent.frames * count)
    return replace(latent, batch=latent.batch * count)


def _batched(given: Inputs) -> tuple[Value, ...]:
    parts = [given.get(name, Latent) for name in given.names("latents.") or ("samples1", "samples2")]
    first = parts[0]
    if first.stride == 1:
        return (replace(first, frames=sum(part.frames for part in parts)),)
    return (replace(first, batch=sum(part.batch for part in parts)),)


def _from_batch(given: Inputs) -> tuple[Value, ...]:
    latent, length = given.get("samples", Latent), max(given.whole("length", 1), 1)
    total = latent.frames if latent.stride == 1 else latent.batch
    kept = min(total - min(max(given.whole("batch_index"), 0), total - 1), length)
    return (replace(latent, frames=kept) if latent.stride == 1 else replace(latent, batch=kept),)


def _same(name: str) -> Rule:
    def rule(given: Inputs) -> tuple[Value, ...]:
        value = given.any(name)
        return (value if isinstance(value, (AVLatent, AudioLatent)) else given.get(name, Latent),)

    return rule


def _guided(given: Inputs) -> tuple[Value, ...]:
    latent, images = given.get("latent", Latent), given.get("image", Images)
    positive, negative = given.conditionings()
    stride = max(latent.stride, 1)
    more = (images.frames - 1) // stride + 1
    at = given.whole("frame_idx")
    if at < 0:
        at = max((latent.frames - len(positive.guides) - 1) * stride + 1 + at, 0)
    if more > 1 and at != 0:
        at = (at - 1) // stride * stride + 1
    if (at + stride - 1) // stride + more > latent.frames:
        raise NodeError("AssertionError", "Conditioning frames exceed the length of the latent sequence.")
    if more > _MOST_GUIDES - max(len(positive.guides), len(negative.guides)):
        given.doubtful(f"guides have over {_MOST_GUIDES:,} latent frames")
        return positive, negative, replace(latent, frames=latent.frames + more)
    # The guide's frames stand behind the others until LTXVCropGuides takes them off, which counts where they begin.
    first = 1 - stride if at == 0 or more == 1 else 0
    starts = frozenset(at + max(frame * stride + first, 0) for frame in range(more))
    guided = replace(latent, frames=latent.frames + more)
    return Conditioning(positive.guides | starts), Conditioning(negative.guides | starts), guided


def _inpainted(given: Inputs) -> tuple[Value, ...]:
    return *given.conditionings(), _encoded(given.get("pixels", Images), given)


def _encoded(images: Images, given: Inputs) -> Latent:
    if images.frames > 1:
        given.doubtful("how many frames of a video one frame of its latent holds depends on the VAE")
    # The real nodes cut off what is no whole cell.
    return Latent(images.width // 8, images.height // 8, images.frames, cell=8)


def _joined(given: Inputs) -> tuple[Value, ...]:
    first, second, dim = given.get("samples1", Latent), given.get("samples2", Latent), str(given.constant("dim"))
    if "x" in dim:
        return (replace(first, columns=first.columns + second.columns),)
    if "y" in dim:
        return (replace(first, rows=first.rows + second.rows),)
    return (replace(first, frames=first.frames + second.frames),)


# Pixels in a cell of the coarsest VAE of images (Flux.2's): what is a multiple of it comes out as it went in.
_COARSEST = 16


def _encoded_images(given: Inputs) -> tuple[Value, ...]:
    images = given.get("pixels", Images)
    if images.frames > 1 or images.width % _COARSEST or images.height % _COARSEST:
        given.doubtful("what a VAE leaves of images depends on the size of its cells, and so on the model file")
    return (Latent(images.width // 8, images.height // 8, images.frames, cell=8),)


def _latent_of(cell: int) -> Rule:
    def rule(given: Inputs) -> tuple[Value, ...]:
        width, height = given.whole("width"), given.whole("height")
        return (Latent(width // cell, height // cell, given.whole("batch_size", 1), cell),)

    return rule


def _ltxv_latent(given: Inputs) -> tuple[Value, ...]:
    frames = (given.whole("length") - 1) // 8 + 1
    return (Latent(given.whole("width") // 32, given.whole("height") // 32, frames, cell=32, stride=8),)


def _ltxv_audio_latent(given: Inputs) -> tuple[Value, ...]:
    frames, rate = given.whole("frames_number"), given.whole("frame_rate", 25)
    if rate == 0:
        raise NodeError("ZeroDivisionError", "float division by zero")
    length = math.ceil(25 * frames / rate)
    if length < 0:
        raise NodeError("RuntimeError", "zeros: Dimension size must be non-negative.")
    return (AudioLatent(length),)


def _concat_av(given: Inputs) -> tuple[Value, ...]:
    return (AVLatent(given.get("video_latent", Latent), given.get("audio_latent", AudioLatent)),)


def _separate_av(given: Inputs) -> tuple[Value, ...]:
    both = given.get("av_latent", AVLatent)
    return both.video, both.audio


def _crop_guides(given: Inputs) -> tuple[Value, ...]:
    latent, (positive, _) = given.get("latent", Latent), given.conditionings()
    return Conditioning(), Conditioning(), replace(latent, frames=max(latent.frames - len(positive.guides), 0))


def _upsampled(given: Inputs) -> tuple[Value, ...]:
    latent = given.get("samples", Latent)
    return (Latent(latent.columns * 2, latent.rows * 2, latent.frames, latent.cell, latent.stride),)


def _sampled(given: Inputs, name: str) -> Value:
    latent = given.any(name)
    video = latent.video if isinstance(latent, AVLatent) else latent
    if isinstance(video, Latent):
        if video.columns < 1 or video.rows < 1:
            raise NodeError("ZeroDivisionError", "integer modulo by zero")
        if video.frames < 1:
            raise NodeError("RuntimeError", "cannot reshape tensor of 0 elements into shape [2, 0, 2, -1]")
    return latent


def _custom_advanced(given: Inputs) -> tuple[Value, ...]:
    latent = _sampled(given, "latent_image")
    return latent, latent


def _ksampler(given: Inputs) -> tuple[Value, ...]:
    return (_sampled(given, "latent_image"),)


def _decoded(given: Inputs) -> tuple[Value, ...]:
    latent = given.any("samples")
    return ((latent.video if isinstance(latent, AVLatent) else given.get("samples", Latent)).decoded(),)


def _audio_decoded(given: Inputs) -> tuple[Value, ...]:
    # Four mel frames a latent frame less the first three, 240 samples each at 24 kHz.
    samples = max(0, 4 * given.get("samples", AudioLatent).frames - 3) * 240
    return (Sound(samples / 24000, 24000),)


LATENTS: Mapping[SizeRule, RuleMaker] = {
    SizeRule.IMAGE_LATENT: lambda sizes: _latent_of(sizes.cell),
    SizeRule.VIDEO_LATENT: lambda sizes: _video(sizes.cell, sizes.stride),
    SizeRule.CONDITIONED_VIDEO_LATENT: lambda sizes: _conditioned(sizes.cell, sizes.stride),
    SizeRule.SAME_LATENT: lambda sizes: _same(sizes.input),
    SizeRule.ENCODE_IMAGES: lambda _: _encoded_images,
    SizeRule.LTXV_VIDEO_LATENT: lambda _: _ltxv_latent,
    SizeRule.LTXV_AUDIO_LATENT: lambda _: _ltxv_audio_latent,
    SizeRule.JOIN_AUDIO_VIDEO: lambda _: _concat_av,
    SizeRule.SPLIT_AUDIO_VIDEO: lambda _: _separate_av,
    SizeRule.CROP_GUIDES: lambda _: _crop_guides,
    SizeRule.UPSAMPLE_LATENT: lambda _: _upsampled,
    SizeRule.SAMPLE_TWICE: lambda _: _custom_advanced,
    SizeRule.SAMPLE: lambda _: _ksampler,
    SizeRule.DECODE: lambda _: _decoded,
    SizeRule.DECODE_AUDIO: lambda _: _audio_decoded,
    SizeRule.LAYERED_LATENT: lambda _: _layered,
    SizeRule.VACE_LATENT: lambda _: _vace,
    SizeRule.CAMERA_EMBEDDING: lambda _: _camera,
    SizeRule.TRIM_LATENT: lambda _: _trimmed,
    SizeRule.CUT_LATENT: lambda _: _cut,
    SizeRule.CUT_LATENT_TO_BATCH: lambda _: _cut_to_batch,
    SizeRule.JOIN_LATENTS: lambda _: _joined,
    SizeRule.SCALE_LATENT: lambda _: _scaled,
    SizeRule.SCALE_LATENT_BY: lambda _: _scaled_by,
    SizeRule.REPEAT_LATENT: lambda _: _repeated,
    SizeRule.BATCH_LATENTS: lambda _: _batched,
    SizeRule.LATENT_FROM_BATCH: lambda _: _from_batch,
    SizeRule.ADD_GUIDE: lambda _: _guided,
    SizeRule.INPAINT: lambda _: _inpainted,
}
