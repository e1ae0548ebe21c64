"""annotate: the note says what was asked for, and every other byte of the file stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy2runpod.author.graph_edit import note_of, with_note
from comfy2runpod.json_spans import find_spans
from comfy2runpod.stages.annotate.annotation import find_notes, read_annotation
from comfy2runpod.stages.load import load

from .command import GRAPH, ROOT, Done, comfy2runpod


def plain_graph() -> dict[str, Any]:
    graph: dict[str, Any] = json.loads(GRAPH.read_text("utf-8"))
    graph["nodes"] = [node for node in graph["nodes"] if node.get("title") != "comfy2runpod"]
    return graph


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(plain_graph(), indent=2, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    path = tmp_path / "t2v_ltx2.json"
    path.write_bytes(GRAPH.read_bytes())
    return path


def annotate(graph: Path, *arguments: str | Path) -> Done:
    done = comfy2runpod("annotate", graph, *arguments)
    assert done.returncode == 0, done.stderr
    return done


def note_text(path: Path) -> str:
    return note_of(load(path.read_bytes(), path.name)).text


def around_the_note(data: bytes) -> tuple[str, str]:
    """The file before and after the note's text."""
    text = data.decode("utf-8")
    index = next(i for i, node in enumerate(json.loads(text)["nodes"]) if node.get("title") == "comfy2runpod")
    path = ("nodes", index, "widgets_values", 0)
    span = find_spans(text, [path])[path]
    return text[: span.start], text[span.end :]


FIRST = (
    "--input", "prompt=92.text,required,max_length=4000",
    "--input", "width=92.width as round_up(width, 64),92:110.width,min=64,max=1920,multiple_of=2,default=1280",
    "--output", "video=75", "--name", "t2v", "--title", "Text: to \"video\"",
)  # fmt: skip


def test_a_graph_without_a_note_gets_one_and_compiles(plain: Path, tmp_path: Path) -> None:
    done = annotate(plain, *FIRST)
    assert "a note was added" in done.stdout
    assert comfy2runpod("compile", plain, "-o", tmp_path / "out").returncode == 0
    schema = json.loads((tmp_path / "out" / "t2v" / "docs" / "input.schema.json").read_text("utf-8"))
    assert schema["required"] == ["prompt"]
    assert schema["properties"]["prompt"]["maxLength"] == 4000
    width = schema["properties"]["width"]
    assert (width["minimum"], width["maximum"], width["multipleOf"], width["default"]) == (64, 1920, 2, 1280)
    patch = (tmp_path / "out" / "t2v" / "patch.py").read_text("utf-8")
    assert "round_up(request.width, 64)" in patch
    assert 'Text: to "video"' in (tmp_path / "out" / "t2v" / "docs" / "API.md").read_text("utf-8")


def test_the_new_note_is_a_node_like_any_other(plain: Path) -> None:
    before = json.loads(plain.read_bytes())
    annotate(plain, *FIRST)
    after = json.loads(plain.read_bytes())
    note = after["nodes"].pop()
    ids = {node["id"] for node in before["nodes"] + before["definitions"]["subgraphs"][0]["nodes"]}
    assert note["id"] not in ids
    assert note["id"] == after["last_node_id"] == before["last_node_id"] + 1
    assert (note["type"], note["title"], note["mode"]) == ("MarkdownNote", "comfy2runpod", 0)
    assert all(note["pos"][0] + note["size"][0] < node["pos"][0] for node in before["nodes"])
    assert after | {"last_node_id": 0} == before | {"last_node_id": 0}


def test_updating_leaves_every_byte_outside_the_note_and_its_comments(noted: Path) -> None:
    before, text = noted.read_bytes(), note_text(noted)
    annotate(noted, "--input", "width=92.width,max=1280", "--set", "runpod.gpu=[HOPPER_141]", "--title", "Another")
    assert around_the_note(noted.read_bytes()) == around_the_note(before)
    after = note_text(noted)
    comments = [line for line in text.splitlines() if line.strip().startswith("#")]
    assert comments
    assert [line for line in after.splitlines() if line.strip().startswith("#")] == comments
    changed = {*after.splitlines()} - {*text.splitlines()}
    assert changed == {"title: Another", "    from: 92.width", "    max: 1280", "  gpu: [HOPPER_141]"}


