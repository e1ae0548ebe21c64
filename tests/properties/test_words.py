"""Whatever a graph's texts, numbers and file name contain: nothing of it is shown or written unescaped."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError, Severity
from comfy2runpod.json_text import json_document
from comfy2runpod.pipeline import Options, prompt_of_file
from comfy2runpod.strict_json import MAX_DEPTH, StrictJsonError, strict_json
from tests.cli.command import comfy2runpod

from .ending import RAW, bounded, ends_well, harmless

ODD = (
    "\x1b[2J",
    "\x1b]0;x\x07",
    "\x00",
    "\u202e",
    "\u2066",
    "\u200b",
    "\x9b",
    "\r",
    "\n",
    "\x7f",
    "\U000e0041",
    "é",
    "💥",
)
_texts = st.lists(st.sampled_from([*ODD, "a", " ", '"', "\\", "'"]), max_size=6).map("".join)
# Numbers as a file writes them, and whether a graph may hold them.
_numbers = st.sampled_from(
    ["0", "-1", "1e308", "1e-999", "9" * 300, "1e999", "-1e999", "NaN", "Infinity", "9" * 5000, "1.5e400"]
)


def drawn(texts: dict[str, str], value: Any = "prefix") -> dict[str, Any]:
    """A graph of two nodes with these texts where an author's stand."""
    return {
        "nodes": [
            {
                "id": 1, "type": texts["type"], "mode": 0, "title": texts["title"], "widgets_values": [64, 64, 1, 0],
                "inputs": [{"name": texts["input"], "type": texts["slot"], "link": None, "label": texts["label"]}],
                "outputs": [{"name": texts["output"], "type": "IMAGE", "links": [1]}],
                "properties": {"cnr_id": texts["pack"], "ver": texts["pack"], "models": [{"name": texts["model"]}]},
            },
            {
                "id": texts["id"], "type": "SaveImage", "mode": 0, "title": texts["title"], "widgets_values": [value],
                "inputs": [{"name": "images", "type": "IMAGE", "link": 1}], "outputs": [], "properties": {},
            },
        ],
        "links": [[1, 1, 0, texts["id"], 0, "IMAGE"]],
        "extra": {"frontendVersion": texts["version"], "linearData": {"inputs": [[1, texts["input"]]], "outputs": []}},
        "version": 0.4,
    }  # fmt: skip


_PLACES = {
    "type": "EmptyImage", "title": "x", "input": "width", "slot": "INT", "label": "x", "output": "IMAGE", "pack": "x",
    "model": "x.safetensors", "id": "2", "version": "1.43.18",
}  # fmt: skip


@given(
    odd=st.dictionaries(st.sampled_from(sorted(_PLACES)), _texts, max_size=3),
    value=_texts,
    file=_texts.filter(lambda text: "/" not in text and "\x00" not in text),
)
@example(odd={"title": '"""\x00'}, value="\x1b", file="\x1b[2J.json")
@example(odd={"type": "X\x1b]0;pwned\x07"}, value="", file="a")
@example(odd={}, value="", file="a\udcffb.json")
def test_odd_texts_of_a_graph(odd: dict[str, str], value: str, file: str) -> None:
    ends_well(json.dumps(drawn({**_PLACES, **odd}, value)).encode(), file=file or "graph.json")


@given(value=_texts)
def test_a_value_of_the_prompt_is_the_very_text(value: str) -> None:
    data = json.dumps(drawn(_PLACES, value.replace("%", ""))).encode()
    prompt = prompt_of_file(data, "graph.json", load_catalog(), Options()).prompt
    text = json_document(prompt)
    assert RAW.search(text) is None
    assert json.loads(text)["2"]["inputs"]["filename_prefix"] == value


@given(number=_numbers, place=st.sampled_from(["widget", "position", "id", "link", "mode"]))
def test_odd_numbers_of_a_graph(number: str, place: str) -> None:
    graph = drawn(_PLACES)
    node = graph["nodes"][0]
    match place:
        case "widget":
            node["widgets_values"][0] = "@"
        case "position":
            node["pos"] = ["@", 0]
        case "id":
            node["id"] = "@"
        case "link":
            graph["links"][0][0] = "@"
        case _:
            node["mode"] = "@"
    found = ends_well(json.dumps(graph).replace('"@"', number).encode())
    if number in ("1e999", "-1e999", "NaN", "Infinity", "9" * 5000, "1.5e400"):
        assert [diagnostic.code for diagnostic in found] == ["not-json"]
        assert "line 1, column " in found[0].reason


JSON_PIECES = ("[", "]", "{", "}", '"a"', ":", ",", "1e999", "NaN", '"\\ud800"', '"\\udc00"', "9" * 400, "1", " ")


@given(text=st.text() | st.lists(st.sampled_from(JSON_PIECES), max_size=20).map("".join))
@example(text="[" * 100_000 + "]" * 100_000)
@example(text='{"a":' * 5000 + "1" + "}" * 5000)
@example(text='["\\ud83d\\ude00"]')
def test_what_is_read_can_be_written_for_every_reader(text: str) -> None:
    with bounded(text):
        try:
            value = strict_json(text)
        except ValueError as error:
            message = str(error)
            value = None
        else:
            message = ""
    assert len(message) < 1000
    if message:
        return
    written = harmless(json_document(value))
    assert json.loads(written, parse_constant=pytest.fail) == value == json.loads(text)


