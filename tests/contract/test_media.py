"""Kinds of media and reserved names: the worker measures what the contract declares, and names files by its table."""

from __future__ import annotations

import importlib
import pkgutil
import re
from importlib import resources
from typing import Any, get_type_hints

import pytest
from pydantic import ValidationError

from comfy2runpod_contract.media import (
    ADDRESS_KEYS,
    FILE_ENDINGS,
    FILE_MEASURES,
    OTHER_ENDING,
    MediaKind,
    file_ending,
    media_facts,
)
from comfy2runpod_contract.messages import ANSWER_KEYS, REQUEST_KEYS, is_flat
from comfy2runpod_runtime import outputs
from comfy2runpod_runtime.outputs.answer_models import AnswerFile
from comfy2runpod_runtime.outputs.base import FileOutput, Output

_TYPES = {int: "integer", float: "number", str: "string"}


def _class_of(kind: MediaKind) -> type[Output]:
    """The worker's class for a kind, in the module of the kind's name."""
    found = getattr(importlib.import_module(f"{outputs.__name__}.{kind.value}"), media_facts(kind).output_class)
    assert issubclass(found, Output)
    return found


@pytest.mark.parametrize("kind", MediaKind)
def test_the_worker_has_a_class_for_each_kind(kind: MediaKind) -> None:
    facts = media_facts(kind)
    made = _class_of(kind)(name="n", node="1")
    assert isinstance(made, Output)
    assert made.media_type == facts.media_type
    assert made.is_file == isinstance(made, FileOutput)


def test_the_worker_has_no_class_for_another_kind() -> None:
    for module in pkgutil.iter_modules(outputs.__path__, f"{outputs.__name__}."):
        importlib.import_module(module.name)
    kinds = {kind.__name__ for base in (Output, FileOutput) for kind in base.__subclasses__()} - {"FileOutput"}
    assert kinds == {media_facts(kind).output_class for kind in MediaKind}


@pytest.mark.parametrize("kind", MediaKind)
def test_the_worker_measures_what_is_declared(kind: MediaKind) -> None:
    ours = _class_of(kind)
    said = {}
    if issubclass(ours, FileOutput):
        # By its annotation, which mypy holds it to: the class of measures, made of a value of each of their types.
        measures = get_type_hints(ours.decode)["return"]
        made = measures(**{name: kind_of_value() for name, kind_of_value in get_type_hints(measures).items()})
        said = {name: _TYPES[type(value)] for name, value in made.to_json().items()}
    assert said == {measure.name: measure.json_type for measure in media_facts(kind).measures}


def test_every_file_of_an_answer_has_its_facts() -> None:
    declared = {measure.name for measure in (*ADDRESS_KEYS, *FILE_MEASURES)} | {"data"}
    assert set(AnswerFile.model_fields) == declared


_FILE: dict[str, Any] = {"data": "", "media_type": "image/png", "bytes": 0, "sha256": "0" * 64}


@pytest.mark.parametrize("other", [{"unknown": 1}, {"bytes": "0"}, {"bytes": True}, {"sha256": "0"}, {"data": None}])
def test_a_file_of_an_answer_is_as_its_model_says(other: dict[str, Any]) -> None:
    AnswerFile.model_validate(_FILE)
    with pytest.raises(ValidationError):
        AnswerFile.model_validate(_FILE | other)


def test_a_file_of_an_answer_is_not_changed() -> None:
    with pytest.raises(ValidationError):
        AnswerFile.model_validate(_FILE).data = "x"


def test_every_type_that_a_node_saves_has_an_ending() -> None:
    rows = (resources.files("comfy2runpod") / "catalog/data/facts/comfy-core.json").read_text("utf-8")
    saved = set(re.findall(r'"fact": "saves".*"media_type": "([^"]+)"', rows))
    assert len(saved) > 5
    types = saved | {media_facts(kind).media_type for kind in MediaKind}
    assert types <= FILE_ENDINGS.keys()
    assert len(set(FILE_ENDINGS.values())) == len(FILE_ENDINGS)


@pytest.mark.parametrize(
    ("media_type", "ending"),
    [("image/png", ".png"), ("Text/Plain; charset=utf-8", ".txt"), ("../../etc", OTHER_ENDING), ("", OTHER_ENDING)],
)
def test_a_file_is_named_by_the_table_alone(media_type: str, ending: str) -> None:
    assert file_ending(media_type) == ending


def test_no_output_or_seed_hides_what_an_answer_says() -> None:
    measured = {measure.name for kind in MediaKind for measure in media_facts(kind).measures}
    # By `error` and `refresh_worker`, RunPod's SDK knows what is no result.
    assert measured | {
        "media_type", "bytes", "sha256", "url", "expires_at", "prompt_id", "failed", "timings", "error",
        "refresh_worker",
    } == ANSWER_KEYS  # fmt: skip
    assert set(REQUEST_KEYS) == {"output", "outputs", "allow_partial", "timings"}


def test_an_answer_is_flat_for_one_output_of_one_file() -> None:
    assert [is_flat(many) for many in ([False], [True], [False, False], [])] == [True, False, False, False]
