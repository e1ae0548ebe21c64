"""Sizes that are evaluated without running a prompt: rules of classes, expressions, and unknown sizes."""

from __future__ import annotations

import pytest

from comfy2runpod.amounts import LARGEST_COUNT
from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.facts.sizes import SizeRule
from comfy2runpod.shapes.arithmetic import NotComputed, compute
from comfy2runpod.shapes.evaluate import MOST_CHARACTERS, EvaluatedValue, evaluate
from comfy2runpod.shapes.rules import rule_of, shown_text
from comfy2runpod.shapes.values import Clip, Conditioning, Constant, Images, Latent, Mask, NodeError, Sound, Value
from comfy2runpod_contract.json_types import Json


def made(class_type: str, /, **inputs: Value | Json) -> tuple[EvaluatedValue, ...]:
    node_class = load_catalog().get(class_type)
    assert node_class is not None
    plain = (bool, int, float, str, dict)
    told = {
        name.replace("__", "."): EvaluatedValue(Constant(value) if isinstance(value, plain) else value)  # type: ignore[arg-type]
        for name, value in inputs.items()
    }
    return evaluate(node_class, told, rule_of(node_class))


IMAGES = Images(600, 400, 3)


@pytest.mark.parametrize(
    ("class_type", "inputs", "right"),
    [
        ("ResizeImageMaskNode", {"resize_type": "scale by multiplier", "resize_type__multiplier": 0.5}, (300, 200, 3)),
        ("ResizeImageMaskNode", {"resize_type": "scale longer dimension", "resize_type__longer_size": 90}, (90, 60, 3)),
        (
            "ResizeImageMaskNode",
            {"resize_type": "scale shorter dimension", "resize_type__shorter_size": 90},
            (135, 90, 3),
        ),
        ("ResizeImageMaskNode", {"resize_type": "scale width", "resize_type__width": 60}, (60, 40, 3)),
        ("ResizeImageMaskNode", {"resize_type": "scale to multiple", "resize_type__multiple": 64}, (576, 384, 3)),
        ("ResizeImageMaskNode", {"resize_type": "match size", "resize_type__match": Mask(7, 9, 1)}, (7, 9, 3)),
        ("ImageFromBatch", {"batch_index": 1, "length": 9}, (600, 400, 2)),
        ("RepeatImageBatch", {"amount": 4}, (600, 400, 12)),
        ("ImagePadForOutpaint", {"left": 8, "top": 16, "right": 0, "bottom": 0}, (608, 416, 3)),
        ("ResizeAndPadImage", {"target_width": 512, "target_height": 256}, (512, 256, 3)),
        ("ImageFlip", {"flip_method": "x-axis: vertically"}, (600, 400, 3)),
        ("ImageRotate", {"rotation": "90 degrees"}, (400, 600, 3)),
    ],
)
def test_images(class_type: str, inputs: dict[str, Value | Json], right: tuple[int, int, int]) -> None:
    name = "input" if class_type == "ResizeImageMaskNode" else "image"
    told = made(class_type, **{name: IMAGES, **inputs})[0]
    assert (told.value, told.doubt) == (Images(*right), None)


def test_stitched_images_stand_side_by_side_at_one_height() -> None:
    second = Images(100, 100, 1)
    stitched = made("ImageStitch", image1=IMAGES, image2=second, direction="right", match_image_size=True,
                    spacing_width=3, spacing_color="white")  # fmt: skip
    assert stitched[0].value == Images(600 + 4 + 400, 400, 3)


def test_latents_of_videos() -> None:
    latent = made("EmptyHunyuanLatentVideo", width=848, height=480, length=25, batch_size=1)[0].value
    assert latent == Latent(106, 60, 7, cell=8, stride=4)
    assert isinstance(latent, Latent)
    assert latent.decoded() == Images(848, 480, 25)
    assert made("TrimVideoLatent", samples=latent, trim_amount=2)[0].value == Latent(106, 60, 5, cell=8, stride=4)
    reference = made("WanVaceToVideo", width=64, height=64, length=9, batch_size=1, reference_image=IMAGES)
    assert (reference[2].value, reference[3].value) == (Latent(8, 8, 4, cell=8, stride=4), Constant(1))


