"""Latents of pictures, videos and sounds: made, cut, joined, and what models take and give of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from comfy2runpod.shapes.evaluate import Inputs, Rule
from comfy2runpod.shapes.values import AudioLatent, AVLatent, Conditioning, Constant, Images, Latent, Opaque, Value


def _video(cell: int = 8, stride: int = 4) -> Rule:
    """An empty latent of `width`, `height`, `length` and `batch_size`."""

    def rule(given: Inputs) -> tuple[Value, ...]:
        return (_empty(given, cell, stride),)

    return rule


def _empty(given: Inputs, cell: int, stride: int) -> Latent:
    frames = (given.whole("length", 1) - 1) // stride + 1
    columns, rows = given.whole("width") // cell, given.whole("height") // cell
    return Latent(columns, rows, frames, cell, stride, max(given.whole("batch_size", 1), 1))


def _conditioned(cell: int = 8, stride: int = 4) -> Rule:
    """The same behind two conditionings."""

    def rule(given: Inputs) -> tuple[Value, ...]:
        return Conditioning(), Conditioning(), _empty(given, cell, stride)

    return rule


def _vace(given: Inputs) -> tuple[Value, ...]:
    latent, trim = _empty(given, 8, 4), 0
    if given.has("reference_image"):
        # One latent frame for the pictures of the reference, which is cut off again afterwards.
        trim = 1
        latent = replace(latent, frames=latent.frames + trim)
    return Conditioning(), Conditioning(), latent, Constant(trim)


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


def _layered(given: Inputs) -> tuple[Value, ...]:
    width, height = given.whole("width") // 8, given.whole("height") // 8
    # Its VAE makes a picture of each layer.
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
    latent, amount = given.get("samples", Latent), max(given.whole("amount", 1), 1)
    # Of a picture's latent the frames are the batch.
    if latent.stride == 1:
        return (replace(latent, frames=latent.frames * amount),)
    return (replace(latent, batch=latent.batch * amount),)


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
    # The guide's frames stand behind the others until LTXVCropGuides takes them off.
    more = (images.frames - 1) // max(latent.stride, 1) + 1
    return Conditioning(), Conditioning(), replace(latent, frames=latent.frames + more)


def _inpainted(given: Inputs) -> tuple[Value, ...]:
    return Conditioning(), Conditioning(), _encoded(given.get("pixels", Images), given)


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


LATENTS: Mapping[str, Rule] = {
    "EmptyHunyuanLatentVideo": _video(),
    "EmptyHunyuanVideo15Latent": _video(cell=16),
    "EmptyCosmosLatentVideo": _video(stride=8),
    "EmptyMochiLatentVideo": _video(stride=6),
    "EmptyQwenImageLayeredLatentImage": _layered,
    "Wan22ImageToVideoLatent": _video(cell=16),
    "WanVaceToVideo": _vace,
    "WanCameraEmbedding": _camera,
    "EmptyChromaRadianceLatentImage": _video(cell=1, stride=1),
    "LTXVImgToVideo": _conditioned(cell=32, stride=8),
    "HunyuanVideo15ImageToVideo": _conditioned(cell=16),
    **dict.fromkeys(
        (
            "WanImageToVideo", "WanFirstLastFrameToVideo", "WanFunInpaintToVideo", "WanFunControlToVideo",
            "WanCameraImageToVideo", "WanTrackToVideo", "WanHuMoImageToVideo", "WanMoveTrackToVideo",
            "HunyuanImageToVideo",
        ),
        _conditioned(),
    ),
    "TrimVideoLatent": _trimmed,
    "LatentCut": _cut,
    "LatentConcat": _joined,
    "LatentUpscale": _scaled,
    "LatentUpscaleBy": _scaled_by,
    "RepeatLatentBatch": _repeated,
    "LatentBatch": _batched,
    "BatchLatentsNode": _batched,
    "LatentFromBatch": _from_batch,
    "SetLatentNoiseMask": _same("samples"),
    "LTXVImgToVideoInplace": _same("latent"),
    "NormalizeVideoLatentStart": _same("latent"),
    "ReplaceVideoLatentFrames": _same("destination"),
    "LTXVAddGuide": _guided,
    "InpaintModelConditioning": _inpainted,
    "InstructPixToPixConditioning": _inpainted,
}  # fmt: skip
