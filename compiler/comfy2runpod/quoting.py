"""A value into a language: one function for each, and a type that says that it was used.

What a filter gives is a `Written`: text that stands right where it is put. The template environment takes nothing else
into code, so a value that nobody quoted is an error of ours when a package is made, and never a line of somebody's.
"""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import TypeAlias
from urllib.parse import quote

from markupsafe import Markup, escape

from comfy2runpod.note_forms import DEBIAN_PACKAGE, VARIABLE
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.media import MEDIA_TYPE
from comfy2runpod_contract.texts import one_line, visible

_WIDTH = 120
_BASIC = 0xFFFF

Value: TypeAlias = "Json | tuple[Value, ...]"


class Written(str):
    """Text that is right, as it stands, in the language that its class names."""

    __slots__ = ()


class Word(Written):
    """A name, a version, a path: letters, digits and marks that mean nothing special in any language here."""


class Python(Written):
    """Python source."""


class Docstring(Written):
    """A text within a docstring."""


class Comment(Written):
    """A text in a line's comment, behind the first word of it."""


class BlockComment(Written):
    """A text in a block comment of TypeScript."""


class Script(Written):
    """JSON, which is also an expression of JavaScript and TypeScript; or a type of the latter."""


class Toml(Written):
    """A basic string of TOML."""


class Label(Written):
    """A quoted word of a Dockerfile."""


class Markdown(Written):
    """A text of a Markdown document, or an address in one."""


class Call(Written):
    """A part of a call that a document shows: a word of a shell, an expression of n8n."""


class NotQuotable(ValueError):
    """A value that the language has no words for, or one that is not what it is there for. Ours to mend."""


def word(text: str) -> Word:
    """A text that needs no quotes in any language; anything else is refused.

    Raises:
        NotQuotable: it has other characters.
    """
    if re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_.+/\[\]-]*", text) is None:
        raise NotQuotable(f"{text!r} is no plain word")
    return Word(text)


def requirement(text: str) -> Word:
    """A word of a lock: a package with its version, or a hash; anything else is refused.

    Raises:
        NotQuotable: it has other characters, or is an option.
    """
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.!+_=:-]*", text) is None:
        raise NotQuotable(f"{text!r} is no word of a lock")
    return Word(text)


def media_type(text: str) -> Word:
    """A media type; anything else is refused.

    Raises:
        NotQuotable: it is written otherwise.
    """
    if MEDIA_TYPE.fullmatch(text) is None:
        raise NotQuotable(f"{text!r} is no media type")
    return Word(text)


def debian_package(text: str) -> Word:
    """The name of a Debian package; anything else is refused, so that no path and no option of apt's is one.

    Raises:
        NotQuotable: Debian has no such names.
    """
    if DEBIAN_PACKAGE.fullmatch(text) is None:
        raise NotQuotable(f"{text!r} is no name of a Debian package")
    return Word(text)


def variable(text: str) -> Word:
    """The name of a variable of the environment, in capitals; anything else is refused.

    Raises:
        NotQuotable: it is written otherwise.
    """
    if VARIABLE.fullmatch(text) is None:
        raise NotQuotable(f"{text!r} is no variable of the environment")
    return Word(text)


def commit(text: str) -> Word:
    """The hash of a commit; anything else is refused.

    Raises:
        NotQuotable: it is no hexadecimal number of 40 or 64 digits.
    """
    if re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", text) is None:
        raise NotQuotable(f"{text!r} is no commit")
    return Word(text)


def name(text: str) -> Word:
    """An identifier; anything else is refused.

    Raises:
        NotQuotable: it is none.
    """
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) is None:
        raise NotQuotable(f"{text!r} is no identifier")
    return Word(text)


def camel(text: str) -> Word:
    """A name as a class has it: `front_view` becomes FrontView."""
    return name("".join(part.capitalize() for part in text.split("_")))


