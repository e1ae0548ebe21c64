"""Refuses secrets in the texts of a graph: a package has all of them, and a package is for everyone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors.secrets import SecretInGraph
from comfy2runpod.fields import Field
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod_contract.json_types import Json
from comfy2runpod_contract.secret_texts import holds_secret, looks_random, may_be_secret_name


def refuse_secrets(graph: BoundGraph, fields: Iterable[Field], found: Collector) -> None:
    """Notes every title and value of a node, and every label of a field, that holds a secret."""
    for node in graph.nodes.values():
        at = Locus(graph.file, node.id, node.title, node.node_class.name, None, node.json_path)
        if holds_secret(node.title or ""):
            # The place of a message has the title, which may not be shown.
            at = Locus(graph.file, node.id, None, node.node_class.name, None, node.json_path)
            found.add(SecretInGraph(at=at, where="The title"))
        for name, value in node.inputs.items():
            named = may_be_secret_name(name)
            if any(holds_secret(text) or (named and looks_random(text)) for text in _texts(value)):
                at = Locus(graph.file, node.id, node.title, node.node_class.name, name, node.json_path)
                found.add(SecretInGraph(at=at, where="The value"))
    for field in fields:
        if holds_secret(field.title):
            found.add(SecretInGraph(at=Locus(graph.file), where=f"The label of the field {field.name}"))


def _texts(value: Json) -> Iterator[str]:
    """The texts in a value; of an object, its keys too."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]
