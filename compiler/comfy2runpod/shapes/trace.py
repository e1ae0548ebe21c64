"""A whole prompt's sizes, told without running it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.ir.prompt import Prompt, as_link
from comfy2runpod.shapes.evaluate import EvaluatedValue, evaluate
from comfy2runpod.shapes.rules import rule_of
from comfy2runpod.shapes.values import Clip, Constant, Images, InputImage, Sound, Value

# Of all texts that nodes make, together; those beyond are not kept.
_MOST_CHARACTERS = 20_000_000


def trace(
    prompt: Prompt, outputs: tuple[str, ...], catalog: Catalog, brought: Mapping[tuple[str, str], Value]
) -> Mapping[str, Mapping[str, EvaluatedValue]]:
    """What each node that the outputs need is given, by input.

    Args:
        prompt: the prompt.
        outputs: the nodes that save.
        catalog: the classes.
        brought: what stands for a caller's file, by the node that reads it and its input.

    Raises:
        NodeError: a node would fail.
    """
    made: dict[str, tuple[EvaluatedValue, ...]] = {}
    given: dict[str, Mapping[str, EvaluatedValue]] = {}
    left = _MOST_CHARACTERS
    for node_id in in_order(prompt, outputs):
        node = prompt[node_id]
        node_class = catalog.get(node.class_type)
        told: dict[str, EvaluatedValue] = {}
        for name, value in node.inputs.items():
            link = as_link(value)
            if link is not None:
                found = made.get(link.node_id, ())
                told[name] = (
                    found[link.slot] if link.slot < len(found) else EvaluatedValue(Constant(None), "a broken link")
                )
            elif (node_id, name) in brought:
                told[name] = EvaluatedValue(brought[node_id, name])
            else:
                told[name] = EvaluatedValue(Constant(value))
        given[node_id] = told
        made[node_id] = () if node_class is None else evaluate(node_class, told, rule_of(node_class))
        left -= sum(map(_characters, made[node_id]))
        if left < 0:
            made[node_id] = tuple(map(_without_text, made[node_id]))
    return given


def stands_for_file(upload: str, frames: int) -> Value | None:
    """What stands for a file of images whose size is not known: no node makes more images of one that is larger.

    Args:
        upload: the kind of upload of the input that names the file, as ComfyUI calls it.
        frames: how many images it holds.

    Returns:
        None if what ComfyUI loads of this kind holds no images.
    """
    match upload:
        case "image":
            return InputImage(1024, 1024, frames, has_alpha=False)
        case "video":
            return Clip(Images(1024, 1024, frames), 24, Sound(1, 44100))
        case _:
            return None


def _characters(told: EvaluatedValue) -> int:
    value = told.value
    return len(value.value) if isinstance(value, Constant) and isinstance(value.value, str) else 0


def _without_text(told: EvaluatedValue) -> EvaluatedValue:
    if not _characters(told):
        return told
    return EvaluatedValue(Constant(""), f"the texts of the graph have over {_MOST_CHARACTERS:,} characters")


def in_order(prompt: Prompt, outputs: tuple[str, ...]) -> Iterator[str]:
    """The nodes that the outputs need, each after those that it is linked to."""
    done: set[str] = set()
    stack = [(output, False) for output in reversed(outputs)]
    while stack:
        node_id, ready = stack.pop()
        if node_id in done:
            continue
        if ready:
            done.add(node_id)
            yield node_id
            continue
        stack.append((node_id, True))
        links = [link for value in prompt[node_id].inputs.values() if (link := as_link(value)) is not None]
        stack += [(link.node_id, False) for link in reversed(links) if link.node_id not in done]
