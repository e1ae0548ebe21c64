"""Every name that means something to Python, pydantic, JavaScript or the generated code, as a field's and an output's.

The defaults of the fields are expressions of Python that do harm, should anything ever evaluate them.
"""

from __future__ import annotations

import ast
import builtins
import json
import keyword
import subprocess
import sys
import typing
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pydantic
import pytest

import comfy2runpod_runtime
from comfy2runpod.fields import Field, SeedField, TextField
from comfy2runpod.ir.interface import Interface
from comfy2runpod.outputs import Output
from comfy2runpod.stages.emit import emit, package
from comfy2runpod.stages.emit.environment import environment
from comfy2runpod.stages.emit.python_types import file_classes
from comfy2runpod.stages.interface.names import good_name
from comfy2runpod.write import write_package
from comfy2runpod_contract.media import MediaKind
from comfy2runpod_contract.messages import ANSWER_KEYS, REQUEST_KEYS
from tests.clients.node_tools import node_or_skip

from .interfaces import PROMPT, interfaces, several, single, variants_of

ROOT = Path(__file__).parents[2]
# Of JavaScript: keywords, and what every object has.
_SCRIPT = [
    "constructor",
    "prototype",
    "length",
    "name",
    "caller",
    "arguments",
    "then",
    "eval",
    "await",
    "async",
    "yield",
    "let",
    "const",
    "var",
    "function",
    "new",
    "this",
    "super",
    "static",
    "package",
    "private",
    "protected",
    "public",
    "interface",
    "implements",
    "enum",
    "export",
    "extends",
    "default",
    "delete",
    "typeof",
    "void",
    "null",
    "undefined",
    "never",
    "unknown",
    "any",
    "number",
    "string",
    "boolean",
    "bigint",
    "symbol",
    "object",
    "declare",
    "module",
    "namespace",
    "readonly",
]


def _words() -> Iterator[str]:
    yield from dir(builtins)
    yield from keyword.kwlist
    yield from keyword.softkwlist
    yield from _SCRIPT
    for module in (pydantic, typing, comfy2runpod_runtime, pydantic.BaseModel, dict, str):
        yield from dir(module)
    for interface in interfaces():
        for path, text in emit(interface, PROMPT, variants_of(interface)).items():
            if path.endswith(".py") and isinstance(text, str):
                for node in ast.walk(ast.parse(text)):
                    yield from (value for _, value in ast.iter_fields(node) if isinstance(value, str))


# What the front of the compiler lets through.
NAMES = sorted({word for word in _words() if good_name(word)} - ANSWER_KEYS - {*REQUEST_KEYS})


def _hostile(touched: Path) -> str:
    return f'[type(""), __import__("pathlib").Path({str(touched)!r}).touch()][0]'


def _texts(names: list[str], default: str) -> tuple[Field, ...]:
    one = single(MediaKind.TEXT, "text/plain").fields[0]
    assert isinstance(one, TextField)
    return tuple(replace(one, name=name, default=default, required=False, min_length=0) for name in names)


def _seeds(names: list[str]) -> tuple[Field, ...]:
    one = single(MediaKind.TEXT, "text/plain").fields[1]
    assert isinstance(one, SeedField)
    return tuple(replace(one, name=name) for name in names)


def _outputs(names: list[str]) -> tuple[Output, ...]:
    """Of every kind in turn."""
    kinds = several().outputs
    return tuple(replace(kinds[at % len(kinds)], name=name) for at, name in enumerate(names))


def crowded(default: str) -> Iterator[Interface]:
    """Every name as a field and as an output at once, then as a seed."""
    yield replace(several(), name="both", fields=_texts(NAMES, default), outputs=_outputs(NAMES))
    half = len(NAMES) // 2
    for name, first, second in (("head", NAMES[:half], NAMES[half:]), ("tail", NAMES[half:], NAMES[:half])):
        fields = (*several().fields, *_texts(second, default), *_seeds(first))
        fields = tuple({field.name: field for field in fields}.values())
        yield replace(several(), name=name, fields=fields, outputs=_outputs(second))


CHECK = """
import json, sys, warnings
from pydantic import ValidationError
warnings.simplefilter("error")
for request, answers, source in json.load(sys.stdin):
    sys.modules["schema"] = type(sys)("schema")
    module = sys.modules["schema"].__dict__
    exec(compile(source, "schema.py", "exec"), module)
    said = module["Input"].model_validate(request).model_dump()
    assert request.items() <= said.items(), said
    assert module["Output"].model_validate(answers)
    try:
        module["Input"].model_validate(dict.fromkeys(module["Input"].model_fields, {}))
    except ValidationError:
        pass
    else:
        raise AssertionError("anything is taken")
"""

_FILE = {"data": "QQ==", "media_type": "image/png", "bytes": 1, "sha256": "0" * 64}
_SIZE = {"width": 1, "height": 1}


