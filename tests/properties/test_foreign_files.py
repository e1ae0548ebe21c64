"""Untrusted catalogs, server answers and locks: read completely and safely, or refused."""

from __future__ import annotations

import json
import os
import random
from importlib import resources
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod.catalog.facts.reader import _READERS
from comfy2runpod.catalog.layers import read_layer, with_layers
from comfy2runpod.catalog.object_info import catalog_json, parse_answer
from comfy2runpod.catalog.refresh import refresh
from comfy2runpod.catalog.server_info import object_info
from comfy2runpod.catalog.text import class_text
from comfy2runpod.comfyui_server import ServerError, ask_server
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.model_lock import lock_text, read_lock
from tests.cli.hostile_server import answering, says

from .ending import bounded, ends_well, harmless, told_well
from .hostile import ODD, any_json, as_file, damaged
from .test_notes import graph_with

CLASSES = (
    "KSampler",
    "EmptyImage",
    "SaveImage",
    "LoadImage",
    "BatchImagesNode",
    "ResizeImageMaskNode",
    "CLIPTextEncode",
)
# Requests over a socket take long, whatever comes of them.
ANSWERS = int(os.environ.get("FUZZ_COUNT", "30")) // 2


def catalog_of(names: tuple[str, ...]) -> dict[str, Any]:
    """Some of the shipped classes, as those of a pack."""
    known = load_catalog()
    entries = {name: {**(known.raw(name) or {}), "module": "custom_nodes.x"} for name in names}
    return {
        "comfyui": "0.21.0",
        "commit": "0",
        "editor": "1.43",
        "classes": {f"X{name}": entries[name] for name in names},
    }


def looked_at(catalog: Catalog) -> None:
    """Every class typed and shown, and a graph compiled with them."""
    for name in catalog.added:
        node_class = catalog.get(name)
        assert node_class is not None
        class_text(node_class, catalog)
        graph = graph_with("").replace(b'"EmptyImage"', json.dumps(name).encode())
        ends_well(graph, catalog=catalog)


@given(seed=st.integers(0, 2**32))
@example(seed=0)
def test_a_damaged_catalog_is_read_or_refused(seed: int) -> None:
    data = as_file(damaged(catalog_of(CLASSES), seed))
    with bounded(seed):
        try:
            layer = read_layer(data, "catalog.json")
        except CompileError as refused:
            told_well(refused.diagnostics, data, "catalog.json")
            return
        looked_at(with_layers(load_catalog(), [layer]))


