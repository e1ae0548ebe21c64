"""Any note, with hostile fields, numbers and YAML: it gives a package or a refusal."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from comfy2runpod.diagnostics import Severity

from .ending import bounded, ends_well

NUMBERS = (
    "0", "1", "-1", "64", "16384", "2048", "0.5", "nan", "NaN", ".nan", "inf", "-inf", ".inf", "Infinity", "1e999",
    "-1e999", "1e-999", "9" * 309, "9" * 5000, "-" + "9" * 5000, "1_000", "0x10", "0b1", "1e3", "١٢", "½", "+5", " 7 ",
    "true", "false", "null", "~", "18446744073709551615", "18446744073709551616", "-9223372036854775809", "1.", ".5",
    "1e", "--1", "0" * 3000 + "1", "1" + "0" * 400 + ".0",
)  # fmt: skip
SIZES = ("27.1GB", "-1GB", "nanGB", "infGB", "1e9GB", "9" * 400, "0", "1TB", "99999TB", "30m", "-5m", "9" * 5000 + "h")
TEXTS = (
    "", "x", "a\x1b[2Jb", "\x00", "\u202egnp.exe", "\u2028", "\U000e0041", "\x9b31m", "\r\nX: 1", "\x7f", "💥",
    "a" * 5000, '"""', "'''", "*/", "<script>", "${x}", "$(id)", "{{ x }}", "{% x %}", "\\", "`id`",
    "]]>", "#", "\ttab", "\ufeff",
)  # fmt: skip
EXPRESSIONS = (
    "w", "w // 2", "w * w", "1 // w", "w % 0", "-" * 400 + "w", "(" * 300 + "w" + ")" * 300, "*".join(["w"] * 120),
    "w ** 9", "w.real", "w[0]", "f(w)", "min(w)", "round_up(w, 0)", "round_up(w, 64)", "16+0*(1//(w-500000))",
    "lambda: w", "[w for w in w]", "w if w else w", "__import__('os')", "9" * 400, "w\x00", "w #", "w\n+ 1", "True",
    "w@w",
)  # fmt: skip
KEYS = (
    "from", "title", "description", "required", "default", "min", "max", "multiple_of", "offset", "min_length",
    "max_length", "choices", "max_bytes", "max_pixels", "max_aspect", "formats", "bypass", "nonsense", "\x1b",
)  # fmt: skip
# A whole number, a seed, a number, a text, a choice, an image, and nothing.
PATHS = ("1.width", "4.seed", "4.cfg", "2.filename_prefix", "4.sampler_name", "5.image", "9.x", "", ".", "1.width\x00")


def graph_with(note: str, **extra: Any) -> bytes:
    """A graph with an input of every kind, and this note."""
    widgets = {
        1: ("EmptyImage", [64, 64, 1, 0]),
        2: ("SaveImage", ["prefix"]),
        4: ("KSampler", [0, "fixed", 20, 8.0, "euler", "simple", 1.0]),
        5: ("LoadImage", ["a.png", "image"]),
    }
    nodes: list[dict[str, Any]] = [
        {
            "id": node_id,
            "type": kind,
            "mode": 0,
            "inputs": [],
            "outputs": [],
            "properties": {},
            "widgets_values": values,
        }
        for node_id, (kind, values) in widgets.items()
    ]
    outputs = [{"name": "IMAGE", "type": "IMAGE", "links": [1]}]
    nodes[0]["outputs"] = outputs
    nodes[1]["inputs"] = [{"name": "images", "type": "IMAGE", "link": 1}]
    nodes[2]["mode"] = 2
    nodes.append({"id": 9, "type": "Note", "mode": 0, "title": "comfy2runpod", "widgets_values": [note]})
    return json.dumps({"nodes": nodes, "links": [[1, 1, 0, 2, 0, "IMAGE"]], "version": 0.4, **extra}).encode()


