"""Interfaces for the files around a package's code: every kind of output, models of all sorts, hostile texts."""

from __future__ import annotations

from dataclasses import replace

from comfy2runpod.ir.interface import Interface, Model, RunpodSettings
from comfy2runpod.stages.emit import emit
from comfy2runpod.stages.interface.gpu_pools import GPU_POOLS
from comfy2runpod_contract.media import MediaKind, media_facts
from tests.rendering.hostile import HOSTILE
from tests.rendering.interfaces import PROMPT, bare, several, single, variants_of

_HUB = "https://huggingface.co/org/name/resolve/main/"


def model(name: str, **more: object) -> Model:
    """A model of a public repository of the hub whose lock was made, unless more says otherwise."""
    told: dict[str, object] = {
        "file": name, "directory": "checkpoints", "url": f"{_HUB}{name}", "repo": "org/name", "path": name,
        "revision": "c0ffee" + "0" * 34, "size": 7_000_000_000, "approximate_size": None, "sha256": "0" * 64,
        "node_ids": ("9",), "licence": "apache-2.0", "gated": False,
    }  # fmt: skip
    return Model(**{**told, **more})


PUBLIC = model("public.safetensors")
GATED = model("gated.safetensors", repo="org/gated", gated=True)
UNLOCKED = model("unlocked.safetensors", size=None, sha256=None, licence=None, gated=None, revision="main")
ABOUT = model("about.safetensors", size=None, approximate_size=27_100_000_000, gated=None)
CIVITAI = model(
    "civitai.safetensors", url="https://civitai.com/api/download/models/1", repo=None, path=None, gated=None
)
BY_HAND = model("by hand.safetensors", url="", repo=None, path=None, size=None, gated=None)
MODELS: dict[str, tuple[Model, ...]] = {
    "public": (PUBLIC,),
    "gated": (GATED,),
    "gated and public": (GATED, PUBLIC),
    "unlocked": (UNLOCKED,),
    "about": (ABOUT,),
    "civitai": (CIVITAI,),
    "by hand": (BY_HAND,),
    "all": (PUBLIC, GATED, UNLOCKED, ABOUT, CIVITAI, BY_HAND),
}


def with_texts(text: str) -> Interface:
    """An interface whose author wrote a text wherever a text may be."""
    whole = several()
    return replace(
        whole, title=text, description=text, source=text,
        models=tuple(replace(one, licence=text) for one in (PUBLIC, UNLOCKED)),
        outputs=tuple(replace(output, title=text, description=text) for output in whole.outputs),
    )  # fmt: skip


def variants() -> dict[str, Interface]:
    """Each by what is special of it."""
    kinds = {f"kind {kind}": single(kind, media_facts(kind).media_type) for kind in MediaKind}
    models = {f"models {name}": replace(several(), models=which) for name, which in MODELS.items()}
    pools = {
        f"pool {pool}": replace(
            bare(), runpod=RunpodSettings((pool, "ADA_24"), 20, 600, f"https://a.example/{pool}.png")
        )
        for pool in GPU_POOLS
    }
    texts = {f"text {number}": with_texts(text) for number, text in enumerate(HOSTILE)}
    return {"several": several(), "bare": bare(), **kinds, **models, **pools, **texts}


def files_of(interface: Interface) -> dict[str, str | bytes]:
    """The package of one."""
    return emit(interface, PROMPT, variants_of(interface))