@pytest.mark.parametrize(
    ("latent", "dim", "size", "right"),
    [
        # Layers, each an image of its own.
        (Latent(80, 80, 3, cell=8), "t", 1, Images(640, 640, 3)),
        (Latent(80, 80, 3, cell=8), "x", 30, Images(240, 640, 6)),
        (Latent(80, 80, 3, cell=8), "y", 999, Images(640, 640, 3)),
        # A video of 25 frames is 7 of a latent: three parts of two, each of 5 frames, and one that is dropped.
        (Latent(80, 40, 7, cell=8, stride=4), "t", 2, Images(640, 320, 15)),
        (Latent(80, 40, 7, cell=8, stride=4), "x", 40, Images(320, 320, 50)),
    ],
)
def test_a_latent_that_is_cut_into_a_batch(latent: Latent, dim: str, size: int, right: Images) -> None:
    cut = made("LatentCutToBatch", samples=latent, dim=dim, slice_size=size)[0]
    assert isinstance(cut.value, Latent)
    assert (cut.value.decoded(), cut.doubt) == (right, None)


def test_a_switch_gives_one_of_two_and_its_doubt_alone() -> None:
    node_class = load_catalog().get("ComfySwitchNode")
    assert node_class is not None
    both = {"on_true": EvaluatedValue(IMAGES), "on_false": EvaluatedValue(Images(1, 1, 1), "why")}
    assert evaluate(node_class, {"switch": EvaluatedValue(Constant(value=True)), **both}, rule_of(node_class))[
        0
    ] == EvaluatedValue(IMAGES)
    assert (
        evaluate(node_class, {"switch": EvaluatedValue(Constant(value=False)), **both}, rule_of(node_class))[0].doubt
        == "why"
    )


def test_a_class_without_a_rule_has_a_plausible_size_and_says_so() -> None:
    told = made("WanDancerPadKeyframesList", images=IMAGES)
    assert [type(one.value) for one in told] == [Images, Mask, Sound]
    assert all(one.doubt == "the simulator has no rule for WanDancerPadKeyframesList" for one in told)
    video = made("LoadVideo", file="film.mp4")[0]
    assert isinstance(video.value, Clip)
    assert video.doubt is not None


def test_what_does_not_matter_for_a_size_casts_no_doubt() -> None:
    node_class = load_catalog().get("KSampler")
    assert node_class is not None
    given = {
        "positive": EvaluatedValue(Constant(1), "doubtful"),
        "latent_image": EvaluatedValue(Latent(8, 8, 1, cell=8)),
    }
    assert evaluate(node_class, given, rule_of(node_class))[0].doubt is None


@pytest.mark.parametrize(
    ("text", "right"),
    [("a * 2 + b", 23), ("a // 4 * 4", 8), ("max(a, 12) if a > b else -b", 12), ("round(a / 4)", 2), ("2 ** 3", 8)],
)
def test_expressions(text: str, right: float) -> None:
    assert compute(text, {"a": 10, "b": 3}) == right


@pytest.mark.parametrize(
    "text",
    ["", "a +", "c", "__import__('os')", "a.real", "9 ** 9 ** 9", "'x' * 10", "(" * 500 + "1" + ")" * 500, "1 / 0",
     "-" * 100 + "1", "a" * 3000, "sqrt(-1)", "[1][0]", "1e400",
     "round(7, -3000000000)", "round(7, 3000000000)", "1 << 3000000000"],
)  # fmt: skip
def test_what_is_not_computed_is_reported(text: str) -> None:
    with pytest.raises(NotComputed):
        compute(text, {"a": 1})


def test_each_rule_of_sizes_is_one_that_a_fact_names() -> None:
    catalog = load_catalog()
    used = {sizes.rule for name in catalog if (sizes := catalog.facts.of(name).sizes) is not None}
    assert used == set(SizeRule)
    for name in catalog:
        node_class = catalog.get(name)
        assert node_class is not None
        assert (rule_of(node_class) is not None) == (node_class.facts.sizes is not None)


