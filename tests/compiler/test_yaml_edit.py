"""Changing a YAML text in place: the data has the requested change, and all other lines are unchanged."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy2runpod.author.yaml_edit import NothingThereError, YamlEditError, read_yaml, remove_value, set_value

NAMES = st.sampled_from(["a", "b", "width", "x.safetensors", "the name", "92:4"])
SCALARS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12) | st.sampled_from(
    ["", "92:4.text", "true", "- x", "a: b", "# c", "'", '"', "{", "x\ny", "\u2028", "\x07", "\ufeff"]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
MAPPINGS = st.dictionaries(NAMES, SCALARS | st.dictionaries(NAMES, VALUES, max_size=3), max_size=4)


def written(data: Any, flow: bool | None, windows: bool) -> str:
    """The data as an author might write it: block, flow or mixed, with a comment above each top-level key."""
    text = ""
    for key, value in data.items():
        text += f"# about {len(text)}\n" + yaml.safe_dump({key: value}, default_flow_style=flow, allow_unicode=True)
    return text.replace("\n", "\r\n") if windows else text


@settings(deadline=None)
@given(data=MAPPINGS, path=st.lists(NAMES, min_size=1, max_size=3), value=VALUES, flow=st.sampled_from([None, False]))
def test_setting_a_value_gives_the_data_asked_for_and_keeps_comments(
    data: Any, path: list[str], value: Any, flow: bool | None
) -> None:
    text = written(data, flow, windows=False)
    try:
        known: Any = read_yaml(text)
    except YamlEditError:
        return
    for key in path[:-1]:
        known = known.get(key) or {}
        if not isinstance(known, dict):
            with pytest.raises(YamlEditError, match="is not a mapping"):
                set_value(text, tuple(path), value)
            return
    after = set_value(text, tuple(path), value)
    found: Any = read_yaml(after)
    for key in path:
        found = found[key]
    assert found == value
    assert [line for line in after.splitlines() if line.startswith("# about")] == [
        line for line in text.splitlines() if line.startswith("# about")
    ]


@settings(deadline=None)
@given(data=MAPPINGS, flow=st.sampled_from([None, False]), windows=st.booleans(), choice=st.data())
def test_removing_what_is_there_leaves_the_rest(data: Any, flow: bool | None, windows: bool, choice: Any) -> None:
    text = written(data, flow, windows)
    try:
        known = read_yaml(text)
    except YamlEditError:
        return
    paths = [(key,) for key in known]
    paths += [(key, inner) for key, value in known.items() if isinstance(value, dict) for inner in value]
    if not paths:
        return
    path = choice.draw(st.sampled_from(paths))
    found: Any = read_yaml(remove_value(text, path))
    wanted: Any = {key: value for key, value in known.items() if key != path[0]}
    if len(path) > 1:
        inner = known[path[0]]
        assert isinstance(inner, dict)
        wanted = {**known, path[0]: {key: value for key, value in inner.items() if key != path[1]}}
    assert found == wanted


NOTE = """\
# head
name: x   # the name
inputs:
  # first
  prompt: 92.text

  width:  # pixels
    from:
      - 1.width
    description: >-
      In
      pixels.
    # last of width
  seed: {from: 2.seed}
# before outputs
outputs:
"""


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("name",), "y", "name: x   # the name", "name: y   # the name"),
        (("title",), "T", "name: x   # the name\n", "name: x   # the name\ntitle: T\n"),
        (("inputs", "prompt"), "3.text", "prompt: 92.text", "prompt: 3.text"),
        (("inputs", "width", "max"), "9", "      pixels.\n", "      pixels.\n    max: 9\n"),
        (("inputs", "width", "from"), "3.w", "    from:\n      - 1.width\n", "    from: 3.w\n"),
        (("inputs", "width", "description"), "px", ">-\n      In\n      pixels.", "px"),
        (("inputs", "seed", "required"), "true", "{from: 2.seed}", "{from: 2.seed, required: true}"),
        (("inputs", "cfg"), {"from": "3.cfg"}, "{from: 2.seed}\n", "{from: 2.seed}\n  cfg: {from: 3.cfg}\n"),
        (("outputs", "video"), {"from": "9"}, "outputs:\n", "outputs:\n  video: {from: 9}\n"),
        (("runpod", "gpu"), ["A", "B"], "outputs:\n", "outputs:\nrunpod:\n  gpu: [A, B]\n"),
    ],
)
def test_only_the_place_itself_changes(path: tuple[str, ...], value: Any, old: str, new: str) -> None:
    assert NOTE.count(old) == 1
    order = ("name", "title", "inputs", "outputs", "runpod")
    assert set_value(NOTE, path, value, order) == NOTE.replace(old, new)
    windows = NOTE.replace("\n", "\r\n")
    assert set_value(windows, path, value, order) == windows.replace(
        old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
    )


@pytest.mark.parametrize("nothing", ["", " {}", " ''", ' ""', " []", "  # c"])
def test_an_empty_value_can_be_filled(nothing: str) -> None:
    text = f"a: 1\ninputs:{nothing}\nb: 2\n"
    after = set_value(text, ("inputs", "x"), {"from": "1.y"})
    assert read_yaml(after) == {"a": "1", "inputs": {"x": {"from": "1.y"}}, "b": "2"}
    assert ("# c" in after) == ("# c" in text)


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        (("name",), "name: x   # the name\n"),
        (("inputs", "prompt"), "  prompt: 92.text\n"),
        (("inputs", "width", "description"), "    description: >-\n      In\n      pixels.\n"),
        (("outputs",), "outputs:\n"),
    ],
)
def test_only_the_lines_themselves_go(path: tuple[str, ...], gone: str) -> None:
    assert remove_value(NOTE, path) == NOTE.replace(gone, "")


def test_what_is_not_there_is_named_with_what_is() -> None:
    with pytest.raises(NothingThereError) as missing:
        remove_value(NOTE, ("inputs", "seeds"))
    assert missing.value.known == ("prompt", "width", "seed")


@pytest.mark.parametrize("text", ["a: &x {b: 1}\nc: *x\n", "? a\n: {b: 1}\nc: {<<: {b: 2}}\n"])
def test_unusual_yaml_is_changed_rightly_or_refused(text: str) -> None:
    before = read_yaml(text)
    try:
        after = read_yaml(set_value(text, ("c", "b"), "3"))
    except YamlEditError:
        return
    assert after["c"] == {**before["c"], "b": "3"}  # type: ignore[dict-item]
    assert after["a"] == before["a"]
