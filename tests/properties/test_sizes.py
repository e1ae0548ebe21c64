"""Whatever the inputs of a class, its sizes are evaluated quickly and within bounds, or the node fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from comfy2runpod.amounts import LARGEST_COUNT
from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.node_class import NodeClass
from comfy2runpod.shapes.arithmetic import NotComputed, compute
from comfy2runpod.shapes.evaluate import MOST_CHARACTERS, EvaluatedValue, evaluate
from comfy2runpod.shapes.rules import rule_of
from comfy2runpod.shapes.values import (
    AudioLatent,
    AVLatent,
    Clip,
    Conditioning,
    Constant,
    Images,
    Latent,
    Mask,
    NodeError,
    Opaque,
    Sound,
    Value,
    limited,
)
from comfy2runpod_contract.json_types import Json

from .ending import bounded

# Each rule once, of a class that has it.
_CLASSES: dict[str, NodeClass] = {}
for _name in load_catalog():
    _class = load_catalog().get(_name)
    if _class is not None and _class.facts.sizes is not None:
        _CLASSES.setdefault(_class.facts.sizes.rule.value, _class)

_whole = st.sampled_from([-LARGEST_COUNT, -5, -1, 0, 1, 8, 512, LARGEST_COUNT]) | st.integers(-100, 5000)
_number = st.sampled_from([0.0, -1.0, 1e-308, -1e308, 1e308, float("nan"), float("inf")]) | st.floats(-10, 10)
_images = st.builds(Images, _whole, _whole, _whole)
_latents = st.builds(Latent, _whole, _whole, _whole, st.sampled_from([8, 32]), st.sampled_from([1, 4]), _whole)
_sounds = st.builds(Sound, _number.filter(lambda number: abs(number) < LARGEST_COUNT), _whole)
_texts = st.sampled_from(
    ["", " ", "Both", "nan", "1e999", "9" * 5000, "x" * MOST_CHARACTERS, "x" * 70_000, "x" * 200_000, "16:9 (w)"]
)
_plain: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), _whole, _number, _texts, st.just(10**5000), st.just({"x": 1, "width": -1}), st.just([])
)
_values: st.SearchStrategy[Value] = st.one_of(
    _plain.map(Constant), _images, st.builds(Mask, _whole, _whole, _whole), _latents, _sounds,
    st.builds(AudioLatent, _whole), st.builds(AVLatent, _latents, st.builds(AudioLatent, _whole)),
    st.builds(Clip, _images, st.floats(-1e9, 1e9), st.none() | _sounds),
    st.just(Conditioning()), st.just(Opaque("MODEL")),
)  # fmt: skip
_WAYS = (
    "scale by multiplier", "scale dimensions", "scale width", "scale longer dimension", "scale shorter dimension",
    "scale total pixels", "match size", "scale to multiple",
)  # fmt: skip


@given(pool=st.lists(_values, min_size=12, max_size=12), seed=st.integers(0, 2**32))
def test_any_rule_tells_sizes_within_bounds_or_fails_as_a_node_does(pool: list[Value], seed: int) -> None:
    chosen = Random(seed)
    for node_class in _CLASSES.values():
        names = [spec.name for spec in node_class.inputs]
        names += ["values.a", "latents.1", "resize_type.multiplier", "resize_type.width", "resize_type.megapixels"]
        told = {name: EvaluatedValue(chosen.choice(pool)) for name in names if chosen.random() < 0.9}
        if "resize_type" in names:
            told["resize_type"] = EvaluatedValue(Constant(chosen.choice(_WAYS)))
        # As of another catalog, whose fact names a rule that was written for other outputs.
        more = chosen.choice([*_CLASSES.values()]).outputs
        other = replace(node_class, outputs=(*node_class.outputs, *more))
        with bounded(node_class.name):
            try:
                made = evaluate(other, told, rule_of(other))
            except NodeError:
                continue
        assert len(made) >= len(other.outputs)
        for one in made:
            assert one.value == limited(one.value)
            assert not isinstance(one.value, Constant) or _is_short(one.value.value, told)


def _is_short(made: Json, told: Mapping[str, EvaluatedValue]) -> bool:
    """A text is one that was given, or has few characters."""
    return (
        not isinstance(made, str) or len(made) <= MOST_CHARACTERS or Constant(made) in [v.value for v in told.values()]
    )


_operands = st.sampled_from(
    ["0", "1", "-1", "0.5", "7", "a", "1e29", "-1e29", "9" * 30, "3000000000", "-3000000000", "9" * 1500]
)  # fmt: skip
_calls = st.sampled_from(
    ["min", "max", "abs", "round", "sqrt", "ceil", "floor", "log", "log2", "log10", "sin", "cos", "tan", "int", "float"]
)
_formulas = st.recursive(
    _operands,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "<"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        st.tuples(_calls, st.lists(inner, max_size=3)).map(lambda call: f"{call[0]}({', '.join(call[1])})"),
    ),
    max_leaves=6,
)


@given(texts=st.lists(_formulas, min_size=50, max_size=50))
def test_any_formula_has_a_small_value_or_none_soon(texts: list[str]) -> None:
    with bounded(texts):
        for text in texts:
            try:
                assert abs(compute(text, {"a": 10**5000})) < 10**30
            except NotComputed:
                continue
