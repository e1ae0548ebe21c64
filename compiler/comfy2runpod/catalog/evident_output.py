"""What an output node saves, where no fact says it and the class leaves no doubt.

Such a class is called a Save node, takes one thing that can be saved, and a `filename_prefix`, as ComfyUI's own do that
save files. One that can write several forms of it, or makes films of images, is left to a fact: its media type would be
a guess. So is one of another name: packs show previews, or send images on, under such inputs too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from comfy2runpod.catalog.facts.kinds import PREFIX_INPUT, Saves
from comfy2runpod.catalog.facts.table import NodeFacts

if TYPE_CHECKING:
    from comfy2runpod.catalog.node_class import InputSpec


def evident_output(names: Iterable[str], inputs: Iterable[InputSpec], facts: NodeFacts) -> Saves | None:
    """What a class saves, of these inputs; None if that cannot be told. `names` are its name and title."""
    specs = tuple(inputs)
    if not any("save" in name.casefold() for name in names):
        return None
    if not any(spec.name == PREFIX_INPUT and spec.type == "STRING" for spec in specs):
        return None
    found = [
        (spec.name, kind)
        for spec in specs
        if not spec.is_widget
        for part in spec.type.split(",")
        if (kind := facts.saved_type(part.strip())) is not None
    ]
    if len(found) != 1:
        return None
    name, kind = found[0]
    for spec in specs:
        if spec.name in kind.unless or spec.options:
            return None
        says_form = any(word in spec.name for word in kind.form_inputs)
        if says_form and not all(str(choice).casefold() in kind.forms for choice in spec.choices or ("",)):
            return None
    return Saves(kind.kind, kind.media_type, input=name)
