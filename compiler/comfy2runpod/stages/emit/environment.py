"""The one template environment: strict, and closed to every value that no filter of its language has written.

Templates format; decisions are made before, in `template_models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from comfy2runpod.quoting import (
    FILTERS,
    BlockComment,
    Call,
    Comment,
    Docstring,
    Label,
    Markdown,
    Python,
    Script,
    Toml,
    Word,
    Written,
)
from comfy2runpod_contract.texts import visible

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context

# Where the user looks for them; pyproject.toml puts them into the wheel's templates.
_TOP_LEVEL = ("Dockerfile.j2", "LICENSE")
# What may stand in a template, by the end of its name. HTML is escaped by the environment itself.
LANGUAGES: Mapping[str, tuple[type[Written], ...]] = {
    "Dockerfile.j2": (Comment, Label),
    "dockerignore.j2": (Comment,),
    "env.example.j2": (Comment,),
    "gitignore.j2": (),
    ".json.j2": (Script,),
    ".md.j2": (Markdown, Call, Python, Script),
    ".py.j2": (Python, Docstring, Comment),
    ".sh.j2": (),
    ".toml.j2": (Toml,),
    ".ts.j2": (Script, BlockComment),
    ".yml.j2": (Comment,),
}
_HTML = ".html.j2"


class NotWritten(TypeError):
    """A template prints a value that no filter of its language has written. Ours to mend."""


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The environment, made when it is first needed."""
    # Slow to import, and only needed to write a package.
    from jinja2 import (  # noqa: PLC0415
        Environment,
        FunctionLoader,
        StrictUndefined,
        pass_context,
        select_autoescape,
    )

    made = Environment(
        loader=FunctionLoader(template_text),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html", "html.j2"], default=False),
        finalize=pass_context(only_written),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(FILTERS)
    return made


def only_written(context: Context, value: object) -> object:
    """A value that a template is about to print.

    Raises:
        NotWritten: it is not in the template's language.
    """
    from markupsafe import Markup  # noqa: PLC0415 - part of jinja2

    template = context.name or ""
    if template.endswith(_HTML):
        return value if isinstance(value, Markup) else visible(str(value))
    allowed = next((types for ending, types in LANGUAGES.items() if template.endswith(ending)), ())
    if isinstance(value, (Word, *allowed)) or type(value) is int:
        return value
    raise NotWritten(f"{template} prints {value!r} as {type(value).__name__}")


@lru_cache(maxsize=32)
def template_text(name: str) -> str:
    """A file of the templates folder. Those of the repository's top level are in it once they are installed."""
    package = resources.files("comfy2runpod")
    place = package.joinpath("templates", name)
    if name in _TOP_LEVEL and not place.is_file():
        place = package.joinpath("..", "..", name)
    return place.read_text("utf-8")


@lru_cache(maxsize=32)
def client_modules(folder: str) -> dict[str, str]:
    """The modules that every package's client has, by name: Python's are in `client`, TypeScript's in `client_ts`."""
    files = resources.files("comfy2runpod").joinpath(folder).iterdir()
    return {
        file.name: file.read_text("utf-8")
        for file in files
        if file.name.endswith((".py", ".ts")) and file.name != "__init__.py"
    }
