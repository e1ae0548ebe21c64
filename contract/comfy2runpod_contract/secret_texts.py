"""What is a secret by its form, or by the name that it goes by: in URLs that are refused, in graphs, and in logs."""

from __future__ import annotations

import base64
import re
from binascii import Error as NotBase64
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

MASK = "***"

# Query keys that carry a secret, or a permission for a limited time: the whole key...
_PARAMETERS = frozenset(
    {
        "auth", "authkey", "awsaccesskeyid", "googleaccessid", "key", "keypairid", "pass", "pat", "policy", "session",
        "sessionid", "sign", "ticket", "user", "username",
    }
)  # fmt: skip
# ... one of its words, or its end if the words are not separated...
_WORDS = frozenset(
    {
        "accesskey", "apikey", "authorization", "bearer", "cookie", "credential", "credentials", "jwt", "passphrase",
        "passwd", "password", "privatekey", "pwd", "secret", "secretkey", "sig", "signature", "token",
    }
)  # fmt: skip
_ENDS = tuple(sorted(_WORDS - {"sig", "pwd", "cookie"}))
# ... except with one of these words, as in `max_tokens` or `token_type`.
_OF_TOKENS = frozenset({"count", "limit", "max", "min", "length", "size", "type"})
_SIGNED_PARAMETERS = ("x-amz-", "x-goog-", "x-oss-", "x-cos-", "q-sign", "q-signature")
# The last word of a name, of a variable for example, which alone says less: `SIGNING_KEY`, `DB_PASS`...
_LAST_WORDS = frozenset({"auth", "key", "keys", "pass", "passwords", "secrets", "tokens"})
# ... unless these say that the value is no secret itself, but where one is, or a part that everyone may have.
_NO_VALUES = frozenset({"dir", "file", "folder", "host", "name", "path", "port", "public", "sock", "uri", "url"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

# Values whose form shows that they are secrets.
SECRET_VALUE = re.compile(
    r"(?<![A-Za-z0-9])(?:hf_[A-Za-z0-9]{16,}|gh[opsur]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|gl[a-z]{2,6}-[\w.-]{16,}"
    r"|sk[-_][A-Za-z0-9_-]{16,}|rpa_[A-Za-z0-9]{16,}|xox[a-z]-[A-Za-z0-9-]{10,}|AIza[\w-]{30,}|ya29\.[\w-]{16,}"
    r"|(?:npm|glc|dop_v1|dckr_pat|r8|nvapi)[_-][A-Za-z0-9_-]{20,}|pypi-[\w-]{30,}|A[KS]IA[A-Z0-9]{12,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})"
)
_CHUNK = re.compile(r"[A-Za-z0-9]{8,200}")
# `a1b2`, or letters of both cases and a digit; not `float16`.
_RANDOM = re.compile(r"(?=.*[A-Za-z]).*[0-9].*[A-Za-z]|(?=.*[A-Z])(?=.*[a-z]).*[0-9]")

# What a pattern finds is `keep`, which stays, and a secret. Numbers bound how far each looks, so that a long text costs
# little; a secret that is longer goes on as `rest`.
# scheme://user:password@host. What follows the colon is a port unless an @ follows. A password may hold an unescaped
# slash, if it is not a port with a path.
_LOGIN = re.compile(
    r"(?P<keep>\b[A-Za-z][A-Za-z0-9+.-]{1,20}://(?P<user>[^\s/?#:@\"'<>\[]{0,256})(?P<colon>:)?)"
    r"(?(colon)(?:[^\s/?#\"'<>]{0,512}|(?!\d{1,5}[/?#])[^\s?#\"'<>@]{0,512}))(?=@)"
)
_LOGIN_OF_TOKEN = re.compile(r"(?P<keep>\b[A-Za-z][A-Za-z0-9+.-]{1,20}://)(?P<token>[^\s/?#:@\"'<>\[]{8,256})(?=@)")
# The query or fragment of a URL.
_PARAMETER = re.compile(r"(?P<keep>[?&;#](?P<name>[\w.~-]{1,64})=)(?P<value>[^\s&;#\"'<>]{1,128})")
# name=value, name: value, "name": "value", --name value.
_ASSIGNMENT = re.compile(
    r"(?P<keep>(?<![\w.?&;#-])(?P<dash>--)?(?P<quote>\\?[\"'])?(?P<name>[A-Za-z_][\w.-]{1,63})(?(quote)\\?[\"'])"
    r"(?:\s?(?P<sign>[=:])\s?|(?(dash)\s+|(?!)))(?P<open>b?\\?[\"'])?)"
    r"(?P<value>(?(open)(?:(?!\\?[\"']).){1,128}|[^\s,;\"'<>{}()\[\]]{1,128}))"
)
_HEADER = r"authorization\\?[\"']?\s{0,2}[:=,]\s{0,2}b?\\?[\"']?"
_SCHEME = re.compile(
    rf"(?P<keep>(?P<header>(?i:{_HEADER}))?\b(?P<name>(?i:Bearer|Basic|Token|Digest|ApiKey))\s+)"
    r"(?P<value>[A-Za-z0-9._~+/=-]{4,128})"
)
_COOKIE = re.compile(
    r"(?P<keep>\b(?i:set-cookie|cookie)\\?[\"']?\s{0,2}:\s{0,2}\\?[\"']?)[^\s\"'\\=;,]{1,200}=[^\"'\r\n]{0,4096}"
)
_PRIVATE_KEY = re.compile(
    r"(?P<keep>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?:(?!-----(?:BEGIN|END) )[\s\S]){1,20000}"
)
_LONGEST = 128
_REST = re.compile(r"[^\s,;&#\"'<>{}()\[\]]*")
# Values that say whether or how much, or a language model's marks such as <pad>, whatever their name.
_NO_SECRET = re.compile(r"(?i:true|false|none|null|yes|no|on|off|set|unset)|[0-9.]{0,9}|[<\[].*[>\]]|\*\*\*")
_ODD = re.compile(r"[0-9!@#$%^&*+=~]")
_PASSWORD_NAME = re.compile(r"(?i)(?:passw(?:or)?d|passphrase|pwd|secret)[0-9]*$")


def masked(text: str) -> str:
    """The text with `***` in place of what looks like a secret, by its form or by the name before it."""
    for pattern, is_secret in _FORMS:
        text = _masked(text, pattern, is_secret)
    return SECRET_VALUE.sub(MASK, text)


def holds_secret(text: str) -> bool:
    """Whether a text certainly holds a secret: a token of a known form, a private key, or a URL with credentials."""
    return SECRET_VALUE.search(text) is not None or any(
        _masked(text, pattern, is_secret) != text for pattern, is_secret in _CERTAIN_FORMS
    )


def _masked(text: str, pattern: re.Pattern[str], is_secret: Callable[[re.Match[str]], bool]) -> str:
    kept, done, at = [], 0, 0
    while (found := pattern.search(text, at)) is not None:
        if is_secret(found):
            kept += [text[done : found.end("keep")], MASK]
            rest = _REST.match(text, found.end()) if len(found.groupdict().get("value") or "") >= _LONGEST else None
            done = at = found.end() if rest is None else rest.end()
        else:
            # What follows the name may be the name of a secret, as in "Error: token=…".
            at = found.end("name") if "name" in pattern.groupindex else found.end()
    return "".join([*kept, text[done:]])


def is_secret_member(name: str, value: str, *, certain: bool = True) -> bool:
    """Whether a value is a secret by its name; not `certain` if it may be a word after the name, as in prose."""
    if _NO_SECRET.fullmatch(value) is not None:
        return False
    if is_secret_name(name):
        is_password = _PASSWORD_NAME.search(name) is not None and _ODD.search(value) is not None
        return certain or is_password or looks_random(value)
    return may_be_secret_name(name) and looks_random(value)


def looks_random(text: str) -> bool:
    """Whether a text looks like a generated secret, and not like words, a number or a URL."""
    return "://" not in text and " " not in text and any(map(_RANDOM.match, _CHUNK.findall(text[:1000])))


@lru_cache(1024)
def is_secret_parameter(key: str) -> bool:
    """Whether a URL's parameter carries a secret or a permission: `token`, `X-Api-Token`, `civitaiToken`, `key`."""
    return key.casefold().startswith(_SIGNED_PARAMETERS) or _squashed(key) in _PARAMETERS or _has_secret_word(key)


@lru_cache(1024)
def is_secret_name(name: str) -> bool:
    """Whether what goes by this name is certainly a secret: `HF_TOKEN`, `secretAccessKey`; not `TOKEN_FILE`."""
    words = _words(name)
    return bool(words) and words[-1] not in _NO_VALUES and "public" not in words and _has_secret_word(name)


@lru_cache(1024)
def may_be_secret_name(name: str) -> bool:
    """Whether what goes by this name may be a secret: `SIGNING_KEY` and `DB_PASS` too, but `cache_key` as well."""
    words = _words(name)
    if not words or "public" in words or not _OF_TOKENS.isdisjoint(words):
        return False
    by_last_word = len(words) > 1 and words[-1] in _LAST_WORDS
    return by_last_word or (words[-1].endswith("key") and words != ["key"]) or is_secret_name(name)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _squashed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _has_secret_word(name: str) -> bool:
    words = _words(name)
    if not _OF_TOKENS.isdisjoint(words):
        return False
    pairs = {first + second for first, second in pairwise(words)}
    return not _WORDS.isdisjoint(pairs.union(words)) or _squashed(name).rstrip("0123456789").endswith(_ENDS)


def _parameter(match: re.Match[str]) -> bool:
    name, value = match["name"], match["value"]
    # Of a signed URL's parameters, those of other names say when and how it was signed.
    signed = name.casefold().startswith(_SIGNED_PARAMETERS)
    return is_secret_member(name, value) or (not signed and is_secret_parameter(name) and looks_random(value))


def _assignment(match: re.Match[str]) -> bool:
    # In prose, a colon follows the name too: "token: unexpected end".
    certain = match["sign"] == "=" or match["quote"] is not None or match["dash"] is not None
    return is_secret_member(match["name"], match["value"], certain=certain)


def _authorization(match: re.Match[str]) -> bool:
    is_login = match["name"].casefold() == "basic" and _is_login(match["value"])
    return match["header"] is not None or is_login or looks_random(match["value"])


def _is_login(text: str) -> bool:
    """Whether it is base64 of `user:password`."""
    try:
        return b":" in base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except NotBase64:
        return False


_Form: TypeAlias = tuple[re.Pattern[str], Callable[[re.Match[str]], bool]]
_CERTAIN_FORMS: tuple[_Form, ...] = (
    (_PRIVATE_KEY, lambda _: True),
    (_LOGIN, lambda found: found["colon"] is not None),
    (_LOGIN_OF_TOKEN, lambda found: looks_random(found["token"])),
    (_PARAMETER, _parameter),
)
# What these find may also be a text about a secret.
_FORMS: tuple[_Form, ...] = (
    *_CERTAIN_FORMS,
    (_COOKIE, lambda _: True),
    (_SCHEME, _authorization),
    (_ASSIGNMENT, _assignment),
)
