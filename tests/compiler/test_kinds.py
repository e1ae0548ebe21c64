"""Every kind of field and of output implements all methods, and they agree with each other."""

from __future__ import annotations

import inspect
import tomllib
from base64 import b64decode
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.fields import KINDS, Field, FieldBase, TextField, kind_of, note_keys
from comfy2runpod.fields.file_input import FileField
from comfy2runpod.ir.interface import Interface
from comfy2runpod.outputs import OutputBase, output_class
from comfy2runpod.stages.emit.schemas import input_schema, output_schema
from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.limits import LEAST_INPUT_BYTES
from comfy2runpod_contract.media import MediaKind, media_facts
from comfy2runpod_runtime.inputs import kinds as worker_kinds
from tests.markers import file_input, marked_by, written_anew
from tests.rendering.interfaces import several, single

FIELDS = several().fields
FILES = [field for field in FIELDS if isinstance(field, FileField)]
_WRONG = {"integer": [True, "1", 1.5, None], "number": ["1", None], "string": [1, None], "boolean": [0, "true"]}
_VALUES = {"integer": 1, "number": 1.5, "string": "x"}


def test_the_interfaces_that_templates_are_tried_with_have_every_kind_of_field() -> None:
    assert {type(field) for field in FIELDS} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_kind_of_field_that_lacks_something_cannot_be_made(kind: type[FieldBase]) -> None:
    assert not inspect.isabstract(kind)
    field = next(field for field in FIELDS if type(field) is kind)
    for name in FieldBase.__abstractmethods__:
        half = type("Half", (kind,), {name: getattr(FieldBase, name), "__slots__": ()})
        with pytest.raises(TypeError, match=name):
            half(**{key: getattr(field, key) for key in inspect.signature(kind).parameters})


def test_the_import_contracts_keep_each_kind_from_the_others() -> None:
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    rules = {name: one for one in contracts if one["type"] == "independence" for name in one["modules"]}
    kinds = [*KINDS, *(output_class(kind) for kind in MediaKind), *worker_kinds.KINDS]
    theirs = {output_class(kind).runtime_module() for kind in MediaKind}
    for module in {*(kind.__module__ for kind in kinds), *theirs}:
        rule = rules[f"{module.rpartition('.')[0]}.*"]
        assert not any(one.endswith(f" -> {module}") for one in rule.get("ignore_imports", []))


def test_a_word_of_a_schema_that_the_worker_would_not_hold_to_is_refused() -> None:
    class Patterned(TextField):
        def value_schema(self) -> JsonObject:
            return {**super().value_schema(), "pattern": "^[a-z]+$"}

    text = next(field for field in FIELDS if type(field) is TextField)
    made = Patterned(**{key: getattr(text, key) for key in inspect.signature(TextField).parameters})
    with pytest.raises(AssertionError, match="pattern"):
        made.arguments()


def test_the_worker_has_each_kind_of_file() -> None:
    ours = [kind.kind for kind in KINDS if kind.is_file]
    assert sorted(ours) == sorted(kind.kind.name for kind in worker_kinds.KINDS)
    assert {type(file_input(field)) for field in FILES} == set(worker_kinds.KINDS)


@pytest.mark.parametrize("field", FILES, ids=lambda field: field.name)
def test_the_example_of_a_file_is_taken_by_the_worker_in_each_format(field: FileField) -> None:
    told = file_input(field).kind
    for name in field.known_formats:
        narrow = replace(field, max_bytes=LEAST_INPUT_BYTES, formats=(name,))
        written = written_anew(narrow, b64decode(str(narrow.example())))
        assert written[told.signature_at :].startswith(told.signature)
        assert len(written) <= file_input(narrow).max_written_bytes