def test_removing_a_field_leaves_the_comment_above_the_next(noted: Path) -> None:
    annotate(noted, "--remove", "inputs.negative_prompt")
    assert "negative_prompt" not in note_text(noted)
    assert "  # Both passes work in steps of 32 pixels" in note_text(noted)


def test_a_file_name_with_dots_is_one_key(noted: Path) -> None:
    annotate(noted, "--set", "models.ltx-2-19b-dev-fp8.safetensors.size=27.2GB")
    annotate(noted, "--remove", "models.gemma_3_12B_it_fp4_mixed.safetensors")
    models = read_annotation(load(noted.read_bytes(), "x")).models
    assert models["ltx-2-19b-dev-fp8.safetensors"].size == 27_200_000_000
    assert "gemma_3_12B_it_fp4_mixed.safetensors" not in models


def test_saying_the_same_again_changes_no_byte(noted: Path) -> None:
    before = noted.read_bytes()
    done = annotate(noted, "--input", "seed=92.noise_seed", "--set", "runpod.execution_timeout=30m")
    assert "says so already" in done.stdout
    assert noted.read_bytes() == before


def test_a_field_that_is_its_path_alone_can_grow(plain: Path) -> None:
    annotate(plain, "--set", "inputs.prompt=92.text", "--output", "video=75")
    annotate(plain, "--input", "prompt=max_length=1000,description='a, b'")
    (field,) = read_annotation(load(plain.read_bytes(), "x")).inputs or ()
    assert (field.sources[0].path, field.said["max_length"], field.description) == ("92.text", 1000, "a, b")


def test_an_images_limits_are_written(tmp_path: Path) -> None:
    graph = tmp_path / "scale_image.json"
    graph.write_bytes((ROOT / "tests" / "end_to_end" / "scale_image.json").read_bytes())
    annotate(graph, "--input", "image=1.image,max_bytes=3MB,max_pixels=2MP,formats=png|jpeg")
    field = next(
        field for field in read_annotation(load(graph.read_bytes(), "x")).inputs or () if field.name == "image"
    )
    assert tuple(field.said[key] for key in ("max_bytes", "max_pixels", "formats")) == (
        3_000_000,
        2_000_000,
        ("png", "jpeg"),
    )


def test_an_image_may_be_omitted_if_the_note_says_what_is_bypassed(tmp_path: Path) -> None:
    graph = tmp_path / "i2i_klein_9b.json"
    graph.write_bytes((ROOT / "graphs" / "i2i_klein_9b.json").read_bytes())
    annotate(graph, "--remove", "inputs.image_3.required", "--remove", "inputs.image_3.bypass")
    annotate(graph, "--input", "image_3=34.image,required=false,bypass=30:27|30:28,max_aspect=20")
    field = next(note for note in read_annotation(load(graph.read_bytes(), "x")).inputs or () if note.name == "image_3")
    assert (field.required, field.said["bypass"], field.said["max_aspect"]) == (False, ("30:27", "30:28"), 20)
    refused = comfy2runpod("annotate", graph, "--input", "image_3=bypass=30:27|30:29")
    assert (refused.returncode, "error[bypass-names-nothing]" in refused.stderr) == (1, True)


