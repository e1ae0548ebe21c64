"""Files that no editor saves: any JSON in the shape of a graph, and saved graphs with damage done to them."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from itertools import islice
from math import isfinite
from typing import Any

from hypothesis import strategies as st

SUBGRAPH = "11111111-1111-4111-8111-111111111111"

# What a value is replaced by: every type, and the corners of each.
ODD = (
    None, True, False, 0, 1, -1, -10, -20, 2**31, 2**53, 2**63, 2**64, -(2**64), 10**30, 10**400, 0.5, -0.0, 1e308,
    float("nan"), float("inf"), float("-inf"), "", " ", "0", "-10", "1.0", "NaN", "null", "*", "INT", "IMAGE",
    "IMAGE,MASK", ",", "\x00", "é", "💥", "a" * 100_000, SUBGRAPH, "Note", "Reroute",
    "PrimitiveNode", "SaveImage", "comfy2runpod", "__proto__", "../../etc/passwd", "{{ x }}", "${x}", "%date:yyyy%",
    "{a|b}", "workflow>group", [], {}, [[]], [{}], {"": None}, [None], [0, 0], ["1", 0], {"__value__": []}, {"name": 1},
)  # fmt: skip

_scalars = st.one_of(
    st.sampled_from([v for v in ODD if not isinstance(v, str) or len(v) < 100]).filter(
        lambda v: not isinstance(v, float) or isfinite(v)
    ),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)
_json = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


def _odd(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What is meant to stand there, and once in a while anything: more often, and no graph would get past loading."""
    return st.integers(0, 199).flatmap(lambda chance: _json if chance == 199 else strategy)


def _entry(*needed: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    odd = {name: _odd(field) for name, field in fields.items()}
    must = {name: odd.pop(name) for name in needed}
    return _odd(st.fixed_dictionaries(must, optional=odd))


_ids = st.one_of(st.integers(1, 6), st.sampled_from([1, 2, 3, -1, -10, -20, "1", "2", 2**70]))
_ends = st.sampled_from([1, 2, 3, 4, 5, 6, -10, -20])
_link_ids = st.integers(1, 8)
_slots = st.sampled_from([0, 0, 0, 1, 2, -1, 99, 2**70])
_names = st.sampled_from(
    ["images", "image", "width", "seed", "model", "value", "", "a.b", "mode.width", "images.image0"]
)
_types = st.sampled_from(["IMAGE", "INT", "MODEL", "*", "", "COMBO", "STRING", "IMAGE,MASK", 0, -1, ["a", "b"]])
_classes = st.sampled_from(
    [
        "SaveImage", "EmptyImage", "KSampler", "PreviewAny", "LoadImage", "ImageInvert", "PrimitiveInt",
        "BatchImagesNode", "ResizeImageMaskNode", "LoadAudio", "Note", "Reroute", "PrimitiveNode", "NoSuchClass",
        SUBGRAPH, "workflow>group",
    ]
)  # fmt: skip
_widget_values = st.one_of(st.lists(_json, max_size=9), st.dictionaries(_names, _json, max_size=4))
_input = _entry(name=_names, type=_types, link=_link_ids, widget=_entry(name=_names), label=_names, shape=st.just(7))
_output = _entry(name=_names, type=_types, links=st.lists(_link_ids, max_size=3), slot_index=_slots)
_node = _entry(
    "id",
    "type",
    id=_ids,
    type=_classes,
    mode=st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4, 4]),
    title=st.sampled_from(["comfy2runpod", "x"]),
    inputs=st.lists(_input, max_size=4),
    outputs=st.lists(_output, max_size=3),
    widgets_values=_widget_values,
    properties=_entry(
        proxyWidgets=st.lists(_odd(st.tuples(_ids, _names).map(list)), max_size=3),
        models=st.lists(_entry("name", name=_names, url=_names, directory=_names), max_size=2),
        cnr_id=_names,
        ver=_names,
    ),
)
_LINK = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
_link = st.one_of(
    _odd(st.tuples(_link_ids, _ends, _slots, _ends, _slots, _types).map(list)),
    _entry(*_LINK, id=_link_ids, origin_id=_ends, origin_slot=_slots, target_id=_ends, target_slot=_slots, type=_types),
)
_panel = _entry(id=_names, name=_names, type=_types, linkIds=st.lists(_link_ids, max_size=3), label=_names)
_canvas = {"nodes": _odd(st.lists(_node, max_size=6)), "links": _odd(st.lists(_link, max_size=8))}
_subgraph = _odd(
    st.fixed_dictionaries(
        {"id": _odd(st.sampled_from([SUBGRAPH, "", "SaveImage"])), **_canvas},
        optional={"name": _names, "inputs": st.lists(_panel, max_size=3), "outputs": st.lists(_panel, max_size=3)},
    )
)

