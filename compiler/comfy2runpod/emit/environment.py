"""The one template environment: strict, and with a filter for every language that a value is written into.

Templates format; decisions are made before, in `views`. No value reaches code, a shell or a Dockerfile unquoted.
"""

from __future__ import annotations

import json
import re
import textwrap
from functools import lru_cache
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from comfy2runpod.ir.json import Json

_WIDTH = 120
# Where the user looks for them; pyproject.toml puts them into the wheel's templates.
_TOP_LEVEL = ("Dockerfile.j2", "LICENSE")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The environment, made when it is first needed."""
    made = Environment(
        loader=FunctionLoader(template_text),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html", "html.j2"], default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        python=python_literal,
        python_text=python_text,
        docstring=docstring,
        json=json_text,
        dockerfile=dockerfile_text,
        ts_comment=ts_comment,
        cell=markdown_cell,
        camel=camel,
        prose=html_prose,
    )
    return made


@lru_cache(maxsize=32)
def template_text(name: str) -> str:
    """A file of the templates folder. Those of the repository's top level are in it once they are installed."""
    package = resources.files("comfy2runpod")
    place = package.joinpath("templates", name)
    if name in _TOP_LEVEL and not place.is_file():
        place = package.joinpath("..", "..", name)
    return place.read_text("utf-8")


@lru_cache(maxsize=32)
def client_text(folder: str, name: str) -> str:
    """A module that every package's client has: Python's are in `client`, TypeScript's in `client_ts`."""
    return resources.files("comfy2runpod").joinpath(folder, name).read_text("utf-8")


def python_literal(value: Json) -> str:
    """A value as Python source, in the quotes that need the fewest escapes."""
    if isinstance(value, str):
        if '"' in value and "'" not in value:
            return repr(value)
        return json.dumps(value, ensure_ascii=_has_surrogates(value))
    if isinstance(value, dict):
        return f"{{{', '.join(f'{python_literal(key)}: {python_literal(item)}' for key, item in value.items())}}}"
    return repr(value)


def python_value(value: Json) -> str:
    """A value of any depth as Python source."""
    if isinstance(value, list):
        return f"[{', '.join(python_value(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{python_literal(key)}: {python_value(item)}' for key, item in value.items())}}}"
    return python_literal(value)


def python_text(text: str, column: int, indent: int) -> str:
    """A text as Python source that starts at a column of a line indented so far: in parentheses if it is long."""
    literal = python_literal(text)
    if column + len(literal) < _WIDTH:
        return literal
    inner = indent + 4
    parts = [text]
    if inner + len(literal) > _WIDTH:
        # Quotes and escapes make a literal longer than its text.
        room = _WIDTH - inner - 2 - (len(literal) - 2 - len(text))
        parts = textwrap.wrap(text, max(40, room), drop_whitespace=False, replace_whitespace=False)
        if "".join(parts) != text:
            return literal
    lines = "\n".join(" " * inner + python_literal(part) for part in parts)
    return f"(\n{lines}\n{' ' * indent})"


def docstring(text: str) -> str:
    """A text inside a docstring: on one line, nothing that ends it or escapes."""
    flat = " ".join(text.split()).replace("\\", "\\\\").replace('"', "'")
    return flat.encode("utf-8", "replace").decode("utf-8")


def json_text(value: Json) -> str:
    """A value as JSON on one line."""
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if _has_surrogates(text) else text


def camel(name: str) -> str:
    """A name as a class has it: `front_view` becomes FrontView."""
    return "".join(part.capitalize() for part in name.split("_"))


def dockerfile_text(text: str) -> str:
    """A quoted word of a Dockerfile; what would escape, end or expand in it gives way to a look-alike."""
    flat = " ".join(text.split()).translate({ord('"'): "'", ord("\\"): "/", ord("$"): "S"})
    return f'"{flat}"'


def ts_comment(text: str) -> str:
    """A text inside a block comment."""
    return " ".join(text.split()).replace("*/", "*\\/")


def html_prose(text: str) -> Markup:
    """A text of sentences in a page: what stands between backticks is code, and nothing in it is markup."""
    parts = re.split(r"`([^`]+)`", text)
    return Markup().join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def markdown_cell(text: str) -> str:
    """A text inside a table's cell."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", flat)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