def test_each_key_of_the_note_is_read_in_one_way() -> None:
    assert len({key.name for key in note_keys()}) == len(note_keys())
    assert len({kind.kind for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_json_schema_and_schema_py_take_the_same_values(field: Field) -> None:
    schema = field.json_schema()
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    values = [field.example(), field.default_value() if not field.required else field.example()]
    values += [wrong for name in types for wrong in _WRONG.get(name, []) if not (wrong is None and "null" in types)]
    validator = Draft202012Validator(schema)
    python = _adapter(field)
    for value in values:
        told = validator.is_valid(value)
        assert told == _takes(python, value), (value, schema)
    assert validator.is_valid(field.example())


def _adapter(field: Field) -> TypeAdapter[object]:
    """What schema.py has for the field, without the rest of it."""
    code = f"Annotated[{field.python_type()}, Field({', '.join(field.arguments())})]"
    names = "from builtins import int as Int, float as Float, str as Str, bool as Bool\n"
    scope: dict[str, object] = {}
    exec(f"{names}from typing import Annotated, Literal\nfrom pydantic import Field\nfound = {code}", scope)
    return TypeAdapter(scope["found"])


def _takes(python: TypeAdapter[object], value: object) -> bool:
    try:
        python.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_what_is_omitted_is_what_the_schema_says(field: Field) -> None:
    optional = replace(field, required=False)
    assert optional.json_schema()["default"] == optional.default_value()
    assert "default" not in replace(field, required=True).json_schema()
    assert field.allowed()
    assert optional.default_text()
    for marker in field.markers():
        assert type(marked_by(marker)).__name__ == marker.runtime_class


def test_every_input_of_every_class_is_of_one_kind_or_of_none() -> None:
    catalog = load_catalog("0.21.0")
    found: dict[type[Field], int] = {}
    for name in catalog:
        node_class = catalog.get(name)
        assert node_class is not None
        for spec in node_class.inputs:
            kind = kind_of(spec)
            if kind is not None:
                found[kind] = found.get(kind, 0) + 1
                assert kind_of(spec, spec) is kind
    assert found.keys() == set(KINDS)


def test_inputs_of_two_kinds_are_fed_by_the_wider_one_if_there_is_one() -> None:
    whole = InputSpec(name="steps", type="INT", required=True)
    seed = InputSpec(name="seed", type="INT", required=True, minimum=0, control_after_generate=True)
    text = InputSpec(name="text", type="STRING", required=True)
    assert [kind.kind for kind in (kind_of(seed), kind_of(whole, seed)) if kind is not None] == ["seed", "integer"]
    assert kind_of(whole, text) is None


@pytest.mark.parametrize("kind", MediaKind)
def test_a_kind_of_output_is_the_same_to_compiler_worker_and_contract(kind: MediaKind) -> None:
    ours, facts = output_class(kind), media_facts(kind)
    assert ours.kind is kind
    assert not inspect.isabstract(ours)
    theirs = getattr(import_module(ours.runtime_module()), facts.output_class)
    assert (theirs("a", "1").media_type, theirs.is_file) == (facts.media_type, ours.is_file)


@pytest.mark.parametrize("kind", MediaKind)
def test_an_answer_of_every_kind_has_the_form_that_the_schema_says(kind: MediaKind) -> None:
    interface = single(kind, media_facts(kind).media_type)
    (output,) = interface.outputs
    told = {measure.name: _VALUES[measure.json_type] for measure in output.measures()}
    if output.is_file:
        told |= {"media_type": output.media_type, "sha256": "0" * 64}
    flat = {"result": "QQ==", **told, "seed": 1, "prompt_id": "p"}
    _holds(interface, flat, output, "result")
    many = replace(interface, outputs=(replace(output, many=True),))
    inside = {output.data_key: "QQ==", **told}
    validator = Draft202012Validator(output_schema(many))
    assert validator.is_valid({"result": [inside], "seed": 1, "prompt_id": "p"})
    assert not validator.is_valid({"result": inside, "seed": 1, "prompt_id": "p"})


def _holds(interface: Interface, answer: dict[str, object], output: OutputBase, data: str) -> None:
    """That the schema takes an answer, in its other form too, and nothing less or more."""
    validator = Draft202012Validator(output_schema(interface))
    assert validator.is_valid(answer)
    for name in answer:
        assert not validator.is_valid({key: value for key, value in answer.items() if key != name})
    assert not validator.is_valid({**answer, "else": 1})
    elsewhere = {key: value for key, value in answer.items() if key != data}
    elsewhere |= {"url": "https://bucket/file", "expires_at": "2026-01-01T00:00:00Z"}
    assert validator.is_valid(elsewhere) == output.is_file
    assert not validator.is_valid({**elsewhere, data: "QQ=="})


def test_the_input_has_every_field_and_takes_an_example_of_each() -> None:
    schema = input_schema(several())
    given = {field.name: field.example() for field in FIELDS}
    assert Draft202012Validator(schema).is_valid(given)
    assert set(given) <= set(schema["properties"])  # type: ignore[arg-type]