def python(value: Value) -> Python:
    """A value of any depth as Python source, texts in the quotes that need the fewest escapes.

    Raises:
        NotQuotable: a number in it is not finite.
    """
    match value:
        case Python() | Word():
            return Python(value)
        case str():
            single = '"' in value and "'" not in value
            return Python(f"'{_escaped(value)}'" if single else f'"{_escaped(value, escape_quotes=True)}"')
        case float() if not math.isfinite(value):
            raise NotQuotable(f"{value!r} is no number that Python has a literal for")
        case list():
            return Python(f"[{', '.join(map(python, value))}]")
        case tuple():
            return Python(f"({', '.join(map(python, value))}{',' if len(value) == 1 else ''})")
        case dict():
            items = (f"{python(str(key))}: {python(item)}" for key, item in value.items())
            return Python(f"{{{', '.join(items)}}}")
        case None | bool() | int() | float():
            return Python(repr(value))


def python_source(form: str, *values: Value) -> Python:
    """Python source of our own with a value, as its literal, in the place of each `{}`; source stays as it is."""
    return Python(form.format(*map(python, values)))


def python_list(values: Iterable[Value]) -> Python:
    """Values as Python source, with commas between them."""
    return Python(", ".join(map(python, values)))


def python_text(text: str, column: int, indent: int) -> Python:
    """A text as Python source that starts at a column of a line indented so far: in parentheses if it is long."""
    literal = python(text)
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
    lines = "\n".join(" " * inner + python(part) for part in parts)
    return Python(f"(\n{lines}\n{' ' * indent})")


def docstring(text: str) -> Docstring:
    """A text inside a docstring: on one line, nothing that ends it or escapes; single quotes of both kinds stay."""
    flat = one_line(text).replace("\\", "\\\\")
    ends_it = '"""' in flat or flat.startswith('"') or flat.endswith('"')
    return Docstring(flat.replace('"', '\\"') if ends_it else flat)


def comment(text: str) -> Comment:
    """A text in a comment that ends with its line."""
    return Comment(one_line(text))


def block_comment(text: str) -> BlockComment:
    """A text inside a block comment; `@` would be an order to TypeScript or to its documentation."""
    return BlockComment(one_line(text).replace("*/", "*\\/").replace("@", "\\@"))


def script(value: Value) -> Script:
    """A value as JSON on one line, without control characters.

    Raises:
        NotQuotable: a number in it is not finite.
    """
    try:
        return Script(visible(json.dumps(value, ensure_ascii=False, allow_nan=False)))
    except ValueError as error:
        raise NotQuotable(str(error)) from None


def script_element(value: Value) -> Markup:
    """JSON inside a script element: in ASCII, and without the one character that could end it."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704


def toml(text: str) -> Toml:
    """A text as a basic string of TOML, which has no halves of pairs."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Toml(f'"{_escaped(whole, escape_quotes=True)}"')


def label(text: str) -> Label:
    """A text as a quoted word of a Dockerfile, on one line; it reads as it was."""
    return Label('"' + re.sub(r'(["\\$])', r"\\\1", one_line(text)) + '"')


def markdown(text: str) -> Markdown:
    """A text that may begin a line of a document: on one line, no markup, no HTML, and nothing a link.

    CommonMark takes a backslash off every mark of ASCII, so a reader sees the text as it was.
    """
    return Markdown(_begun(_inline(one_line(text))))


def inline(text: str) -> Markdown:
    """A text in a heading, a cell or behind other words of a line, where nothing begins a list; else as `markdown`."""
    return Markdown(_inline(one_line(text)))


def sentences(text: str) -> Markdown:
    """A text of ours at a place of `inline`: what stands between backticks is code."""
    parts = re.split(r"`([^`]+)`", one_line(text))
    coded = ("`" + part.replace("|", "\\|") + "`" if at % 2 else _inline(part) for at, part in enumerate(parts))
    return Markdown("".join(coded))


