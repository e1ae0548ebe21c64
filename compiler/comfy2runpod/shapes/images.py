"""Images and masks: made, resized, cropped, padded, joined, picked out of batches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from comfy2runpod.catalog.facts.sizes import SizeRule
from comfy2runpod.shapes.evaluate import Inputs, Rule, RuleMaker
from comfy2runpod.shapes.values import Constant, Images, Mask, NodeError, Value


def _same(name: str) -> Rule:
    """The images or masks of an input, at their size."""

    def rule(given: Inputs) -> tuple[Value, ...]:
        value = given.any(name)
        return (value if isinstance(value, (Images, Mask)) else given.get(name, Images),)

    return rule


def _to_mask(given: Inputs) -> tuple[Value, ...]:
    images = given.get("image", Images)
    return (Mask(images.width, images.height, images.frames),)


def _to_image(given: Inputs) -> tuple[Value, ...]:
    mask = given.get("mask", Mask)
    return (Images(mask.width, mask.height, mask.frames),)


def _solid_mask(given: Inputs) -> tuple[Value, ...]:
    return (Mask(given.whole("width"), given.whole("height"), 1),)


def _resize_image_mask(given: Inputs) -> tuple[Value, ...]:
    value = given.any("input")
    source = value if isinstance(value, (Images, Mask)) else given.get("input", Images)
    width, height = _resize_to(given, source)
    if width < 1 or height < 1:
        raise NodeError("RuntimeError", "Input and output sizes should be greater than 0")
    return (replace(source, width=width, height=height),)


def _resize_to(given: Inputs, source: Images | Mask) -> tuple[int, int]:
    width, height = source.width, source.height
    match given.constant("resize_type"):
        case "scale by multiplier":
            factor = given.number("resize_type.multiplier", 1)
            return round(width * factor), round(height * factor)
        case "scale dimensions":
            return _dimensions(source, given.whole("resize_type.width"), given.whole("resize_type.height"))
        case "scale width":
            return _dimensions(source, given.whole("resize_type.width"), 0)
        case "scale height":
            return _dimensions(source, 0, given.whole("resize_type.height"))
        case "scale longer dimension":
            size = given.whole("resize_type.longer_size")
            return (size, round(height / width * size)) if width >= height else (round(width / height * size), size)
        case "scale shorter dimension":
            size = given.whole("resize_type.shorter_size")
            return (size, round(height / width * size)) if width <= height else (round(width / height * size), size)
        case "scale total pixels":
            total = int(given.number("resize_type.megapixels", 1) * 1024 * 1024)
            factor = math.sqrt(total / (width * height))
            return round(width * factor), round(height * factor)
        case "match size":
            match = given.any("resize_type.match")
            like = match if isinstance(match, (Images, Mask)) else given.get("resize_type.match", Images)
            return like.width, like.height
        case "scale to multiple":
            step = max(given.whole("resize_type.multiple", 8), 1)
            wide, high = width // step * step, height // step * step
            return (wide, high) if wide and high else (width, height)
        case _:
            given.doubtful("the way of resizing is not known")
            return width, height


def _dimensions(source: Images | Mask, width: int, height: int) -> tuple[int, int]:
    if width == 0 and height == 0:
        return source.width, source.height
    if width == 0:
        return max(1, round(source.width * height / source.height)), height
    if height == 0:
        return width, max(1, round(source.height * width / source.width))
    return width, height


def _from_batch(given: Inputs) -> tuple[Value, ...]:
    images = given.get("image", Images)
    start = min(max(given.whole("batch_index"), 0), images.frames - 1)
    return (replace(images, frames=min(images.frames - start, max(given.whole("length", 1), 1))),)


def _repeated(given: Inputs) -> tuple[Value, ...]:
    images = given.get("image", Images)
    return (replace(images, frames=images.frames * max(given.whole("amount", 1), 1)),)


def _two_batched(given: Inputs) -> tuple[Value, ...]:
    first, second = given.get("image1", Images), given.get("image2", Images)
    return (replace(first, frames=first.frames + second.frames),)


def _batched(prefix: str, kind: type[Images] | type[Mask]) -> Rule:
    def rule(given: Inputs) -> tuple[Value, ...]:
        parts = [given.get(name, kind) for name in given.names(prefix)]
        if not parts:
            return (given.get(prefix, kind),)
        return (replace(parts[0], frames=sum(part.frames for part in parts)),)

    return rule


def _padded(given: Inputs) -> tuple[Value, ...]:
    images = given.get("image", Images)
    width = images.width + given.whole("left") + given.whole("right")
    height = images.height + given.whole("top") + given.whole("bottom")
    # The real node makes one mask, for all images.
    return replace(images, width=width, height=height), Mask(width, height, 1)


def _padded_to(given: Inputs) -> tuple[Value, ...]:
    images = given.get("image", Images)
    return (replace(images, width=given.whole("target_width"), height=given.whole("target_height")),)


def _stitched(given: Inputs) -> tuple[Value, ...]:
    first = given.get("image1", Images)
    if not given.has("image2"):
        return (first,)
    second, sideways = given.get("image2", Images), given.constant("direction") in ("left", "right")
    wide, high = second.width, second.height
    if given.constant("match_image_size") is True:
        ratio = wide / high
        wide, high = (int(first.height * ratio), first.height) if sideways else (first.width, int(first.width / ratio))
    gap = given.whole("spacing_width")
    gap += gap % 2
    frames = max(first.frames, second.frames)
    if sideways:
        return (Images(first.width + gap + wide, max(first.height, high), frames),)
    return (Images(max(first.width, wide), first.height + gap + high, frames),)


def _upscaled(given: Inputs) -> tuple[Value, ...]:
    images = given.get("image", Images)
    given.doubtful("how many times larger depends on the upscaling model, which the simulator does not open")
    return (replace(images, width=images.width * 4, height=images.height * 4),)


def _interpolated(given: Inputs) -> tuple[Value, ...]:
    images, times = given.get("images", Images), max(given.whole("multiplier", 2), 1)
    return (replace(images, frames=(images.frames - 1) * times + 1 if images.frames > 1 else images.frames),)


def _joined_alpha(given: Inputs) -> tuple[Value, ...]:
    images, alpha = given.get("image", Images), given.get("alpha", Mask)
    return (replace(images, frames=max(images.frames, alpha.frames)),)


def _split_alpha(given: Inputs) -> tuple[Value, ...]:
    images = given.get("image", Images)
    return images, Mask(images.width, images.height, images.frames)


def _flipped(given: Inputs) -> tuple[Value, ...]:
    images = given.get("image", Images)
    turned = str(given.constant("rotation")).startswith(("90", "270"))
    return (replace(images, width=images.height, height=images.width) if turned else images,)


def _empty_image(given: Inputs) -> tuple[Value, ...]:
    return (Images(given.whole("width"), given.whole("height"), given.whole("batch_size", 1)),)


def _resized(given: Inputs, images: Images, width: int, height: int) -> Images:
    """Images at another size, of which each way of resizing says otherwise that nothing is left of them."""
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


def _nearest_sides(sides: tuple[tuple[int, int], ...]) -> Rule:
    """The width and height, of those there are and each turned, whose ratio is the nearest."""

    def rule(given: Inputs) -> tuple[Value, ...]:
        images = given.get("image", Images)
        ratio = images.width / images.height
        sizes = {*sides, *((height, width) for width, height in sides)}
        _, width, height = min((abs(ratio - width / height), width, height) for width, height in sizes)
        return (Images(width, height, images.frames),)

    return rule


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
    # The real nodes start inside the image and take what there is.
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


IMAGES: Mapping[SizeRule, RuleMaker] = {
    SizeRule.SAME_IMAGES: lambda sizes: _same(sizes.input),
    SizeRule.BATCH_IMAGES: lambda sizes: _batched(sizes.input, Images),
    SizeRule.BATCH_MASKS: lambda sizes: _batched(sizes.input, Mask),
    SizeRule.NEAREST_SIDES: lambda sizes: _nearest_sides(sizes.sides),
    SizeRule.EMPTY_IMAGE: lambda _: _empty_image,
    SizeRule.SCALE_TO_TOTAL_PIXELS: lambda _: _total_pixels,
    SizeRule.SCALE_TO_MAX_DIMENSION: lambda _: _max_dimension,
    SizeRule.SCALE_IMAGE_BY: lambda _: _scale_by,
    SizeRule.SCALE_IMAGE: lambda _: _scale,
    SizeRule.IMAGE_SIZE: lambda _: _image_size,
    SizeRule.CROP_IMAGE: lambda _: _crop,
    SizeRule.CROP_IMAGE_REGION: lambda _: _crop_region,
    SizeRule.RESIZE_IMAGE_OR_MASK: lambda _: _resize_image_mask,
    SizeRule.PAD_IMAGE_TO: lambda _: _padded_to,
    SizeRule.PAD_IMAGE: lambda _: _padded,
    SizeRule.STITCH_IMAGES: lambda _: _stitched,
    SizeRule.IMAGE_FROM_BATCH: lambda _: _from_batch,
    SizeRule.REPEAT_IMAGES: lambda _: _repeated,
    SizeRule.BATCH_TWO_IMAGES: lambda _: _two_batched,
    SizeRule.UPSCALE_WITH_MODEL: lambda _: _upscaled,
    SizeRule.INTERPOLATE_FRAMES: lambda _: _interpolated,
    SizeRule.ROTATE_IMAGE: lambda _: _flipped,
    SizeRule.IMAGE_TO_MASK: lambda _: _to_mask,
    SizeRule.MASK_TO_IMAGE: lambda _: _to_image,
    SizeRule.SOLID_MASK: lambda _: _solid_mask,
    SizeRule.JOIN_ALPHA: lambda _: _joined_alpha,
    SizeRule.SPLIT_ALPHA: lambda _: _split_alpha,
}