def facts_of_every_kind() -> list[dict[str, Any]]:
    """A shipped fact of every kind, and of every rule of sizes, as those of a pack's classes."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for entry in resources.files("comfy2runpod").joinpath("catalog/data/facts").iterdir():
        for row in json.loads(entry.read_text("utf-8"))["facts"]:
            changed = {"classes": [f"X{name}" for name in CLASSES], "types": ["X_TYPE"], "containing": ["XK"]}
            kind = (row["fact"], row.get("rule", ""), row.get("check", ""))
            found[kind] = {key: changed.get(key, value) for key, value in row.items()}
    return [*found.values()]


@given(seed=st.integers(0, 2**32), number=st.integers(0, 1000))
@example(seed=0, number=0)
def test_damaged_facts_are_read_or_refused(seed: int, number: int) -> None:
    every = facts_of_every_kind()
    # One row at a time: what is refused hides what stands behind it.
    for rows in ([every[number % len(every)]], every):
        data = as_file(damaged({**catalog_of(CLASSES[:3]), "pack": "x", "version": "1.0", "facts": rows}, seed))
        with bounded(seed):
            try:
                catalog = with_layers(load_catalog(), [read_layer(data, "x.facts.json")])
            except CompileError as refused:
                told_well(refused.diagnostics, data, "x.facts.json")
            else:
                looked_at(catalog)


def test_facts_of_every_kind_are_read() -> None:
    every = facts_of_every_kind()
    assert {row["fact"] for row in every} == set(_READERS)
    layer = read_layer(as_file({**catalog_of(CLASSES), "pack": "x", "facts": every}), "x.facts.json")
    catalog = with_layers(load_catalog(), [layer])
    assert len(catalog.facts.rows_of("XKSampler")) > 20


@given(value=any_json)
def test_any_json_as_facts(value: Any) -> None:
    for facts in (value, [value], [{"fact": value}], [{"fact": "saves", "classes": ["A"], "kind": value}]):
        data = as_file({"pack": "x", "facts": facts})
        try:
            looked_at(with_layers(load_catalog(), [read_layer(data, "\x1b[2J.json")]))
        except CompileError as refused:
            told_well(refused.diagnostics, data, "\x1b[2J.json")


@given(value=any_json)
def test_any_json_as_a_catalog(value: Any) -> None:
    for whole in (value, {"classes": value}, {"classes": {"A": value}}):
        data = as_file(whole)
        try:
            layer = read_layer(data, "\x1b[2J.json")
        except CompileError as refused:
            told_well(refused.diagnostics, data, "\x1b[2J.json")
        else:
            looked_at(with_layers(load_catalog(), [layer]))


@given(seed=st.integers(0, 2**32))
def test_a_catalog_is_made_of_a_damaged_answer_or_it_is_refused(seed: int) -> None:
    rng = random.Random(seed)
    names = rng.sample(CLASSES, 3)
    whole = object_info(load_catalog(), lambda _: ("a.safetensors", "b.png"))
    answer = damaged({name: {**whole[name], "python_module": "custom_nodes.x"} for name in names}, seed)
    with bounded(seed):
        try:
            classes = parse_answer(as_file(answer))
        except ValueError:
            return
        found = refresh(classes, load_catalog(), {"loras": ["a.safetensors"], "\x1b": ["\x00"]})
        assert all(len(why) < 10_000 for why in found.unreadable.values())
        text = harmless(catalog_json(found.classes, comfyui=None, commit=None, editor=None))
        # What was made can be read.
        looked_at(with_layers(load_catalog(), [read_layer(text.encode(), "made.json")]))


_entry = st.fixed_dictionaries(
    {
        "revision": st.sampled_from(["c0ffee" + "0" * 34, None, *ODD]),
        "size": st.sampled_from([1, 0, *ODD]),
        "sha256": st.sampled_from(["0" * 64, "A" * 64, None, *ODD]),
    }
)
_urls = st.sampled_from(["https://a/b", "", "\x1b", "\n", "a" * 9000])
_locks = st.fixed_dictionaries(
    {"version": st.sampled_from([1, 1, 1, 1, *ODD]), "files": st.dictionaries(_urls, _entry, max_size=3)}
)


@given(value=_locks | any_json)
def test_any_lock(value: Any) -> None:
    data = as_file(value)
    try:
        locked = read_lock(data, "x.lock.json")
    except CompileError as refused:
        told_well(refused.diagnostics, data, "x.lock.json")
        return
    assert read_lock(lock_text(locked).encode(), "x") == tuple(sorted(locked, key=lambda item: item.url))
    for item in locked:
        assert item.size >= 0
        assert item.sha256 is None or set(item.sha256) <= set("0123456789abcdef")


PIECES = (
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 302 Found\r\n", b"HTTP/9.9 999 \r\n", b"Location: /\r\n",
    b"Location: file:///\r\n", b"Location: http://[\r\n", b"Content-Length: 3\r\n", b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Content-Encoding: x\r\n", b"\r\n",
    b"\r\n", b"{}\r\n", b'{"A": {"input": {}}}', b"3\r\n", b"0\r\n\r\n", b"\xff", b"\x00", b"\n", b" ",
    b"\x1f\x8b\x08", b"[", b"NaN", b'"\\ud800"',
)  # fmt: skip


def test_any_bytes_in_a_server_s_place() -> None:
    seed = int(os.environ.get("FUZZ_SEED", "0"))
    for number in range(max(ANSWERS, 5)):
        rng = random.Random(seed * 1_000_003 + number)
        data = b"".join(rng.choices(PIECES, k=rng.randrange(12)))
        data = data if rng.random() < 0.3 else b"HTTP/1.1 200 OK\r\n" + data
        with answering(says(data)) as url, bounded(data):
            try:
                told = ask_server(url, 2.0)
                refresh(parse_answer(told.object_info), load_catalog(), told.listings)
            except ServerError as error:
                told_well((error.diagnostic,), b"", url)
            except ValueError:
                pass
