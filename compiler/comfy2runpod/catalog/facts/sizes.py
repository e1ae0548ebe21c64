"""What a fact says of the sizes and lengths that a class makes: the name of a rule, and what the rule goes by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SizeRule(StrEnum):
    """How a class makes sizes and lengths: the arithmetic is in `shapes/`, by these names."""

    ADD_GUIDE = "add_guide"
    BATCH_IMAGES = "batch_images"
    BATCH_LATENTS = "batch_latents"
    BATCH_MASKS = "batch_masks"
    BATCH_TWO_IMAGES = "batch_two_images"
    CAMERA_EMBEDDING = "camera_embedding"
    CHOICE = "choice"
    CONDITIONED_VIDEO_LATENT = "conditioned_video_latent"
    CREATE_VIDEO = "create_video"
    CROP_GUIDES = "crop_guides"
    CROP_IMAGE = "crop_image"
    CROP_IMAGE_REGION = "crop_image_region"
    CUT_LATENT = "cut_latent"
    CUT_LATENT_TO_BATCH = "cut_latent_to_batch"
    DECODE = "decode"
    DECODE_AUDIO = "decode_audio"
    EMPTY_AUDIO = "empty_audio"
    EMPTY_IMAGE = "empty_image"
    ENCODE_IMAGES = "encode_images"
    EXPRESSION = "expression"
    IMAGE_FROM_BATCH = "image_from_batch"
    IMAGE_LATENT = "image_latent"
    IMAGE_SIZE = "image_size"
    IMAGE_TO_MASK = "image_to_mask"
    INPAINT = "inpaint"
    INTERPOLATE_FRAMES = "interpolate_frames"
    JOIN_ALPHA = "join_alpha"
    JOIN_AUDIO_VIDEO = "join_audio_video"
    JOIN_LATENTS = "join_latents"
    JOIN_TEXTS = "join_texts"
    LATENT_FROM_BATCH = "latent_from_batch"
    LAYERED_LATENT = "layered_latent"
    LOAD_IMAGE = "load_image"
    LOAD_MASK = "load_mask"
    LOAD_VIDEO = "load_video"
    LTXV_AUDIO_LATENT = "ltxv_audio_latent"
    LTXV_CONDITIONING = "ltxv_conditioning"
    LTXV_VIDEO_LATENT = "ltxv_video_latent"
    MASK_TO_IMAGE = "mask_to_image"
    MESH = "mesh"
    NEAREST_SIDES = "nearest_sides"
    NOTHING = "nothing"
    OPAQUE = "opaque"
    PAD_IMAGE = "pad_image"
    PAD_IMAGE_TO = "pad_image_to"
    REPEAT_IMAGES = "repeat_images"
    REPEAT_LATENT = "repeat_latent"
    REPLACE_TEXT = "replace_text"
    RESIZE_IMAGE_OR_MASK = "resize_image_or_mask"
    RESOLUTION = "resolution"
    ROTATE_IMAGE = "rotate_image"
    SAME_CONDITIONING = "same_conditioning"
    SAME_IMAGES = "same_images"
    SAME_LATENT = "same_latent"
    SAMPLE = "sample"
    SAMPLE_TWICE = "sample_twice"
    SCALE_IMAGE = "scale_image"
    SCALE_IMAGE_BY = "scale_image_by"
    SCALE_LATENT = "scale_latent"
    SCALE_LATENT_BY = "scale_latent_by"
    SCALE_TO_MAX_DIMENSION = "scale_to_max_dimension"
    SCALE_TO_TOTAL_PIXELS = "scale_to_total_pixels"
    SCHEDULE_LISTED = "schedule_listed"
    SCHEDULE_STEPS = "schedule_steps"
    SHOWN_TEXT = "shown_text"
    SOLID_MASK = "solid_mask"
    SPLIT_ALPHA = "split_alpha"
    SPLIT_AUDIO_VIDEO = "split_audio_video"
    STITCH_IMAGES = "stitch_images"
    SWITCH = "switch"
    TEXT_CONDITIONING = "text_conditioning"
    TRIM_AUDIO = "trim_audio"
    TRIM_LATENT = "trim_latent"
    TRIM_TEXT = "trim_text"
    UPSAMPLE_LATENT = "upsample_latent"
    UPSCALE_WITH_MODEL = "upscale_with_model"
    VACE_LATENT = "vace_latent"
    VALUE = "value"
    VIDEO_COMPONENTS = "video_components"
    VIDEO_LATENT = "video_latent"


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a class makes of the sizes and lengths that it is given, by a rule.

    `input` is the input that the rule goes by, or how the names of several begin. `cell` is a latent's cell in pixels,
    `stride` in frames; `type` is an output's type that has no size; `sides` are widths and heights to choose from.
    """

    rule: SizeRule
    input: str = ""
    cell: int = 1
    stride: int = 1
    type: str = ""
    sides: tuple[tuple[int, int], ...] = ()