def _answer(interface: Interface) -> dict[str, object]:
    answer: dict[str, object] = {"prompt_id": "p"}
    answer |= {field.name: 7 for field in interface.fields if isinstance(field, SeedField)}
    if len(interface.outputs) == 1:
        (output,) = interface.outputs
        files = {key: value for key, value in _FILE.items() if key != "data"} | _SIZE
        files["media_type"] = output.media_type
        return answer | {output.name: "QQ=="} | ({} if output.kind is MediaKind.TEXT else files)
    for output in interface.outputs:
        one: object = {"text": "t"}
        if output.kind is MediaKind.IMAGE:
            one = _FILE | _SIZE
        elif output.kind is MediaKind.AUDIO:
            one = _FILE | {"media_type": output.media_type, "duration_seconds": 1.0}
        answer[output.name] = [one] if output.many else one
    return answer


def _request(interface: Interface) -> dict[str, object]:
    return {field.name: "QQ==" if field.is_file else field.example() for field in interface.fields if field.required}


def _schema(interface: Interface) -> str:
    """The package's `schema.py`, without all else that a package is."""
    return environment().get_template("schema.py.j2").render(package._context(interface, (), "{}\n"))


def _checked(made: list[Interface]) -> None:
    assert _schema(made[0]) == emit(made[0], PROMPT, ())["schema.py"]
    plan = [(_request(one), _answer(one), _schema(one)) for one in made]
    done = subprocess.run(
        [sys.executable, "-c", CHECK], input=json.dumps(plan), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_there_are_names_to_try() -> None:
    assert {"str", "int", "list", "match", "type", "object", "then", "inline_or_url", "value"} <= set(NAMES)


def test_no_name_of_a_field_or_an_output_means_anything_to_the_models(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    _checked(list(crowded(_hostile(touched))))
    assert not touched.exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [MediaKind.IMAGE, MediaKind.TEXT])
def test_no_name_of_a_single_output_does(kind: MediaKind, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    whole = single(kind, "image/png" if kind is MediaKind.IMAGE else "text/plain")
    made = [
        replace(
            whole,
            fields=(*_texts([name, "prompt"], _hostile(touched)), *_seeds(["seed"])),
            outputs=(replace(whole.outputs[0], name=name),),
        )
        for name in NAMES
        if name not in ("prompt", "seed")
    ]
    _checked(made)
    assert not touched.exists()


def test_no_class_body_looks_a_name_up_that_a_graph_could_give() -> None:
    for interface in (*interfaces(), *crowded("plain")):
        for path, text in emit(interface, PROMPT, ()).items():
            if not (path.endswith(("schema.py", "_client/client.py")) and isinstance(text, str)):
                continue
            for body in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)):
                looked_up = {name for line in body.body for name in _looked_up(line)}
                assert not {name for name in looked_up if good_name(name)}, (path, body.name)


def _looked_up(line: ast.stmt) -> Iterator[str]:
    """The names that a line of a class's body looks up while the class is made."""
    if isinstance(line, ast.FunctionDef):
        parts = [*line.decorator_list, *line.args.defaults, *(one.annotation for one in line.args.args), line.returns]
    else:
        parts = [line.annotation, line.value] if isinstance(line, ast.AnnAssign) else [line]
    for part in parts:
        for node in ast.walk(part) if part is not None else ():
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                yield node.id


@pytest.mark.slow
def test_the_types_of_python_hold(tmp_path: Path) -> None:
    folders = []
    for interface in crowded("plain"):
        write_package(emit(interface, PROMPT, ()), tmp_path / interface.name)
        folders.append(tmp_path / interface.name)
    command = [sys.executable, str(ROOT / "scripts" / "check_generated.py"), *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_types_of_typescript_hold(tmp_path: Path) -> None:
    tools = node_or_skip()
    for interface in crowded("plain"):
        folder = tmp_path / interface.name / "clients" / "typescript"
        write_package(emit(interface, PROMPT, ()), tmp_path / interface.name)
        (folder / "node_modules").symlink_to(tools.modules)
        done = tools.tsc(folder, "--noEmit")
        assert done.returncode == 0, done.stdout[-3000:]


def test_every_output_has_a_class_of_its_own() -> None:
    names = ["a_b", "a__b", "ab", "a_b_", "x1", "x_1", "x_1_", "answer", "media", "ab2", "a_b_2", "a_b2"]
    classes = file_classes(names)
    assert len({*classes.values(), "AnswerFile", "MediaFile"}) == len(names) + 2
    assert [*classes.values()][:3] == ["ABFile", "ABFile_2", "AbFile"]
    made = replace(several(), outputs=_outputs(names))
    _checked([made])
    for path in ("clients/python/several_client/client.py", "clients/typescript/src/client.ts"):
        text = str(emit(made, PROMPT, ())[path])
        for name in classes.values():
            opened = f"class {name}(" if path.endswith(".py") else f" {name} "
            assert text.count(opened) >= 1, (path, name)
