"""The structure of a file without its values: it must not change when a value changes."""

from __future__ import annotations

import ast
import io
import json
import re
import shlex
import tokenize
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import yaml
from markdown_it import MarkdownIt

from comfy2runpod_contract.texts import visible

_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# What GitHub and Redoc make a link of without being asked.
_BARE_LINK = re.compile(r"(?<!\\)://|(?<![\w\\])www\.|[\w.]@\w")


def structure(path: str, text: str) -> object:
    """The structure of a file, which its name tells the language of; ValueError or SyntaxError if it is none.

    Every file: no control character is raw in it, and it can be encoded.
    """
    text.encode("utf-8")
    unseen = [character for character in text.replace("\n", "") if visible(character) != character]
    if unseen and not _is_ours(path):
        raise ValueError(f"{path} has {unseen[0]!r} raw")
    name = path.removesuffix(".j2").rpartition("/")[2]
    for ending, read in _READERS.items():
        if name.endswith(ending):
            return read(text)
    return len(text.splitlines())


def _is_ours(path: str) -> bool:
    return path.endswith(".lock") or "requirements" in path


def _python(text: str) -> object:
    tree = ast.parse(text, type_comments=True)
    compile(tree, "<file>", "exec")
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = "·"
            node.kind = None
    # Several literals beside each other are one; a sign before a number belongs to it.
    shape = re.sub(r"UnaryOp\(op=USub\(\), operand=(Constant\(value='·'\))\)", r"\1", ast.dump(tree))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return shape, sum(token.type == tokenize.COMMENT for token in tokens)


_TS_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<comment>//[^\n]*|/\*.*?\*/)"
    r"|(?P<text>\"(?:[^\"\\\n\r]|\\[^\n\r])*\"|'(?:[^'\\\n\r]|\\[^\n\r])*')|(?P<template>`(?:[^`\\]|\\.)*`)"
    r"|(?P<number>\d[\w.]*)|(?P<word>[\w$]+)|(?P<mark>[^\w\s\"'`])",
    re.DOTALL,
)


def _typescript(text: str) -> object:
    found: list[object] = []
    at = 0
    while at < len(text):
        match = _TS_TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"no TypeScript at {text[at : at + 40]!r}")
        at = match.end()
        kind = match.lastgroup
        if kind == "comment" and re.search(r"(?<!\\)@(?:ts-|jsx)", match[0]):
            raise ValueError(f"a comment gives an order: {match[0]!r}")
        if kind in ("comment", "text"):
            found.append(kind)
        elif kind == "number" or match[0] in ("true", "false", "null"):
            found.append("text")
        elif kind != "space":
            found.append(match[0])
    return found


def _shell(text: str) -> object:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def _call(text: str) -> object:
    """A shell's call whose JSON is a value."""
    return ["·" if _is_json(word) else word for word in shlex.split(text, comments=True)]


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | str)
    except ValueError:
        return False


def _dockerfile(text: str) -> object:
    """Instructions with their words as BuildKit reads them: a label's value is a value."""
    found: list[object] = []
    lines = iter(text.split("\n"))
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            found.append("#" if line.strip() else "")
            continue
        whole = line
        while whole.endswith("\\") and not whole.startswith("LABEL"):
            whole = whole[:-1] + next(lines)
        instruction, _, rest = whole.partition(" ")
        if instruction == "LABEL" or re.match(r'ENV \w+="', whole):
            key, _, value = rest.partition("=")
            if re.fullmatch(r'"\$\{[A-Z]+\}"', value) is None:
                docker_word(value)
            rest = key
        found.append((instruction, rest))
    return found


def docker_word(word: str) -> str:
    """A double-quoted word of a Dockerfile as BuildKit reads it; ValueError where it ends early or expands."""
    if not word.startswith('"'):
        raise ValueError("not quoted")
    said, at = "", 1
    while at < len(word):
        character = word[at]
        if character == '"':
            if at != len(word) - 1:
                raise ValueError(f"more than one word: {word!r}")
            return said
        if character == "$":
            raise ValueError(f"expands: {word!r}")
        if character == "\\" and word[at + 1 : at + 2] in ('"', "$", "\\"):
            at += 1
            character = word[at]
        said += character
        at += 1
    raise ValueError(f"does not end: {word!r}")


def _shape(value: Any) -> object:
    if isinstance(value, dict):
        return {"{}": [_shape(item) for item in value.values()]}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return "·"


def _yaml(text: str) -> object:
    # Keys are ours there.
    def shape(value: Any) -> object:
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        return [shape(item) for item in value] if isinstance(value, list) else value

    return shape(yaml.safe_load(text))


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "code":
            self.found.append((tag, [self._attribute(name, value) for name, value in attrs]))

    def handle_endtag(self, tag: str) -> None:
        if tag != "code":
            self.found.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        raise ValueError(f"a comment: {data[:40]!r}")

    def handle_decl(self, decl: str) -> None:
        self.found.append(decl)

    def unknown_decl(self, data: str) -> None:
        raise ValueError(f"a declaration: {data[:40]!r}")

    def handle_pi(self, data: str) -> None:
        raise ValueError(f"an instruction: {data[:40]!r}")

    def handle_data(self, data: str) -> None:
        inside = next((item for item in reversed(self.found)), None)
        if isinstance(inside, tuple) and inside[0] == "script" and ("type", "application/json") in inside[1]:
            json.loads(data)

    @staticmethod
    def _attribute(name: str, value: str | None) -> object:
        if name in ("href", "src", "action") and value is not None:
            # Where it leads is ours: within the site, and as deep as it was.
            if re.match(r"\s*[a-z][a-z0-9+.-]*:", value, re.IGNORECASE) and value != "data:,":
                raise ValueError(f"leads elsewhere: {value!r}")
            return name, value.count("/"), value.startswith("//"), value.split("/").count("..")
        return (name, value) if name in ("type", "http-equiv", "rel", "role") else name


def _html(text: str) -> object:
    parser = _Html()
    parser.feed(text)
    parser.close()
    return parser.found


def _markdown(text: str) -> object:
    return list(_markdown_tokens(text))


def _markdown_tokens(text: str) -> Iterator[object]:
    for token in _MARKDOWN.parse(text):
        if token.type == "fence":
            yield "fence", token.info, _fence(token.info, token.content)
        elif token.type == "inline":
            for child in token.children or ():
                match child.type:
                    # Code is as inert as text.
                    case "text" | "text_special" | "softbreak" | "code_inline":
                        pass
                    case "link_open":
                        link = str(child.attrs["href"])
                        yield "link", link if not link.startswith("http") else "·"
                    case _:
                        yield child.type
        elif token.type in ("html_block", "code_block"):
            raise ValueError(f"{token.type}: {token.content[:40]!r}")
        else:
            yield token.type, token.tag
    outside = re.sub(r"^```.*?^```$|`[^`\n]*`|\]\([^)\s]*\)", "", text, flags=re.DOTALL | re.MULTILINE)
    yield "bare links", len(_BARE_LINK.findall(outside))


def _fence(language: str, text: str) -> object:
    match language:
        case "python":
            return _python(text)
        case "ts":
            return _typescript(text)
        case "sh":
            return _call(text)
    return None


_READERS = {
    "Dockerfile": _dockerfile,
    ".html": _html,
    ".json": lambda text: _shape(json.loads(text)),
    ".md": _markdown,
    ".py": _python,
    ".sh": _shell,
    ".toml": lambda text: _shape(tomllib.loads(text)),
    ".ts": _typescript,
    ".yml": _yaml,
}
