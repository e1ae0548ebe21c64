"""How much the simulator draws: a graph or a request may ask for more than the machine of its author has."""

from __future__ import annotations

from comfy2runpod.shapes.values import Clip, Images, NodeError, Sound

# An image or an animation is in memory as a whole, a video one frame at a time.
_MOST_OF_AN_IMAGE = 2**27
_MOST_OF_AN_ANIMATION = 2**27
_MOST_OF_A_FRAME = 2**26
_MOST_OF_A_VIDEO = 2**32
_MOST_OF_A_BATCH = 2**31
# 50 minutes of 44.1 kHz.
_MOST_SAMPLES = 2**27


def check_images(images: Images) -> None:
    """Looks at the images of a batch, each a file of its own.

    Raises:
        NodeError: they have more pixels than are drawn.
    """
    _check(_pixels(images), _MOST_OF_AN_IMAGE, "pixels an image")
    _check(_pixels(images) * images.frames, _MOST_OF_A_BATCH, "pixels a batch of images")


def check_animation(images: Images) -> None:
    """Looks at the frames of one animation.

    Raises:
        NodeError: they have more pixels than are drawn.
    """
    _check(_pixels(images) * images.frames, _MOST_OF_AN_ANIMATION, "pixels in all frames of an animation")


def check_clip(clip: Clip) -> None:
    """Looks at the frames of a video, and at its sound, which ends with them.

    Raises:
        NodeError: there is more of them than is drawn.
    """
    _check(_pixels(clip.images), _MOST_OF_A_FRAME, "pixels a frame of a video")
    _check(_pixels(clip.images) * clip.images.frames, _MOST_OF_A_VIDEO, "pixels in all frames of a video")
    if clip.sound is not None and clip.fps > 0:
        check_sound(Sound(min(clip.sound.seconds, clip.images.frames / clip.fps), clip.sound.rate))


def check_sound(sound: Sound) -> None:
    """Looks at a sound's length.

    Raises:
        NodeError: it has more samples than are written.
    """
    _check(sound.seconds * sound.rate, _MOST_SAMPLES, "samples of sound")


def _pixels(images: Images) -> int:
    return images.width * images.height


def _check(count: float, most: int, what: str) -> None:
    if count > most:
        raise NodeError(
            "SimulatorLimit", f"the simulator makes at most {most:,} {what}, not {count:,.0f}; a real ComfyUI may"
        )