def test_choices_and_quotes_are_read(plain: Path) -> None:
    annotate(plain, "--input", 'codec=75.codec,choices=h264|auto,default=h264,title="It\'s a codec, yes"')
    (field,) = read_annotation(load(plain.read_bytes(), "x")).inputs or ()
    assert (field.said["choices"], field.title) == (("h264", "auto"), "It's a codec, yes")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--input", "prompt=92.txt"), "annotation-names-nothing", "Did you mean 92.text"),
        (("--input", "width=92.width,max=99999"), "bound-widened", "16384"),
        (("--output", "video=92"), "not-a-save-node", "75 (SaveVideo)"),
        (("--set", "inputs.prompt.mx=3"), "unknown-annotation-key", "Did you mean max"),
        (("--remove", "inputs.promt"), "nothing-to-remove", "Did you mean prompt"),
        (("--input", "x='92.Same as it'"), "annotation-names-nothing", "exposes no input Same as it"),
        (("--set", "runpod.gpu=[ADA_25]"), "unknown-gpu-pool", "ADA_24"),
    ],
)
def test_what_does_not_resolve_is_refused_and_nothing_written(
    arguments: tuple[str, ...], code: str, says: str, noted: Path
) -> None:
    before = (noted.read_bytes(), noted.stat().st_mtime_ns)
    done = comfy2runpod("annotate", noted, *arguments)
    assert done.returncode == 1
    assert f"error[{code}]" in done.stderr
    assert says in done.stderr
    assert (noted.read_bytes(), noted.stat().st_mtime_ns) == before
    assert [path.name for path in noted.parent.iterdir()] == [noted.name]
    found = json.loads(comfy2runpod("annotate", noted, *arguments, "--format", "json").stdout)
    assert code in {entry["code"] for entry in found}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--input", "prompt"),
        ("--input", "prompt="),
        ("--input", "prompt=92.text,,"),
        ("--input", "prompt=92.text,mx=3"),
        ("--input", "width=92.width as "),
        ("--input", "width=92.width as (width"),
        ("--output", "video=75,76"),
        ("--set", "runpd.gpu=x"),
        ("--set", "runpod.gpu=[x"),
        ("--remove", "inputs..x"),
    ],
)
def test_wrong_arguments_are_wrong_usage(arguments: tuple[str, ...], noted: Path) -> None:
    before = noted.read_bytes()
    assert comfy2runpod("annotate", noted, *arguments).returncode == 2
    assert noted.read_bytes() == before


def test_another_file_can_be_written(noted: Path, tmp_path: Path) -> None:
    before = noted.read_bytes()
    annotate(noted, "--title", "Another", "-o", tmp_path / "out" / "b.json")
    assert noted.read_bytes() == before
    assert "Another" in note_text(tmp_path / "out" / "b.json")


def test_a_link_stays_a_link_and_a_file_keeps_its_mode(noted: Path, tmp_path: Path) -> None:
    noted.chmod(0o600)
    link = tmp_path / "link.json"
    link.symlink_to(noted)
    annotate(link, "--title", "Another")
    assert link.is_symlink()
    assert "Another" in note_text(noted)
    assert noted.stat().st_mode & 0o777 == 0o600


def test_what_has_no_canvas_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(comfy2runpod("prompt", GRAPH).stdout, encoding="utf-8")
    (tmp_path / "e.json").write_text('{"nodes": [], "links": []}', encoding="utf-8")
    for name, code in (("p.json", "api-prompt"), ("e.json", "nothing-to-annotate")):
        done = comfy2runpod("annotate", tmp_path / name, "--title", "x")
        assert done.returncode == 1
        assert f"error[{code}]" in done.stderr


def test_a_note_that_is_not_yaml_is_left_alone(noted: Path) -> None:
    graph = json.loads(noted.read_bytes())
    note = next(node for node in graph["nodes"] if node.get("title") == "comfy2runpod")
    note["widgets_values"] = ["inputs: [1"]
    noted.write_text(json.dumps(graph), encoding="utf-8")
    before = noted.read_bytes()
    done = comfy2runpod("annotate", noted, "--title", "x")
    assert (done.returncode, "cannot-change-note" in done.stderr) == (1, True)
    assert noted.read_bytes() == before


# Any way that a tool may write a graph.
STYLES = st.sampled_from(
    [
        {"indent": None, "separators": (",", ":")},
        {"indent": None, "separators": (", ", ": ")},
        {"indent": 1},
        {"indent": 2},
        {"indent": 4},
        {"indent": "\t"},
        {"indent": 2, "separators": (",", " : ")},
    ]
)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


