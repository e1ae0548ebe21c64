"""Replaces every text of an interface, one at a time: the structure of the generated code must stay the same.

The texts are found in the interface's own types, so a new one is among them by itself.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

import pytest

from comfy2runpod.expressions.expression import ExpressionError
from comfy2runpod.ir.interface import Interface, Variant
from comfy2runpod.ir.prompt import PromptNode
from comfy2runpod.quoting import NotQuotable
from comfy2runpod.stages.emit import emit
from comfy2runpod_contract.texts import one_line

from .hostile import HOSTILE, POLYGLOT
from .interfaces import PROMPT, interfaces, variants_of
from .structure import docker_word, structure

_PART = 80
_WHOLE = bool(os.environ.get("WHOLE_QUOTING"))
# Said by the image's own data, never by a graph: a version names a file of ours.
_OURS = ("[0].comfyui_version",)
# Where names stand, and what is one there: another is another piece of code, and as good as any.
_NAMES = (
    (re.compile(r"\.name$|^\[1\]\[\d+\]\.fields|\.expression$"), str.isidentifier),
    (re.compile(r"^\[0\]\.image\.apt\["), re.compile(r"[a-z0-9][a-z0-9.+-]+").fullmatch),
)
INTERFACES = {f"{interface.name}-{interface.outputs[0].kind}": interface for interface in interfaces()}


def texts_in(value: Any, path: str = "") -> Iterator[tuple[str, Callable[[str], Any]]]:
    """Every text in a value: its path, and the value with another text there."""
    if isinstance(value, Enum):
        return
    if isinstance(value, str):
        yield path, lambda text: text
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            for inner, put in texts_in(getattr(value, field.name), f"{path}.{field.name}"):
                yield inner, lambda text, put=put, key=field.name: dataclasses.replace(value, **{key: put(text)})
    elif isinstance(value, (tuple, list)):
        for at, item in enumerate(value):
            for inner, put in texts_in(item, f"{path}[{at}]"):
                yield inner, lambda text, put=put, at=at: type(value)([*value[:at], put(text), *value[at + 1 :]])
    elif isinstance(value, dict):
        for key, item in value.items():
            for inner, put in texts_in(item, f"{path}[{key}]"):
                yield inner, lambda text, put=put, key=key: {**value, key: put(text)}
            yield (
                f"{path}[{key}]!",
                lambda text, key=key, item=item: {text if k == key else k: v for k, v in value.items()},
            )


def _emitted(interface: Interface, variants: tuple[Variant, ...]) -> dict[str, str | bytes]:
    return emit(interface, PROMPT, variants)


def _texts_of(files: dict[str, str | bytes]) -> dict[str, str]:
    return {path: data for path, data in files.items() if isinstance(data, str)}


@pytest.mark.parametrize("name", INTERFACES)
def test_no_text_of_an_interface_leaves_its_quotes(name: str) -> None:
    whole = INTERFACES[name]
    base = _texts_of(emit(whole, PROMPT, variants_of(whole)))
    shapes = {path: structure(path, text) for path, text in base.items()}
    places = [(place, put) for place, put in texts_in((whole, variants_of(whole))) if place not in _OURS]
    tried, refused, faults = 0, 0, []
    for at, (place, put) in enumerate(places):
        for text in HOSTILE if _WHOLE else (POLYGLOT, *HOSTILE[at % _PART :: _PART]):
            if any(is_name(text) for where, is_name in _NAMES if where.search(place)):
                continue
            tried += 1
            try:
                files = _texts_of(_emitted(*put(text)))
            except (NotQuotable, ExpressionError):
                refused += 1
                continue
            except KeyError:
                # An image's format is one of three.
                assert ".formats" in place
                refused += 1
                continue
            changed = {path: said for path, said in files.items() if said != base.get(path)}
            faults += [f"{place} = {text!r}: {fault}" for fault in _faults(place, changed, shapes)]
    print(f"{name}: {len(places)} texts, {tried} packages, {refused} refused")
    assert not faults, "\n".join(faults[:20])
    assert refused < tried / 2


def _faults(place: str, changed: Mapping[str, str], shapes: Mapping[str, object]) -> Iterator[str]:
    for path, text in changed.items():
        try:
            shape = structure(path, text)
        except (ValueError, SyntaxError) as error:
            yield f"{path}: {error}"
            continue
        if path not in shapes:
            yield f"{path} is a new file"
        elif shape != shapes[path] and not _is_said_otherwise(place, path):
            yield f"{path} is built otherwise"


def _is_said_otherwise(place: str, path: str) -> bool:
    """Whether a file says more or less of a value because of what it is, not of how it is written."""
    # Few or short choices stand in the line, others in a type of their own; a usual media type is not said.
    if place == "[0].models[1].url":
        # It has none: with one, it is in the lock, and a link.
        return path in ("README.md", "docs/API.md", "models.lock.json", ".runpod/hub.json")
    return (".choices" in place and "/client." in path) or (place.endswith(".media_type") and path == "handler.py")


def test_prompts_are_json_whatever_is_in_them() -> None:
    for text in HOSTILE:
        prompt = {text: PromptNode(text, {text: text, "list": [text, {text: text}]}, text)}
        structure("workflow_api.json", str(emit(INTERFACES["bare-video"], prompt, ())["workflow_api.json"]))


@pytest.mark.parametrize("title", [text for text in HOSTILE if text.strip()], ids=ascii)
def test_a_label_reads_as_the_title_was(title: str) -> None:
    whole = dataclasses.replace(INTERFACES["bare-video"], title=title)
    label = "LABEL org.opencontainers.image.title="
    (line,) = [line for line in str(emit(whole, PROMPT, ())["Dockerfile"]).splitlines() if line.startswith(label)]
    assert docker_word(line.removeprefix(label)) == one_line(title)


def test_texts_stay_as_they_were_written() -> None:
    said = 'Costs $5 in "gold" & <more>, 100% \\o/'
    whole = dataclasses.replace(INTERFACES["single-video"], title=said, description=said)
    files = emit(whole, PROMPT, ())
    assert f"{said}: a typed client.".replace("\\", "\\\\") in str(files["clients/python/single_client/__init__.py"])
    assert 'title="Costs \\$5 in \\"gold\\" & <more>, 100% \\\\o/"' in str(files["Dockerfile"])
    assert '# Costs \\$5 in "gold" \\& \\<more\\>, 100% \\\\o/\n' in str(files["docs/API.md"])