def test_a_text_that_doubles_at_each_node_is_soon_not_known() -> None:
    told = EvaluatedValue(Constant("x" * 1000))
    for _ in range(60):
        joined = made("StringConcatenate", string_a=told.value, string_b=told.value, delimiter="")[0]
        told = EvaluatedValue(joined.value, told.doubt or joined.doubt)
    assert told.doubt == f"a text has over {MOST_CHARACTERS:,} characters"
    assert len(str(joined.value)) < MOST_CHARACTERS


@pytest.mark.parametrize(("find", "by"), [("x", "y" * 1000), ("", "y" * 1000)])
def test_a_replacement_is_counted_before_it_is_made(find: str, by: str) -> None:
    assert made("StringReplace", string="x" * 90, find=find, replace=by)[0].doubt is None
    assert made("StringReplace", string="x" * 200, find=find, replace=by)[0].doubt is not None


def test_a_deep_value_is_not_shown_beyond_the_most_characters() -> None:
    deep: Json = [0] * 50_000
    for _ in range(100):
        deep = [deep]
    assert shown_text(Constant(deep)) is None
    assert shown_text(Constant([1])) == "[\n    1\n]"


def test_what_a_rule_raises_at_known_values_is_the_nodes_own_failure() -> None:
    with pytest.raises(NodeError, match=r"math domain error|nonnegative input"):
        made("ImageScaleToTotalPixels", image=Images(-5, 512, 1), megapixels=1.0, resolution_steps=1)


def test_a_rule_that_does_not_fit_casts_a_doubt() -> None:
    told = made("StringTrim", string="x", mode="Sideways")[0]
    assert told.doubt == "its rule does not fit what StringTrim is given"


def test_numbers_that_are_not_finite_count_as_not_given() -> None:
    told = made("ImageScaleBy", image=IMAGES, upscale_method="area", scale_by="nan")[0]
    assert told.value == IMAGES


def test_counts_stay_within_what_can_be_printed() -> None:
    images: Value = IMAGES
    for _ in range(1300):
        images = made("RepeatImageBatch", image=images, amount=4096)[0].value
    assert images == Images(600, 400, LARGEST_COUNT)


def guided(latent: Latent, *guides: tuple[int, int]) -> tuple[EvaluatedValue, ...]:
    """LTXVAddGuide after LTXVAddGuide, each of so many images at a frame; LTXVConditioning; LTXVCropGuides."""
    told: tuple[EvaluatedValue, ...] = (*(EvaluatedValue(Conditioning()) for _ in range(2)), EvaluatedValue(latent))
    for frames, at in guides:
        positive, negative, behind = (part.value for part in told)
        told = made(
            "LTXVAddGuide",
            positive=positive,
            negative=negative,
            latent=behind,
            image=Images(64, 64, frames),
            frame_idx=at,
        )
    rated = made("LTXVConditioning", positive=told[0].value, negative=told[1].value, frame_rate=25.0)
    return made("LTXVCropGuides", positive=rated[0].value, negative=rated[1].value, latent=told[2].value)


@pytest.mark.parametrize(
    ("guides", "left"),
    [
        ((), 19),
        (((1, 0), (1, -1)), 19),
        (((9, 0), (1, -1)), 19),
        (((17, 40),), 19),
        # Both begin at frame 0, and the real node counts the frames at which guides begin: one of the two stays.
        (((1, 0), (1, 0)), 20),
        # Frames 33 and 41 after frame 41: one of the three begins where another does.
        (((1, 41), (9, 40)), 20),
    ],
)
def test_guides_are_cropped_as_many_as_begin_at_frames_of_their_own(
    guides: tuple[tuple[int, int], ...], left: int
) -> None:
    latent = guided(Latent(22, 40, 19, 32, 8), *guides)[2]
    assert (latent.value, latent.doubt) == (Latent(22, 40, left, 32, 8), None)


def test_a_guide_behind_the_end_of_the_latent_fails_as_in_comfyui() -> None:
    with pytest.raises(NodeError, match="exceed the length of the latent"):
        guided(Latent(22, 40, 3, 32, 8), (9, 17))


def test_guides_without_end_are_not_counted() -> None:
    long = guided(Latent(2, 2, LARGEST_COUNT, 32, 8), (8 * 10_000 + 1, 0))
    assert isinstance(long[2].value, Latent)
