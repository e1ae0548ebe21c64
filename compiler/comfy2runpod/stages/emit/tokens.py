"""The tokens that a worker downloads its models with: which sites they are for, and whether it goes without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from comfy2runpod.ir.interface import Interface, Model
from comfy2runpod.stages.emit.needs import fetched

CIVITAI = "civitai.com"


@dataclass(frozen=True, slots=True)
class Token:
    """A variable for a token.

    Attributes:
        required: whether a model is known to be out of reach without it.
        asked: whether it may be needed, as far as is known.
    """

    name: str
    title: str
    description: str
    required: bool
    asked: bool


def tokens(interface: Interface) -> Iterator[Token]:
    """The tokens of the sites that the package's models lie on."""
    models = fetched(interface.models)
    of_hub = [model for model in models if model.repo is not None]
    if of_hub:
        yield _hub_token(of_hub)
    if any(_is_of_civitai(model) for model in models):
        yield Token(
            "CIVITAI_TOKEN",
            "Civitai token",
            f"An API key of {CIVITAI}, which it wants for some downloads. It is sent there alone.",
            required=False,
            asked=True,
        )


def _hub_token(models: list[Model]) -> Token:
    gated = sorted({model.repo or "" for model in models if model.gated})
    unknown = any(model.gated is None for model in models)
    if gated:
        why = f"Needed: it has to be of an account that accepted the terms of {', '.join(gated)}."
    elif unknown:
        why = "Needed if a model's repository is gated, which `comfy2runpod lock` finds out."
    else:
        why = "No model of this package needs one; it raises the hub's limits."
    return Token(
        "HF_TOKEN",
        "Hugging Face token",
        f"A read token of Hugging Face. {why} It is sent there alone.",
        required=bool(gated),
        asked=bool(gated) or unknown,
    )


def _is_of_civitai(model: Model) -> bool:
    """Whether a worker sends Civitai's token along; not to its other domains."""
    return (urlsplit(model.url).hostname or "").removeprefix("www.") == CIVITAI