_digits = st.sampled_from((1, 2, 20, 209, 210, 250, 300, 308, 309, 400)).flatmap(
    lambda count: st.text("0123456789", min_size=count, max_size=count)
)
_number_words = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(("", "-")),
    st.sampled_from("123456789"),
    _digits | st.just(""),
    st.just("") | _digits.map(".{}".format),
    st.just("") | st.from_regex(r"[eE][+-]?[0-9]{1,4}", fullmatch=True),
)


@given(
    number=_number_words,
    document=st.sampled_from(('{"a": @}', "[@]", "[\n@\n]", "@", '{"a1e345-1E999": [1, @]}', '["\\" 1e345", @]')),
)
@example(number="1" * 250 + "e99", document="[@]")
@example(number="-0", document="[@]")
def test_a_number_is_refused_exactly_if_a_double_does_not_hold_it(number: str, document: str) -> None:
    refused = False
    text = document.replace("@", number)
    try:
        read = strict_json(text)
    except StrictJsonError:
        refused = True
    else:
        # As Python reads it, to the type and the last bit.
        assert repr(read) == repr(json.loads(text))
    # Python rounds an integer of 309 digits that is just below the limit to a double; it is refused all the same.
    assert refused == (math.isinf(float(number)) or (number.lstrip("-").isdigit() and len(number.lstrip("-")) >= 309))


@pytest.mark.parametrize("before", range(41))
def test_an_integer_is_too_large_wherever_it_stands(before: int) -> None:
    assert strict_json(" " * before + "[" + "9" * 308 + "]") == [10**308 - 1]
    with pytest.raises(StrictJsonError, match="too large"):
        strict_json(" " * before + "[" + "9" * 309 + "]")


@pytest.mark.parametrize("pad", ["", " " * 100_000], ids=["short", "long"])
@pytest.mark.parametrize("wide", ["", "[]," * 300, '"]}",' * 300], ids=["narrow", "wide", "brackets-in-texts"])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}"), ('["]}",', "]")])
def test_depth_is_told_exactly(opened: str, closed: str, wide: str, pad: str) -> None:
    def nested(levels: int) -> str:
        return "[" + wide + opened * (levels - 1) + "1" + closed * (levels - 1) + "]" + pad

    # The outermost does not count.
    assert strict_json(nested(MAX_DEPTH + 1))
    with pytest.raises(StrictJsonError, match="nested too deeply"):
        strict_json(nested(MAX_DEPTH + 2))


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff", "a\\ud83dx"])
def test_half_a_character_is_refused_with_its_place(half: str) -> None:
    data = json.dumps(drawn(_PLACES, "@")).replace('"@"', f'"{half}"').encode()
    (found,) = ends_well(data)
    assert (found.code, found.at.json_path, found.severity) == (
        "half-of-a-pair", "$.nodes[1].widgets_values[0]", Severity.ERROR
    )  # fmt: skip


NAMES = (b"a\xffb.json", b"\x1b[2J.json", "\u202egnosj.json".encode(), b"a\nb.json", b"caf\xc3\xa9.json", b"-x.json")


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize("good", [True, False])
def test_a_file_of_any_name_is_compiled_or_refused_and_its_name_shown_harmless(
    tmp_path: Path, name: bytes, form: str, good: bool
) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.write_text(json.dumps(drawn(_PLACES)) if good else '{"nodes": [NaN]}', encoding="utf-8")
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/o\xff\x1b"))
    done = comfy2runpod("compile", path, "-o", out, "--format", form)
    assert done.returncode == (0 if good else 1), done.stderr
    harmless(done.stdout)
    harmless(done.stderr)
    if form in ("json", "sarif"):
        json.loads(done.stdout)
    if good:
        (package,) = out.iterdir()
        for file in package.rglob("*"):
            if file.is_file() and file.suffix != ".whl":
                harmless(file.read_text("utf-8"))


def test_an_api_prompt_and_every_command_that_reads_a_graph_show_nothing_raw(tmp_path: Path) -> None:
    odd = {**_PLACES, "title": "\x1b[2J\u202e", "label": "\x9b\x00", "input": "\x1b]0;x\x07"}
    graph, prompt = tmp_path / "graph.json", tmp_path / "prompt.json"
    graph.write_text(json.dumps(drawn(odd, "\x1b[2J")), encoding="utf-8")
    node = {"class_type": "A\x1b[2J", "inputs": {"\u202e": "\x9b"}, "_meta": {"title": "\x00"}}
    prompt.write_text(json.dumps({"1\x1b": node}), encoding="utf-8")
    for command in (
        ["check", graph], ["prompt", graph], ["inspect", graph], ["inspect", graph, "--format", "json"],
        ["diff", graph, graph], ["check", prompt], ["prompt", prompt], ["catalog", "show", "\x1b[2J"],
        ["annotate", graph, "\x1b[2J=1.width"], ["nonsense\x1b[2J"], ["check", "--nonsense\x1b[2J"],
        ["run", tmp_path, "--input", '{"\x1b[2J": NaN}'], ["run", "\x1b[2J", "--input", "{}"],
    ):  # fmt: skip
        done = comfy2runpod(*command)
        assert done.returncode in (0, 1, 2, 3), (command, done.stderr)
        harmless(done.stdout)
        harmless(done.stderr)


def test_a_refusal_of_very_many_errors_is_short(tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    nodes = [{"id": n, "type": "A" * 10_000 + str(n), "mode": 0} for n in range(2_000)]
    graph.write_text(json.dumps({"nodes": nodes, "links": []}), encoding="utf-8")
    done = comfy2runpod("check", graph)
    assert done.returncode == 1
    assert len(done.stderr) < 200_000
    with pytest.raises(CompileError):
        prompt_of_file(graph.read_bytes(), "graph.json", load_catalog(), Options())