any_graph: st.SearchStrategy[Any] = st.fixed_dictionaries(
    _canvas,
    optional={
        "version": _json,
        "definitions": _odd(st.fixed_dictionaries({"subgraphs": _odd(st.lists(_subgraph, max_size=3))})),
        "extra": _entry(
            frontendVersion=st.sampled_from(["1.43.18", "1.58.1", "1", "x"]),
            linearData=_entry(
                inputs=st.lists(_odd(st.tuples(_ids, _names).map(list)), max_size=3), outputs=st.lists(_ids, max_size=2)
            ),
            groupNodes=_entry(group=st.fixed_dictionaries({}, optional=_canvas)),
        ),
        "last_node_id": _json,
        "groups": _json,
    },
)
any_json: st.SearchStrategy[Any] = st.one_of(any_graph, any_graph, any_graph, _json)


def as_file(value: Any) -> bytes:
    """The JSON text; lone surrogates and constants that are no JSON come through as Python writes them."""
    return json.dumps(value).encode()


Damage = Callable[[random.Random, list[tuple[Any, Any]]], None]


def damaged(graph: Any, seed: int) -> Any:
    """A saved graph with one to a dozen places damaged, the same for the same seed."""
    rng = random.Random(seed)
    result = copy.deepcopy(graph)
    for _ in range(rng.choice([1, 1, 2, 3, 12])):
        places = list(_places(result))
        if places:
            rng.choice(_DAMAGES)(rng, places)
    return result


def _places(root: Any) -> Any:
    """Every place in a JSON value: the container, and the key in it."""
    stack = [root]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            keys: Any = list(value)
        elif isinstance(value, list):
            keys = range(len(value))
        else:
            continue
        for key in keys:
            yield value, key
            stack.append(value[key])


def _replace(rng: random.Random, places: list[tuple[Any, Any]]) -> None:
    container, key = rng.choice(places)
    container[key] = copy.deepcopy(rng.choice(ODD))


def _delete(rng: random.Random, places: list[tuple[Any, Any]]) -> None:
    container, key = rng.choice(places)
    del container[key]


def _duplicate(rng: random.Random, places: list[tuple[Any, Any]]) -> None:
    inside = [(c, k) for c, k in places if isinstance(c, list)]
    if inside:
        container, key = rng.choice(inside)
        container.insert(rng.randrange(len(container) + 1), copy.deepcopy(container[key]))


def _swap(rng: random.Random, places: list[tuple[Any, Any]]) -> None:
    (a, i), (b, j) = rng.choice(places), rng.choice(places)
    # A large part put inside itself again and again would be a large file, and no other damage.
    if all(sum(1 for _ in islice(_places(part), 1000)) < 1000 for part in (a[i], b[j])):
        a[i], b[j] = copy.deepcopy(b[j]), copy.deepcopy(a[i])


def _rename_key(rng: random.Random, places: list[tuple[Any, Any]]) -> None:
    inside = [(c, k) for c, k in places if isinstance(c, dict)]
    if inside:
        container, key = rng.choice(inside)
        container[rng.choice(["id", "type", "link", "nodes", "widget", ""])] = container.pop(key)


def _same_ids(rng: random.Random, places: list[tuple[Any, Any]]) -> None:
    """Nodes, links or definitions that share an id."""
    named = [(c, k) for c, k in places if k == "id"]
    if named:
        container, key = rng.choice(named)
        other, there = rng.choice(named)
        container[key] = copy.deepcopy(other[there])


def _relink(rng: random.Random, places: list[tuple[Any, Any]]) -> None:
    """An input with another one's link, or a link that starts elsewhere; this can make cycles."""
    key = rng.choice(["link", "origin_id", "target_id", "origin_slot", "target_slot", "mode", "type"])
    same = [(c, k) for c, k in places if k == key]
    if same:
        container, place = rng.choice(same)
        other, there = rng.choice(same)
        container[place] = copy.deepcopy(other[there])


def _instance_anywhere(rng: random.Random, places: list[tuple[Any, Any]]) -> None:
    """A node that becomes an instance of some subgraph, of its own perhaps."""
    types = [(c, k) for c, k in places if k == "type" and isinstance(c, dict) and "mode" in c]
    definitions = [c["id"] for c, k in places if k == "nodes" and isinstance(c, dict) and "id" in c]
    if types and definitions:
        container, key = rng.choice(types)
        container[key] = copy.deepcopy(rng.choice(definitions))


_DAMAGES: tuple[Damage, ...] = (
    _replace, _replace, _replace, _delete, _duplicate, _swap, _rename_key, _same_ids, _relink, _relink,
    _instance_anywhere,
)  # fmt: skip