def _inline(text: str) -> str:
    """A text within a line of Markdown. Underscores inside a word mark nothing."""
    marked = re.sub(r"([\\`*{}\[\]<>|~#&$@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))", r"\\\1", text)
    # What makes a link by itself, in GitHub's Markdown and Redoc's.
    return re.sub(r":(?=//)|(?<=\bwww)\.|(?<=\bmailto):|(?<=\bxmpp):", r"\\\g<0>", marked, flags=re.IGNORECASE)


def _begun(line: str) -> str:
    """A line of Markdown that begins no list, heading, rule or table."""
    return re.sub(r"^(\d{1,9})([.)])", r"\1\\\2", re.sub(r"^([-+=:])", r"\\\1", line))


def plain(text: str) -> str:
    """What a reader sees of a text that `markdown` wrote."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


def address(url: str) -> Markdown:
    """An address in a Markdown link; only one of the web, in the form that the contract gives it.

    Raises:
        NotQuotable: it is none.
    """
    if re.fullmatch(r"https?://[A-Za-z0-9._~:/?%@!$&'*+,;=\[\]-]+", url) is None:
        raise NotQuotable(f"{url!r} is no address in its one form")
    return Markdown(url)


def shell_json(value: JsonObject) -> Call:
    """JSON as one word of a shell, on one line."""
    return Call("'" + json.dumps(value, ensure_ascii=True, allow_nan=False).replace("'", "\\u0027") + "'")


def n8n_json(value: JsonObject) -> Call:
    """JSON inside an expression of n8n, which ends at the first two closing braces; and inside a line of code."""

    def apart(found: re.Match[str]) -> str:
        inside = found[0].startswith('"')
        return found[0].replace("}}", "}\\u007d") if inside else "} "

    return Call(re.sub(r'"(?:\\.|[^"\\])*"|\}(?=\})', apart, script(value)).replace("`", "\\u0060"))


def segment(text: str) -> str:
    """A name as one part of an address's path.

    Raises:
        NotQuotable: it is none, or leads elsewhere.
    """
    if text in ("", ".", ".."):
        raise NotQuotable(f"{text!r} is no part of a path")
    return quote(text, safe="", errors="replace")


def prose(text: str) -> Markup:
    """A text of sentences in a page: what stands between backticks is code, and nothing in it is markup."""
    parts = re.split(r"`([^`]+)`", visible(text))
    # Escaped at once: a text may have very many parts.
    written = (f"<code>{escape(part)}</code>" if at % 2 else escape(part) for at, part in enumerate(parts))
    return Markup("".join(written))  # noqa: S704


def _escaped(text: str, *, escape_quotes: bool = False) -> str:
    """The inside of a literal: what cannot be seen as `\\u0000` or `\\U00000000`, which Python and TOML both read."""
    flat = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    if escape_quotes:
        flat = flat.replace('"', '\\"')
    if visible(flat) == flat:
        return flat
    return "".join(character if visible(character) == character else _code(character) for character in flat)


def _code(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= _BASIC else f"\\U{code:08x}"


def thousands(number: object) -> Word:
    """A whole number for prose, with thousands separators: 300,000.

    Raises:
        NotQuotable: it is no whole number.
    """
    if type(number) is not int:
        raise NotQuotable(f"{type(number).__name__} is no whole number")
    return Word(f"{number:,}")


FILTERS: Mapping[str, object] = {
    "address": address,
    "block_comment": block_comment,
    "camel": camel,
    "comment": comment,
    "commit": commit,
    "debian_package": debian_package,
    "docstring": docstring,
    "inline": inline,
    "json": script,
    "label": label,
    "markdown": markdown,
    "media_type": media_type,
    "n8n": n8n_json,
    "name": name,
    "prose": prose,
    "python": python,
    "script_element": script_element,
    "segment": segment,
    "sentences": sentences,
    "shell": shell_json,
    "thousands": thousands,
    "toml": toml,
    "variable": variable,
    "word": word,
}