_values = st.one_of(*map(st.sampled_from, (NUMBERS, SIZES, TEXTS, EXPRESSIONS)), st.text(max_size=20))
_yaml: st.SearchStrategy[Any] = st.recursive(
    _values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_values, inner, max_size=3), max_leaves=6
)
_source = st.one_of(
    st.sampled_from(PATHS),
    st.lists(st.sampled_from(PATHS), max_size=3),
    st.fixed_dictionaries({"input": st.sampled_from(PATHS), "as": st.sampled_from(EXPRESSIONS)}),
)
_field = st.dictionaries(st.sampled_from(KEYS), _values | _yaml, max_size=4).flatmap(
    lambda rest: _source.map(lambda source: {**rest, "from": source})
)
_note = st.fixed_dictionaries(
    {},
    optional={
        "name": _values,
        "title": _values,
        "description": _values,
        "inputs": st.dictionaries(st.sampled_from(["w", "seed", "a" * 200, "\x1b", "class", "b"]), _field, max_size=3),
        "outputs": st.dictionaries(
            st.sampled_from(["image", "url", "\x00"]),
            st.fixed_dictionaries({"from": st.sampled_from(["2", "1", "", "\x1b"])}, optional={"many": _values}),
            max_size=2,
        ),
        "models": st.dictionaries(_values, st.dictionaries(st.sampled_from(["size", "url", "directory"]), _values)),
        "runpod": st.dictionaries(st.sampled_from(["gpu", "container_disk", "execution_timeout"]), _values | _yaml),
        "\x1b[2J": _yaml,
    },
)
PIECES = (
    "```", "```yaml", "``` yaml ", "````", " ```\t", "```\n```", "\n", " ", "- ", ": ", "[", "{", "&a ", "*a", "a",
    "'", '"',
    "|\n", "---\n", "!!python/object:os.system x", "<<: *a", "? ", "%YAML 1.1\n", "\t", "# ",
)  # fmt: skip


@given(note=_note)
@example(note={"inputs": {"w": {"from": "4.cfg", "min": "nan"}}})
@example(note={"inputs": {"w": {"from": "1.width", "default": "9" * 5000}}})
@example(note={"runpod": {"container_disk": "9" * 400}})
def test_any_fields(note: dict[str, Any]) -> None:
    # JSON is YAML.
    ends_well(graph_with(json.dumps(note)))


@given(pieces=st.lists(st.sampled_from(PIECES) | _values, max_size=40))
@example(pieces=["```yaml", *["\n"] * 20_000])
@example(pieces=["```", *[" "] * 20_000, "\n"])
@example(pieces=["\n```"] * 10_000)
@example(pieces=["["] * 50_000)
@example(pieces=["- "] * 50_000)
@example(pieces=["{a: "] * 50_000)
@example(pieces=["a0: &a0 [x, x]\n", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))])
@example(pieces=["a: &a [*a]\n"])
@example(pieces=["inputs:\n", *(f"  f{i}: 1.width\n" for i in range(50_000))])
@example(pieces=["inputs: {", *(f"f{i}: 1.width, " for i in range(5_000)), "}"])
@example(pieces=["? " * 10_000])
@example(pieces=["title: ", "x" * 2_000_000])
def test_any_text_of_a_note(pieces: list[str]) -> None:
    ends_well(graph_with("".join(pieces)))


@given(expression=st.sampled_from(EXPRESSIONS) | st.text(alphabet="w0123456789+-*/%(), ", max_size=60))
@example(expression="+".join(["w//(w%7-3)*w"] * 25))
def test_any_expression(expression: str) -> None:
    field = {"from": {"input": "1.width", "as": expression}, "min": 16, "max": 10_000_000}
    ends_well(graph_with(json.dumps({"inputs": {"w": field}})))


def test_a_thousand_expressions_that_nothing_proves_take_no_longer_than_a_few() -> None:
    hard = "16 + (w*w % 7) * (w % 13) // 3 % 11 * (w // (w % 1000 + 1)) % 5 - (w*w*w % 97) % 2"
    inputs = {
        f"f{i}": {"from": {"input": "1.width", "as": hard.replace("w", f"f{i}")}, "min": 16, "max": 10**9}
        for i in range(900)
    }
    with bounded("900 expressions"):
        found = ends_well(graph_with(json.dumps({"inputs": inputs})))
    assert any(diagnostic.severity is Severity.ERROR for diagnostic in found)
