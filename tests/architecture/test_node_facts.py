"""docs/node-facts.md: the rules of sizes are those that there are, with the keys and inputs that they really read; and
the catalog that it shows is one that the compiler reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.facts.reader import read_facts
from comfy2runpod.catalog.facts.sizes import SizeRule
from comfy2runpod.catalog.facts.values import BadFactsError
from comfy2runpod.catalog.layers import read_layer, with_layers
from comfy2runpod.catalog.node_class import NodeClass
from comfy2runpod.shapes.evaluate import EvaluatedValue, Inputs
from comfy2runpod.shapes.rules import rule_of
from comfy2runpod.shapes.values import Constant, NodeError
from comfy2runpod_contract.json_types import Json

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "node-facts.md").read_text("utf-8")
CATALOG = load_catalog()
CLASSES = [found for name in CATALOG if (found := CATALOG.get(name)) is not None]
# A value for each key that a rule can have.
VALUES: Mapping[str, Json] = {"input": "any", "cell": 8, "stride": 4, "type": "MADE_UP", "sides": [[1, 1]]}


def rows() -> dict[str, tuple[set[str], set[str]]]:
    """The table: each rule's keys, and the names of inputs that it reads."""
    table = PAGE.partition("\n## The rules of sizes\n")[2].partition("| --- |")[2]
    found = {}
    for line in table.splitlines():
        if re.match(r"\| `\w+` \|", line):
            _, rule, keys, inputs, outputs, _ = (cell.strip() for cell in line.split("|"))
            assert outputs, rule
            key = re.match(r"`(\w+)`(?:, `(\w+)`)?", keys)
            named = {name for name in key.groups() if name} if key else set()
            found[rule.strip("`")] = named, set(re.findall(r"`([^`]+)`", re.sub(r"\([^)]*\)", "", inputs)))
    return found


ROWS = rows()


class Recorded(Inputs):
    """A node's inputs that remember which were read."""

    def __init__(self, values: Mapping[str, EvaluatedValue]) -> None:
        super().__init__("MadeUp", values)
        self.read: set[str] = set()

    def has(self, name: str) -> bool:
        self.read.add(name)
        return super().has(name)

    def names(self, prefix: str) -> tuple[str, ...]:
        self.read.add(prefix)
        return super().names(prefix)

    def _read(self, name: str) -> EvaluatedValue | None:
        self.read.add(name)
        return super()._read(name)


def test_every_rule_has_its_row() -> None:
    assert set(ROWS) == set(SizeRule)


@pytest.mark.parametrize("rule", SizeRule)
def test_a_rule_has_the_keys_of_its_row(rule: SizeRule) -> None:
    keys, _ = ROWS[rule]

    def read(present: set[str]) -> None:
        row: dict[str, Json] = {key: VALUES[key] for key in present}
        fact: Json = {"fact": "sizes", "classes": ["MadeUp"], "rule": rule, "source": "s", "versions": "*", **row}
        read_facts({"pack": "made-up", "facts": [fact]})

    read(keys)
    for key in keys:
        with pytest.raises(BadFactsError):
            read(keys - {key})
    for key in VALUES.keys() - keys:
        with pytest.raises(BadFactsError):
            read(keys | {key})


@pytest.mark.parametrize("rule", SizeRule)
def test_a_rule_reads_the_inputs_of_its_row(rule: SizeRule) -> None:
    _, named = ROWS[rule]
    read = set[str]()
    for node_class in CLASSES:
        if node_class.facts.sizes is None or node_class.facts.sizes.rule is not rule:
            continue
        makes = rule_of(node_class)
        assert makes is not None
        for values in tried(node_class, named):
            given = Recorded(values)
            # What a class never gets.
            with suppress(NodeError, ArithmeticError, LookupError, TypeError):
                makes(given)
            read |= given.read - {node_class.facts.sizes.input}
    assert read == named


def tried(node_class: NodeClass, named: set[str]) -> Iterator[dict[str, EvaluatedValue]]:
    """Inputs of a class that bring a rule to each of its branches: none, all of one value, each choice and 0 alone."""
    yield {}
    for value in (0, 1, True):
        yield {name: EvaluatedValue(Constant(value)) for name in named | set(node_class.by_name)}
    for spec in node_class.inputs:
        for choice in (*(spec.choices or ()), *(choice for choice, _ in spec.options), 0):
            yield {spec.name: EvaluatedValue(Constant(choice))}


def test_the_catalog_that_is_shown_is_read() -> None:
    shown = re.search(r"```json\n(\{\"comfyui\".*?)```", PAGE, re.DOTALL)
    facts = re.search(r"```json\n(\{\n  \"pack\".*?)```", PAGE, re.DOTALL)
    assert shown is not None
    assert facts is not None
    layers = [read_layer(text[1].encode(), "shown") for text in (shown, facts)]
    catalog = with_layers(CATALOG, layers)
    assert {"MadeUpImage", "MadeUpSave"} <= set(catalog)
    saved = catalog.get("MadeUpSave")
    assert saved is not None
    assert saved.saves is not None
