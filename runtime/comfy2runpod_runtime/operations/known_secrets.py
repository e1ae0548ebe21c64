"""The secrets of the environment, found in a text also where they are encoded, cut short or broken by a line's end."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from comfy2runpod_contract.secret_texts import is_secret_name, looks_random, may_be_secret_name

# Shorter values may stand anywhere by chance.
_MIN_LENGTH = 6
# A shorter one may be a part of another text: it counts only between other characters than letters and digits.
_LONG = 12
# So many characters of a long secret in a row are a part of it, such as the beginning of one that was cut off...
_PART = 12
# ... at a line's beginning or end, fewer are: the rest may stand on the next line.
_PART_AT_EDGE = 6
_WORD = re.compile(r"[A-Z]?[a-z]{1,15}|[A-Z]{1,15}|[0-9]{1,9}")
# The path of a file that has the secret, such as GOOGLE_APPLICATION_CREDENTIALS.
_PATH = re.compile(r"(?:/[\w.-]+)*/[\w.-]+\.\w{1,5}")
_FOLDERS = frozenset({"PWD", "OLDPWD"})
_LINE = re.compile(r"(\r\n|\r|\n|\\r\\n|\\r|\\n)")
# What log lines begin with before the text of another program, and the frames that it draws.
_LINE_START = re.compile(r"(?:[\w.]{1,60}: ){0,3}[\s│|>]*")


class KnownSecrets:
    """The secrets of an environment.

    Args:
        environment: its variables.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        secrets = {secret for item in environment.items() for secret in _secrets(*item)}
        short, long = set[str](), set[str]()
        for secret in secrets:
            content = secret.encode("utf-8", "surrogatepass")
            for form in {*_written(secret), content.hex(), content.hex().upper()}:
                (long if len(form) >= _LONG else short).add(form)
        encoded = {form for secret in secrets for form in _encoded(secret)}
        self._pattern = _any_of(short, long, encoded)
        random = [secret for secret in secrets if len(secret) > _PART and looks_random(secret)]
        self._parts = {secret[at : at + _PART] for secret in random for at in range(len(secret) - _PART + 1)}
        self._random = random

    def hidden(self, text: str, mask: str) -> str:
        """Returns the text with `mask` in place of the secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(mask, text)
        if self._parts:
            text = self._without_parts(text, mask)
            # A line, an end, a line...
            pieces = _LINE.split(text)
            pieces[::2] = [self._without_edges(line, mask) for line in pieces[::2]]
            text = "".join(pieces)
        return text

    def _without_parts(self, text: str, mask: str) -> str:
        kept, at, done = [], 0, 0
        while at <= len(text) - _PART:
            if text[at : at + _PART] not in self._parts:
                at += 1
                continue
            kept += [text[done:at], mask]
            while text[at : at + _PART] in self._parts:
                at += 1
            at = done = at + _PART - 1
        return "".join([*kept, text[done:]])

    def _without_edges(self, line: str, mask: str) -> str:
        """A line without the end of a secret at its beginning, and the beginning of one at its end."""
        start = _LINE_START.match(line)
        at = 0 if start is None else start.end()
        end = len(line.rstrip())
        for secret in self._random:
            for length in range(min(len(secret) - 1, end - at), _PART_AT_EDGE - 1, -1):
                if line.startswith(secret[-length:], at) and _WORD.fullmatch(secret[-length:]) is None:
                    return self._without_edges(line[:at] + mask + line[at + length :], mask)
                if line.endswith(secret[:length], at, end) and _WORD.fullmatch(secret[:length]) is None:
                    return self._without_edges(line[: end - length] + mask + line[end:], mask)
        return line


def _any_of(short: set[str], long: set[str], encoded: set[str]) -> re.Pattern[str] | None:
    """A pattern of all of them, the longest first, since one may contain another."""

    def alternatives(texts: set[str]) -> str:
        return "|".join(re.escape(text) for text in sorted(texts, key=lambda text: (-len(text), text)))

    patterns = []
    if encoded:
        # With the letters beside it, in which its first and last bytes are.
        patterns.append(f"[A-Za-z0-9+/_-]{{0,4}}(?:{alternatives(encoded)})[A-Za-z0-9+/_=-]{{0,4}}")
    if long:
        patterns.append(f"(?:{alternatives(long)})")
    if short:
        patterns.append(rf"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))(?:{alternatives(short)})(?![A-Za-z0-9])")
    return re.compile("|".join(patterns)) if patterns else None


def _secrets(name: str, value: str) -> Iterator[str]:
    """The secrets that a variable holds, without the spaces and line ends around them."""
    if may_be_secret_name(name) and name not in _FOLDERS and _PATH.fullmatch(value.strip()) is None:
        lines = [line.strip() for line in value.splitlines()]
        found = [value.strip(), *(line for line in lines if not line.startswith("-----"))]
    else:
        found = []
    found += _of_json(value)
    for secret in [*found, *_of_url(value)]:
        if len(secret) >= _MIN_LENGTH and _WORD.fullmatch(secret) is None and secret not in ("{", "}"):
            yield secret


def _of_json(value: str) -> list[str]:
    """The members with a secret's name of an object, such as a service's account."""
    if not value.lstrip().startswith("{"):
        return []
    try:
        loaded = json.loads(value)
    except (ValueError, RecursionError):
        return []
    found = []
    for name, member in loaded.items() if isinstance(loaded, dict) else ():
        if isinstance(member, str) and is_secret_name(name):
            found += [line for line in member.splitlines() if not line.startswith("-----")]
    return found


def _of_url(value: str) -> list[str]:
    """The password and the secret parameters of a URL."""
    if "://" not in value:
        return []
    try:
        parts = urlsplit(value.strip())
        found = [parts.password or ""]
    except ValueError:
        return []
    found += [item for key, item in parse_qsl(parts.query) if is_secret_name(key)]
    return [text for secret in found for text in (secret, unquote(secret))]


def _written(secret: str) -> set[str]:
    """A secret as itself, and as it stands in a URL, in JSON, in Python's notation and in HTML."""
    escaped = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    lower = {re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), text) for text in escaped}
    quoted = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    return {secret, html.escape(secret), *escaped, *lower, *quoted}


def _encoded(secret: str) -> set[str]:
    """What of a secret is the same in every base64 text that holds it."""
    content = secret.encode("utf-8", "surrogatepass")
    forms = set()
    for before in range(3):
        # Only whole groups of three bytes that hold nothing else.
        start = -before % 3
        inner = content[start : len(content) - (len(content) - start) % 3]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(inner).decode("ascii"))
    return {form for form in forms if len(form) >= _LONG}
