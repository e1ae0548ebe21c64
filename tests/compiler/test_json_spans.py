"""Spans of values in a JSON text are those that the reader of the standard library sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from comfy2runpod.json_spans import Steps, find_spans, line_and_column, steps_of

KEYS = st.text(max_size=6) | st.sampled_from(['"', "\\", "a.b", "[0]", "é", "\n"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def places(value: Any, at: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    yield at, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        yield from places(inner, (*at, step))


@settings(deadline=None)
@given(value=VALUES, indent=st.sampled_from([None, 0, 2, "\t"]), ascii_only=st.booleans())
def test_each_span_reads_as_the_value_at_its_path(value: Any, indent: Any, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    wanted = dict(places(value))
    spans = find_spans(text, wanted)
    assert {path: json.loads(text[span.start : span.end]) for path, span in spans.items()} == wanted


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    text = '{"a": {"b": 1, "c": 2}, "a": {"c": 3}}'
    spans = find_spans(text, [("a", "b"), ("a", "c")])
    assert {path: text[span.start : span.end] for path, span in spans.items()} == {("a", "c"): "3"}


def test_paths_are_read_with_indices_and_quoted_keys() -> None:
    assert steps_of("$.definitions.subgraphs[0].nodes[12].id") == ("definitions", "subgraphs", 0, "nodes", 12, "id")
    assert steps_of('$["92:11"].inputs["a.b\\n"]') == ("92:11", "inputs", "a.b\n")
    assert steps_of("$") == ()
    assert steps_of("nodes[0]") is None
    assert steps_of("$.nodes[x]") is None


def test_lines_and_columns_count_from_one() -> None:
    text = 'é\n  "x"'
    assert line_and_column(text, 0) == (1, 1)
    assert line_and_column(text, text.index('"')) == (2, 3)
