"""What each node class makes of sizes and lengths: one small rule a class, as ComfyUI 0.21.0's own nodes do it.

Pictures, latents and videos stand in modules of their own; here are those that make, load and save, and the tables of
all. A class without a rule has a size that is not known (`evaluate.py`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from comfy2runpod.shapes.arithmetic import NotComputed, compute
from comfy2runpod.shapes.evaluate import Inputs, Rule
from comfy2runpod.shapes.latents import LATENTS
from comfy2runpod.shapes.pictures import PICTURES
from comfy2runpod.shapes.values import (
    AudioLatent,
    AVLatent,
    Clip,
    Conditioning,
    Constant,
    Images,
    InputPicture,
    Latent,
    Mask,
    NodeError,
    Opaque,
    Shape,
    Sigmas,
    Sound,
    Value,
)


def _empty_image(given: Inputs) -> tuple[Value, ...]:
    return (Images(given.whole("width"), given.whole("height"), given.whole("batch_size", 1)),)


def _load_image(given: Inputs) -> tuple[Value, ...]:
    picture = given.get("image", InputPicture)
    return Images(picture.width, picture.height, picture.frames), _alpha(picture)


def _load_mask(given: Inputs) -> tuple[Value, ...]:
    picture = given.get("image", InputPicture)
    if given.constant("channel") == "alpha":
        return (_alpha(picture),)
    return (Mask(picture.width, picture.height, picture.frames),)


def _alpha(picture: InputPicture) -> Mask:
    # Without alpha the real node makes an empty mask of a size of its own.
    return Mask(picture.width, picture.height, picture.frames) if picture.has_alpha else Mask(64, 64, picture.frames)


def _resized(given: Inputs, images: Images, width: int, height: int) -> Images:
    """Pictures at another size, of which each way of resizing says otherwise that nothing is left of them."""
    if width < 1 or height < 1:
        if given.constant("upscale_method") == "lanczos":
            raise NodeError("ValueError", "height and width must be > 0")
        before, after = f"(H: {images.height}, W: {images.width})", f"(H: {height}, W: {width})"
        sizes = f"but got input {before} output {after}"
        raise NodeError("RuntimeError", f"Input and output sizes should be greater than 0, {sizes}")
    return Images(width, height, images.frames)


def _total_pixels(given: Inputs) -> tuple[Value, ...]:
    images, step = given.get("image", Images), given.whole("resolution_steps", 1)
    scale = math.sqrt(given.number("megapixels", 1) * 1024 * 1024 / (images.width * images.height))
    width, height = (round(side * scale / step) * step for side in (images.width, images.height))
    return (_resized(given, images, width, height),)


def _max_dimension(given: Inputs) -> tuple[Value, ...]:
    images, largest = given.get("image", Images), given.whole("largest_size", 512)
    width = largest if images.width >= images.height else round(images.width / images.height * largest)
    height = largest if images.height >= images.width else round(images.height / images.width * largest)
    return (_resized(given, images, width, height),)


# The widths and heights that FluxKontextImageScale chooses from, and each turned.
_KONTEXT = (
    (672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248), (880, 1184), (944, 1104),
    (1024, 1024),
)  # fmt: skip


def _kontext_scale(given: Inputs) -> tuple[Value, ...]:
    images = given.get("image", Images)
    ratio = images.width / images.height
    sizes = {*_KONTEXT, *((height, width) for width, height in _KONTEXT)}
    _, width, height = min((abs(ratio - width / height), width, height) for width, height in sizes)
    return (Images(width, height, images.frames),)


def _encoded_images(given: Inputs) -> tuple[Value, ...]:
    images = given.get("pixels", Images)
    if images.frames > 1 or images.width % _COARSEST or images.height % _COARSEST:
        given.doubtful("what a VAE leaves of pictures depends on the size of its cells, and so on the model file")
    return (Latent(images.width // 8, images.height // 8, images.frames, cell=8),)


# Pixels in a cell of the coarsest VAE of pictures (Flux.2's): what is a multiple of it comes out as it went in.
_COARSEST = 16


def _same_conditioning(given: Inputs) -> tuple[Value, ...]:
    return (given.any("conditioning"),)


def _scale_by(given: Inputs) -> tuple[Value, ...]:
    images, scale = given.get("image", Images), given.number("scale_by", 1)
    width, height = round(images.width * scale), round(images.height * scale)
    return (_resized(given, images, width, height),)


def _scale(given: Inputs) -> tuple[Value, ...]:
    images = given.get("image", Images)
    width, height = given.whole("width"), given.whole("height")
    if width == 0 and height == 0:
        return (images,)
    if width == 0:
        width = max(1, round(images.width * height / images.height))
    elif height == 0:
        height = max(1, round(images.height * width / images.width))
    return (Images(width, height, images.frames),)


def _image_size(given: Inputs) -> tuple[Value, ...]:
    images = given.get("image", Images)
    return Constant(images.width), Constant(images.height), Constant(images.frames)


def _cropped(images: Images, x: int, y: int, width: int, height: int) -> tuple[Value, ...]:
    # The real nodes start inside the picture and take what there is.
    x, y = min(x, images.width - 1), min(y, images.height - 1)
    return (Images(min(width, images.width - x), min(height, images.height - y), images.frames),)


def _crop(given: Inputs) -> tuple[Value, ...]:
    box = [given.whole(name) for name in ("x", "y", "width", "height")]
    return _cropped(given.get("image", Images), *box)


def _crop_region(given: Inputs) -> tuple[Value, ...]:
    region = given.constant("crop_region")
    box = region if isinstance(region, dict) else {}
    numbers = [value if isinstance(value := box.get(name), int) else 0 for name in ("x", "y", "width", "height")]
    return _cropped(given.get("image", Images), *numbers)


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
    positive, negative = given.get("positive", Conditioning), given.get("negative", Conditioning)
    return positive, negative, given.get("latent", Latent)


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


def _create_video(given: Inputs) -> tuple[Value, ...]:
    images, fps = given.get("images", Images), given.number("fps")
    return (Clip(images, fps, given.optional("audio", Sound)),)


def _scheduler(given: Inputs) -> tuple[Value, ...]:
    return (Sigmas(given.whole("steps")),)


def _manual_sigmas(given: Inputs) -> tuple[Value, ...]:
    text = given.constant("sigmas")
    count = len([part for part in str(text).split(",") if part.strip()])
    return (Sigmas(max(0, count - 1)),)


def _encoded_text(_given: Inputs) -> tuple[Value, ...]:
    return (Conditioning(),)


def _ltxv_conditioning(given: Inputs) -> tuple[Value, ...]:
    conditioning = Conditioning(given.number("frame_rate"))
    return conditioning, conditioning


def _value(given: Inputs) -> tuple[Value, ...]:
    return (Constant(given.constant("value")),)


def _concatenated(given: Inputs) -> tuple[Value, ...]:
    parts = (str(given.get(name, Constant).value) for name in ("string_a", "string_b"))
    return (Constant(str(given.constant("delimiter")).join(parts)),)


_TRIMS = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}


def _trimmed(given: Inputs) -> tuple[Value, ...]:
    return (Constant(_TRIMS[str(given.constant("mode"))](str(given.get("string", Constant).value))),)


def _same_images(given: Inputs) -> tuple[Value, ...]:
    return (given.get("image", Images),)


def _empty_audio(given: Inputs) -> tuple[Value, ...]:
    return (Sound(given.number("duration", 60), given.whole("sample_rate", 44100)),)


def _switched(given: Inputs) -> tuple[Value, ...]:
    name = "on_true" if given.constant("switch") is True else "on_false"
    if not given.has(name):
        given.doubtful("the switch gives what nothing is linked to")
    return (given.any(name),)


def _computed(given: Inputs) -> tuple[Value, ...]:
    names = {name.partition(".")[2]: given.constant(name) for name in given.names("values.")}
    numbers = {name: value for name, value in names.items() if isinstance(value, (int, float))}
    try:
        found = compute(str(given.constant("expression")), numbers)
        return Constant(float(found)), Constant(int(found)), Constant(bool(found))
    except (NotComputed, OverflowError) as error:
        given.doubtful(f"the expression is not computed: {error}")
        return Constant(1.0), Constant(1), Constant(value=True)


def _chosen(given: Inputs) -> tuple[Value, ...]:
    return Constant(given.constant("choice")), Constant(given.whole("index"))


_RATIOS = {
    "1:1": (1, 1), "3:2": (3, 2), "4:3": (4, 3), "16:9": (16, 9), "21:9": (21, 9), "2:3": (2, 3), "3:4": (3, 4),
    "9:16": (9, 16),
}  # fmt: skip


def _resolution(given: Inputs) -> tuple[Value, ...]:
    wide, high = _RATIOS.get(str(given.constant("aspect_ratio")).partition(" ")[0], (1, 1))
    scale = math.sqrt(given.number("megapixels", 1) * 1024 * 1024 / (wide * high))
    return Constant(round(wide * scale / 8) * 8), Constant(round(high * scale / 8) * 8)


def _replaced(given: Inputs) -> tuple[Value, ...]:
    text, find, by = (str(given.get(name, Constant).value) for name in ("string", "find", "replace"))
    return (Constant(text.replace(find, by)),)


def _components(given: Inputs) -> tuple[Value, ...]:
    clip = given.get("video", Clip)
    return clip.images, clip.sound or Sound(clip.images.frames / max(clip.fps, 1), 44100), Constant(clip.fps)


def _trimmed_sound(given: Inputs) -> tuple[Value, ...]:
    sound, start = given.get("audio", Sound), given.number("start_index")
    start = max(0.0, min(sound.seconds + start if start < 0 else start, sound.seconds))
    end = max(0.0, min(start + given.number("duration"), sound.seconds))
    if start >= end:
        why = "AudioTrim: Start time must be less than end time and be within the audio length."
        raise NodeError("ValueError", why)
    return (Sound(end - start, sound.rate),)


def _sampled_custom(given: Inputs) -> tuple[Value, ...]:
    latent = _sampled(given, "latent_image")
    return latent, latent


def _mesh(_given: Inputs) -> tuple[Value, ...]:
    return (Shape(),)


def _opaque(kind: str) -> Rule:
    def rule(_given: Inputs) -> tuple[Value, ...]:
        return (Opaque(kind),)

    return rule


def _shown(given: Inputs) -> tuple[Value, ...]:
    text = shown_text(given.any("source"))
    if text is None:
        given.doubtful("only ComfyUI knows how it shows this as a text")
    return (Constant(text or UNKNOWN_TEXT),)


# What stands for a text that is not known.
UNKNOWN_TEXT = "(not known to the simulator)"


def shown_text(value: Value) -> str | None:
    """What PreviewAny shows of a plain value; None of anything else, whose text only the real one knows."""
    match value:
        case Constant(str() as text):
            return text
        case Constant(bool() | int() | float() as plain):
            return str(plain)
        case Constant(other):
            return json.dumps(other, indent=4)
    return None


def _saved(_given: Inputs) -> tuple[Value, ...]:
    return ()


RULES: Mapping[str, Rule] = {
    "LoadImage": _load_image,
    "LoadImageMask": _load_mask,
    "ImageScaleToTotalPixels": _total_pixels,
    "ImageScaleToMaxDimension": _max_dimension,
    "FluxKontextImageScale": _kontext_scale,
    "VAEEncode": _encoded_images,
    "ReferenceLatent": _same_conditioning,
    "EmptyImage": _empty_image,
    "ImageScaleBy": _scale_by,
    "ImageScale": _scale,
    "ImageInvert": _same_images,
    "GetImageSize": _image_size,
    "ImageCrop": _crop,
    "ImageCropV2": _crop_region,
    "EmptyLatentImage": _latent_of(8),
    "EmptySD3LatentImage": _latent_of(8),
    "EmptyFlux2LatentImage": _latent_of(16),
    "EmptyLTXVLatentVideo": _ltxv_latent,
    "LTXVEmptyLatentAudio": _ltxv_audio_latent,
    "LTXVConcatAVLatent": _concat_av,
    "LTXVSeparateAVLatent": _separate_av,
    "LTXVCropGuides": _crop_guides,
    "LTXVLatentUpsampler": _upsampled,
    "LTXVConditioning": _ltxv_conditioning,
    "LTXVScheduler": _scheduler,
    "BasicScheduler": _scheduler,
    "Flux2Scheduler": _scheduler,
    "ManualSigmas": _manual_sigmas,
    "CLIPTextEncode": _encoded_text,
    "SamplerCustomAdvanced": _custom_advanced,
    "KSampler": _ksampler,
    "VAEDecode": _decoded,
    "VAEDecodeTiled": _decoded,
    "LTXVAudioVAEDecode": _audio_decoded,
    "CreateVideo": _create_video,
    "PrimitiveInt": _value,
    "PrimitiveFloat": _value,
    "PrimitiveString": _value,
    "PrimitiveStringMultiline": _value,
    "PrimitiveBoolean": _value,
    "StringConcatenate": _concatenated,
    "StringTrim": _trimmed,
    "EmptyAudio": _empty_audio,
    "EmptyLatentHunyuan3Dv2": _opaque("LATENT"),
    "VAEDecodeHunyuan3D": _opaque("VOXEL"),
    "VoxelToMesh": _mesh,
    "VoxelToMeshBasic": _mesh,
    "PreviewAny": _shown,
    "SaveVideo": _saved,
    "SaveWEBM": _saved,
    "SaveImage": _saved,
    "SaveAnimatedPNG": _saved,
    "SaveAnimatedWEBP": _saved,
    "SaveAudio": _saved,
    "SaveAudioMP3": _saved,
    "SaveAudioOpus": _saved,
    "SaveGLB": _saved,
    "PreviewImage": _saved,
    "ComfySwitchNode": _switched,
    "ComfyMathExpression": _computed,
    "CustomCombo": _chosen,
    "ResolutionSelector": _resolution,
    "StringReplace": _replaced,
    "GetVideoComponents": _components,
    "TrimAudioDuration": _trimmed_sound,
    "KSamplerAdvanced": _ksampler,
    "SamplerCustom": _sampled_custom,
    **PICTURES,
    **LATENTS,
}
