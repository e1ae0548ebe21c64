"""Texts of strangers, fit to be shown: nothing in them moves a cursor, hides or turns other text, or ends a line."""

from __future__ import annotations

import re

# Controls but tab and line feed; marks that turn text round, break lines or cannot be seen; halves of pairs. What joins
# letters and emoji (U+200C, U+200D) stays.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_BASIC = 0xFFFF


def visible(text: str) -> str:
    r"""The text with every control character and unseen mark as its escape, `\u001b`; tabs and line feeds stay.

    The escapes are those of JSON, so that a JSON text stays one that holds the very same values.
    """
    return _UNSEEN.sub(_escape, text)


def unbroken(text: str) -> str:
    """The text with line feeds and tabs as `visible` has other control characters, which it leaves as they are."""
    return text.replace("\n", "\\u000a").replace("\t", "\\u0009")


def is_plain(text: str) -> bool:
    """Whether a text holds none of what `visible` makes visible, and no tab or line feed."""
    return _UNSEEN.search(text) is None and "\t" not in text and "\n" not in text


def one_line(text: str) -> str:
    """The text on one line, every run of white space a space, and the rest visible."""
    return visible(" ".join(text.split()))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= _BASIC:
        return f"\\u{code:04x}"
    code -= _BASIC + 1
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
