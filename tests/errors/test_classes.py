"""Every class of diagnostics, whether or not a golden shows it: its texts can be filled, and are safe to show."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from comfy2runpod import errors
from comfy2runpod.diagnostics import Diagnostic, Locus, Severity, Text, also, render
from comfy2runpod.diagnostics.cut import Cut, CutBy
from comfy2runpod_contract.texts import is_plain

HOSTILE = "\x1b[2J{at.file} {0} %s\u202e" + "x" * 300
AT = Locus("graph.json", node="92:11", title=HOSTILE, class_type="Blur", input="seed", json_path="$.nodes[3]")
SAMPLES: dict[Any, list[Any]] = {
    str: [HOSTILE, "", "a"],
    bool: [True, False],
    int: [3, 1, 0],
    float: [0.5],
    type(None): [None],
    Locus: [AT],
    Cut: [Cut(by, AT) for by in CutBy],
}
JSON = [{"a": [HOSTILE]}, 7, None, "", [1]]


def classes() -> Iterator[type[Diagnostic]]:
    for module in pkgutil.iter_modules(errors.__path__):
        for value in vars(importlib.import_module(f"{errors.__name__}.{module.name}")).values():
            if inspect.isclass(value) and issubclass(value, Diagnostic) and value is not Diagnostic:
                yield value


ALL = sorted(set(classes()), key=lambda kind: kind.__name__)


def samples(hint: Any) -> list[Any]:
    """Values of a field's type, the emptiest among them."""
    if hint in SAMPLES:
        return SAMPLES[hint]
    arguments = get_args(hint)
    if get_origin(hint) is tuple and arguments[-1] is Ellipsis:
        some = samples(arguments[0])
        return [(), tuple(some[:1]), tuple(some * 20)]
    if get_origin(hint) is tuple:
        return [tuple(samples(item)[0] for item in arguments)]
    if get_origin(hint) is Callable:
        return [lambda _: (), lambda _: (HOSTILE,)]
    if any(isinstance(item, str) or get_origin(item) in (list, dict) for item in arguments):
        return JSON
    assert arguments, f"a field has the type {hint}: no sample is known"
    return [value for item in arguments for value in samples(item)]


def made(kind: type[Diagnostic]) -> Iterator[Diagnostic]:
    """Diagnostics of a class: each field in turn has each of its samples."""
    hints = get_type_hints(kind)
    fields = {name: samples(hints[name]) for name in inspect.signature(kind).parameters}
    first = {name: values[0] for name, values in fields.items()}
    for name, values in fields.items():
        for value in values:
            yield kind(**{**first, name: value})


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_the_texts_of_a_class_can_be_filled_and_are_safe_to_show(kind: type[Diagnostic]) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", kind.code)
    assert kind.__doc__ is not None
    assert kind.__doc__.rstrip().endswith(".")
    for number, diagnostic in enumerate(made(kind)):
        # What has no text in its fields may have none to say.
        assert number or (diagnostic.reason.strip() and diagnostic.remedy.strip())
        text = render([diagnostic])
        assert all(is_plain(line) for line in text.split("\n"))
        assert text.count("\n  help: ") == 1
        assert diagnostic.to_json()["code"] == kind.code


def test_one_code_is_one_thing() -> None:
    by_code: dict[str, set[str]] = {}
    for kind in ALL:
        by_code.setdefault(kind.code, set()).add(kind.__name__)
    assert {code: names for code, names in by_code.items() if len(names) > 1} == {
        "wrong-type": {"WrongType", "WrongWidgetType"}
    }


@pytest.mark.parametrize("text", ["{fild}", "{field:sorted}", "{field!r}", "{}"])
def test_a_text_that_names_what_the_class_does_not_have_fails_with_the_class(text: str) -> None:
    with pytest.raises(TypeError, match="Misspelt"):
        type(
            "Misspelt",
            (Diagnostic,),
            {
                "__annotations__": {"field": "str"},
                "__module__": __name__,
                "code": "misspelt",
                "reason": Text(text),
                "remedy": Text("Correct it."),
            },
        )


def test_a_label_of_a_place_that_names_no_field_fails_with_the_class() -> None:
    with pytest.raises(TypeError, match="has no field 'fild'"):

        class Misspelt(Diagnostic):
            """A class."""

            code = "misspelt"
            other: Locus = also("where {fild} is")

            reason = Text("It is wrong.")
            remedy = Text("Correct it.")


@pytest.mark.parametrize("missing", ["code", "reason", "remedy"])
def test_a_class_without_one_of_its_three_parts_cannot_be_made(missing: str) -> None:
    parts = {"code": "a-code", "reason": Text("It is wrong."), "remedy": Text("Correct it."), "__module__": __name__}
    del parts[missing]
    with pytest.raises(TypeError, match=f"Incomplete declares no {missing}"):
        type("Incomplete", (Diagnostic,), parts)


class TwoPlaces(Diagnostic):
    """Something with further places."""

    code = "two-places"
    severity = Severity.WARNING
    field: str
    other: Locus | None = also("{field} is there too")
    more: tuple[Locus, ...] = also("reads it")

    reason = Text("There are two.")
    remedy = Text("Remove one.")


def test_further_places_stand_between_the_reason_and_the_remedy() -> None:
    at = Locus("a.json", node="1", class_type="A")
    here, there = Locus("a.json", node="2", title="B", class_type="C", input="x"), Locus("b.json")
    found = TwoPlaces(at=at, field="seed", other=here, more=(there,))
    assert render([found]) == (
        "warning[two-places]: a.json: node 1 (A)\n"
        "  There are two.\n"
        '  also: node 2 "B" (C): input x: seed is there too\n'
        "  also: b.json: reads it\n"
        "  help: Remove one.\n"
    )
    assert found.to_json()["also"] == [
        {"at": here.to_json(), "label": "seed is there too"},
        {"at": {"file": "b.json"}, "label": "reads it"},
    ]


def test_no_further_place_is_no_line_and_of_many_only_the_first_are_lines() -> None:
    at = Locus("a.json")
    assert "also" not in render([TwoPlaces(at=at, field="", other=None, more=())])
    assert "also" not in TwoPlaces(at=at, field="", other=None, more=()).to_json()
    many = TwoPlaces(at=at, field="", other=None, more=(at,) * 1000)
    assert render([many]).count("\n  also: ") == 6
    assert "  also: 995 more places\n" in render([many])


def test_equal_diagnostics_are_those_of_one_class_with_equal_fields() -> None:
    at = Locus("a.json")
    first = TwoPlaces(at=at, field="seed", other=None, more=())
    assert first == TwoPlaces(at=at, field="seed", other=None, more=())
    assert hash(first) == hash(TwoPlaces(at=at, field="seed", other=None, more=()))
    assert first != TwoPlaces(at=at, field="width", other=None, more=())
    assert first != at
    assert repr(first) == f"TwoPlaces(at={at!r}, field='seed', other=None, more=())"
    with pytest.raises(AttributeError):
        first.field = "width"  # type: ignore[misc]