@st.composite
def graphs(draw: Any) -> bytes:
    """A graph with or without a note, in some style, by some editor."""
    graph = plain_graph()
    graph["nodes"][0]["title"] = draw(TEXTS)
    graph["extra"]["größe"] = draw(TEXTS)
    if draw(st.booleans()):
        note = {"id": 5000, "type": draw(st.sampled_from(["Note", "MarkdownNote"])), "title": "comfy2runpod"}
        values = draw(st.sampled_from([None, [], [""], ["name: x\n"], ["text\n```yaml\nname: x\n```\nmore"], [1]]))
        note |= {} if values is None else {"widgets_values": values}
        graph["nodes"].insert(draw(st.integers(0, len(graph["nodes"]))), note)
    if draw(st.booleans()):
        graph["state"] = {"lastNodeId": graph.pop("last_node_id"), "lastLinkId": 9}
    if draw(st.booleans()):
        graph.pop("last_node_id", None)
    if draw(st.booleans()):
        graph["nodes"][-1]["pos"] = {"0": -300.5, "1": 7}
    text = json.dumps(graph, ensure_ascii=draw(st.booleans()), **draw(STYLES))
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n") + "\r\n"
    return text.encode("utf-8-sig" if draw(st.booleans()) else "utf-8")


def test_a_note_whose_values_are_no_text_is_not_overwritten(plain: Path) -> None:
    for values, shown in (({"text": "a: b"}, 'object {"text": "a: b"}'), ([["a"]], 'array ["a"]')):
        graph = plain_graph()
        graph["nodes"].append({"id": 900, "type": "Note", "title": "comfy2runpod", "widgets_values": values})
        plain.write_text(json.dumps(graph), encoding="utf-8")
        before = plain.read_bytes()
        done = comfy2runpod("annotate", plain, *FIRST)
        assert done.returncode == 1
        assert "error[cannot-change-note]" in done.stderr
        assert shown in done.stderr
        assert plain.read_bytes() == before


def test_the_new_notes_id_follows_ids_that_are_numbers_alone() -> None:
    graph = plain_graph()
    highest = max(node["id"] for node in graph["nodes"])
    graph["nodes"][0]["id"] = "\u0669" * 5
    data = json.dumps(graph).encode()
    new = json.loads(with_note(data, load(data, "graph.json"), "x"))
    assert highest < new["nodes"][-1]["id"] < 99_999


@settings(deadline=None, max_examples=60)
@given(data=graphs(), text=TEXTS)
def test_outside_the_note_every_byte_is_the_same(data: bytes, text: str) -> None:
    before = data.decode("utf-8")
    old = json.loads(before.removeprefix("\ufeff"))
    document = load(data, "graph.json")
    after = with_note(data, document, text).decode("utf-8")
    new = json.loads(after.removeprefix("\ufeff"))
    index = next(i for i, node in enumerate(new["nodes"]) if node.get("title") == "comfy2runpod")
    assert new["nodes"][index]["widgets_values"][0] == text
    if find_notes(document):
        changed = [("nodes", index, "widgets_values")]
        spans, olds = find_spans(after, changed), find_spans(before, changed)
        at = spans[changed[0]]
        if changed[0] in olds:
            assert (
                after[: at.start] + after[at.end :] == before[: olds[changed[0]].start] + before[olds[changed[0]].end :]
            )
        else:
            start = after.rindex(",", 0, at.start)
            assert after[:start] + after[at.end :] == before
        return
    # A new note: what stands around it and its separator, and the last ids.
    assert new["nodes"][:-1] == old["nodes"]
    ids = [path for path in (("last_node_id",), ("state", "lastNodeId")) if path in find_spans(after, [path])]
    node = ("nodes", index)
    previous = ("nodes", index - 1)
    cut = [(find_spans(after, [previous])[previous].end, find_spans(after, [node])[node].end, "")]
    cut += [
        (span.start, span.end, before[old_span.start : old_span.end])
        for path in ids
        for span, old_span in [(find_spans(after, [path])[path], find_spans(before, [path])[path])]
    ]
    for start, end, replacement in sorted(cut, reverse=True):
        after = after[:start] + replacement + after[end:]
    assert after == before
    assert all(
        new["nodes"][-1]["id"] == (new["state"]["lastNodeId"] if len(path) > 1 else new[path[0]]) for path in ids
    )


@settings(deadline=None, max_examples=30)
@given(style=STYLES, windows=st.booleans())
def test_a_new_note_is_written_as_the_file_is(style: Any, windows: bool) -> None:
    graph = plain_graph()
    text = json.dumps(graph, **style)
    text = text.replace("\n", "\r\n") if windows else text
    after = with_note(text.encode(), load(text.encode(), "x"), "name: x").decode()
    again = json.dumps(json.loads(after), **style)
    assert after == (again.replace("\n", "\r\n") if windows else again)
