"""diff: a change is breaking if and only if it can break a caller."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy2runpod.author.contract import FILES, contract_of
from comfy2runpod.author.contract_diff import diff_contracts
from comfy2runpod.diagnostics import CompileError

from .command import ERRORS, GRAPH, ROOT, comfy2runpod

PACKAGE = ROOT / "generated" / "t2v_ltx2"


def edited(tmp_path: Path, *replacements: tuple[str, str]) -> Path:
    """The graph with the text of its note changed."""
    graph = json.loads(GRAPH.read_text("utf-8"))
    note = next(node for node in graph["nodes"] if node.get("title") == "comfy2runpod")
    text = note["widgets_values"][0]
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    note["widgets_values"] = [text]
    path = tmp_path / "t2v_ltx2.json"
    path.write_text(json.dumps(graph), encoding="utf-8")
    return path


def changes(*arguments: str | Path) -> list[tuple[bool, str, str]]:
    done = comfy2runpod("diff", *arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["breaking"] == sum(change["breaking"] for change in found["changes"])
    return [(change["breaking"], change["path"], change["text"]) for change in found["changes"]]


def test_a_graph_and_the_package_that_it_compiles_to_do_not_differ() -> None:
    assert changes(GRAPH, PACKAGE) == []
    assert comfy2runpod("diff", PACKAGE, GRAPH).stdout.endswith("no change in the interface\n")


NEGATIVE = (
    '  negative_prompt:\n    from: "92:4.text"\n    max_length: 4000\n'
    "    description: What should be neither seen nor heard.\n"
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("max: 257", "max: 129", [(True, "input.frame_count", "maximum 257 -> 129")]),
        ("min: 9\n", "min: 17\n", [(True, "input.frame_count", "minimum 9 -> 17")]),
        (
            "multiple_of: 8\n    offset: 1",
            "multiple_of: 4\n    offset: 1",
            [(False, "input.frame_count", "values 8·n + 1 -> 4·n + 1")],
        ),
        ("    default: 1280\n", "    default: 640\n", [(False, "input.width", "default 1280 -> 640")]),
        (
            "required: true\n    max_length: 4000",
            "required: true\n    max_length: 5000",
            [(False, "input.prompt", "max length 4000 -> 5000")],
        ),
        (
            "    required: true\n",
            "",
            [(False, "input.prompt", "is optional now"), (False, "input.prompt", "min length 1 -> 0")],
        ),
        (NEGATIVE, "", [(True, "input.negative_prompt", "removed")]),
        (NEGATIVE, NEGATIVE + "  codec: 75.codec\n", [(False, "input.codec", "added, optional")]),
        (
            NEGATIVE,
            NEGATIVE + "  codec: {from: 75.codec, required: true}\n",
            [(True, "input.codec", "added, required")],
        ),
        ("  video:\n", "  film:\n", [(True, "output.video", "removed"), (False, "output.film", "added, string")]),
        ("container_disk: 20GB", "container_disk: 30GB", [(False, "runpod.container_disk", "container disk 66 -> 76")]),
        (
            "execution_timeout: 30m",
            "execution_timeout: 10m",
            [(False, "runpod.execution_timeout", "execution timeout 1800.0 -> 600.0")],
        ),
        (
            "gpu: [ADA_80_PRO, AMPERE_80]",
            "gpu: [HOPPER_141]",
            [(False, "runpod.gpu", 'gpu ["ADA_80_PRO", "AMPERE_80"] -> ["HOPPER_141"]')],
        ),
    ],
)  # fmt: skip
def test_a_change_of_the_note(old: str, new: str, expected: list[tuple[bool, str, str]], tmp_path: Path) -> None:
    assert changes(GRAPH, edited(tmp_path, (old, new))) == expected


def test_several_files_in_an_output_break_whoever_reads_one(tmp_path: Path) -> None:
    found = changes(GRAPH, edited(tmp_path, ("    from: 75\n", "    from: 75\n    many: true\n")))
    assert (True, "output.video", "type string -> array") in found
    assert (True, "output.width", "removed") in found


def test_removed_choices_are_breaking_and_new_ones_are_not(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    few = edited(tmp_path, (NEGATIVE, NEGATIVE + "  codec: {from: 75.codec, choices: [h264]}\n"))
    all_of_them = edited(tmp_path / "all", (NEGATIVE, NEGATIVE + "  codec: 75.codec\n"))
    assert changes(few, all_of_them) == [(False, "input.codec", "choices added: auto")]
    assert changes(all_of_them, few) == [(True, "input.codec", "choices removed: auto")]


def test_less_of_an_image_is_breaking_and_more_is_not(tmp_path: Path) -> None:
    source = (ROOT / "tests" / "end_to_end" / "scale_image.json").read_text("utf-8")
    limits = "max_bytes: 2MB, max_pixels: 4MP"
    assert limits in source
    (tmp_path / "small").mkdir()
    large, small = tmp_path / "scale_image.json", tmp_path / "small" / "scale_image.json"
    large.write_text(source, encoding="utf-8")
    less = "max_bytes: 1MB, max_pixels: 3MP, max_aspect: 12.5, formats: [png, jpeg]"
    small.write_text(source.replace(limits, less), encoding="utf-8")
    assert changes(large, small) == [
        (True, "input.image", "max bytes 2000000 -> 1000000"),
        (True, "input.image", "max pixels 4000000 -> 3000000"),
        (True, "input.image", "max aspect 40 -> 12.5"),
        (True, "input.image", "formats removed: webp"),
    ]
    assert not any(breaking for breaking, _, _ in changes(small, large))


def test_other_models_are_shown_and_break_nobody(tmp_path: Path) -> None:
    package = tmp_path / "t2v_ltx2"
    shutil.copytree(PACKAGE, package)
    lock = json.loads((package / "models.lock.json").read_text("utf-8"))
    lock["models"][0]["revision"] = "0" * 40
    removed = lock["models"].pop()
    (package / "models.lock.json").write_text(json.dumps(lock), encoding="utf-8")
    found = changes(PACKAGE, package)
    assert [(breaking, path) for breaking, path, _ in found] == [
        (False, "models.checkpoints/ltx-2-19b-dev-fp8.safetensors"),
        (False, f"models.{removed['directory']}/{removed['file']}"),
    ]


def test_exit_codes(tmp_path: Path) -> None:
    worse = edited(tmp_path, ("max: 257", "max: 129"))
    assert comfy2runpod("diff", GRAPH, worse).returncode == 0
    assert comfy2runpod("diff", GRAPH, worse, "--fail-on", "breaking").returncode == 1
    assert comfy2runpod("diff", worse, GRAPH, "--fail-on", "breaking").returncode == 0
    assert comfy2runpod("diff", GRAPH, tmp_path / "nowhere").returncode == 3
    refused = comfy2runpod("diff", GRAPH, ERRORS / "check" / "cycle.json", "--format", "json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["diagnostics"][0]["code"] == "graph-cycle"


def test_folders_of_packages_are_compared_by_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(PACKAGE, tmp_path / "a" / name)
    shutil.copytree(PACKAGE, tmp_path / "b" / "two")
    shutil.copytree(PACKAGE, tmp_path / "b" / "three")
    done = comfy2runpod("diff", tmp_path / "a", tmp_path / "b", "--format", "json")
    found = json.loads(done.stdout)
    assert {name: [(c["kind"], c["breaking"]) for c in list_] for name, list_ in found["changes"].items()} == {
        "one": [("removed", True)],
        "three": [("added", False)],
        "two": [],
    }
    assert comfy2runpod("diff", tmp_path / "a", GRAPH).returncode == 2


def test_what_is_not_a_package_is_reported(tmp_path: Path) -> None:
    done = comfy2runpod("diff", tmp_path, GRAPH)
    assert (done.returncode, "not-a-package" in done.stderr) == (1, True)
    shutil.copytree(PACKAGE, tmp_path / "p")
    (tmp_path / "p" / "docs" / "input.schema.json").unlink()
    done = comfy2runpod("diff", tmp_path / "p", GRAPH)
    assert "docs/input.schema.json is missing" in done.stderr


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("docs/input.schema.json", "{", "docs/input.schema.json is not JSON"),
        ("docs/input.schema.json", "[]", "docs/input.schema.json is not a JSON object"),
        ("docs/input.schema.json", "[" * 100_000, "docs/input.schema.json is not JSON"),
        (
            "docs/input.schema.json",
            '{"properties": {"width": {"type": "integer", "minimum": "low"}}}',
            "docs/input.schema.json: properties.width.minimum.",
        ),
        ("docs/input.schema.json", '{"multipleOf": 0}', "multipleOf: input should be greater than 0"),
        ("models.lock.json", '{"models": [{"file": "a"}]}', "models.0.directory is missing in models.lock.json"),
        (".runpod/tests.json", '{"tests": []}', ".runpod/tests.json: tests: "),
    ],
)
def test_documents_that_no_emitter_writes_are_named_with_the_place(path: str, text: str, said: str) -> None:
    files = {name: (PACKAGE / name).read_text("utf-8") for name in FILES}
    with pytest.raises(CompileError) as caught:
        contract_of({**files, path: text}, "package")
    (found,) = caught.value.diagnostics
    assert found.code == "not-a-package"
    assert said in str(found.to_json()["reason"])


# Schemas of one value, as the emitters write them.
def bounded(kind: str, numbers: Any) -> Any:
    low, high = st.none() | numbers, st.none() | numbers
    return st.builds(
        lambda a, b: {"type": kind} | ({} if a is None else {"minimum": a}) | ({} if b is None else {"maximum": b}),
        low,
        high,
    )


SMALL = st.integers(-4, 12)
WORDS = st.lists(st.sampled_from("abcd"), min_size=1, unique=True)
LENGTHS = st.integers(0, 4)
VALUES = st.one_of(
    bounded("integer", SMALL),
    bounded("number", SMALL),
    st.builds(lambda schema, k: {**schema, "multipleOf": k}, bounded("integer", SMALL), st.integers(1, 6)),
    st.builds(
        lambda first, step, count: {"type": "integer", "enum": [first + step * index for index in range(count)]},
        SMALL,
        st.integers(1, 4),
        st.integers(1, 5),
    ),
    st.builds(lambda words: {"type": "string", "enum": words}, WORDS),
    st.builds(lambda a, b: {"type": "string", "minLength": a, "maxLength": b}, LENGTHS, LENGTHS),
    st.builds(lambda schema: {**schema, "type": ["integer", "null"]}, bounded("integer", SMALL)),
    st.just({"type": "boolean"}),
)
SCHEMAS = st.builds(
    lambda fields, required: {
        "type": "object",
        "properties": fields,
        "required": sorted(name for name in fields if name in required),
        "additionalProperties": False,
    },
    st.dictionaries(st.sampled_from("xy"), VALUES),
    st.sets(st.sampled_from("xy")),
)
SAMPLES = [*range(-10, 40), 0.5, 3.5, None, True, *"abcd", "", "aa", "aaa", "aaaa", "aaaaa"]
REQUESTS = [{}, *({"x": value} for value in SAMPLES), *({"y": value} for value in SAMPLES)]
REQUESTS += [{"x": x, "y": y} for x in SAMPLES[::5] for y in SAMPLES]


def contract(sent: Any, answered: Any) -> Any:
    texts = {name: (PACKAGE / name).read_text("utf-8") for name in FILES}
    texts["docs/input.schema.json"], texts["docs/output.schema.json"] = json.dumps(sent), json.dumps(answered)
    return contract_of(texts, "package")


def takes(schema: Any, value: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


@settings(deadline=None)
@given(SCHEMAS, SCHEMAS)
def test_a_request_that_only_the_old_input_takes_makes_a_breaking_change(old: Any, new: Any) -> None:
    found = diff_contracts(contract(old, {}), contract(new, {}))
    if any(takes(old, request) and not takes(new, request) for request in REQUESTS):
        assert any(change.breaking for change in found)


@settings(deadline=None)
@given(SCHEMAS, SCHEMAS)
def test_an_answer_that_only_the_new_output_gives_makes_a_breaking_change(old: Any, new: Any) -> None:
    # A reader of answers does not mind what it does not know.
    tolerant = {**old, "additionalProperties": True}
    found = diff_contracts(contract({}, old), contract({}, new))
    if any(takes(new, answer) and not takes(tolerant, answer) for answer in REQUESTS):
        assert any(change.breaking for change in found)


@settings(deadline=None)
@given(SCHEMAS)
def test_the_same_schemas_have_no_change(schema: Any) -> None:
    assert diff_contracts(contract(schema, schema), contract(schema, schema)) == ()
