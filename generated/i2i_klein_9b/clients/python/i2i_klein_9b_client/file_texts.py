"""A file as a text of a request: a URL, a data URL or base64, told apart and decoded alike in worker and client."""

from __future__ import annotations

import base64
import binascii
import re

# Relative: clients carry this module as it is.
from .wording import megabytes

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
# A parameter may have commas: browsers write `codecs=vp8,opus` for what they record.
_DATA_URL = re.compile(r"\s*data:[^,;]{0,200}(?:;[^;]{1,200}){0,10}?(;base64)?,", re.IGNORECASE)
_WHITESPACE = str.maketrans("", "", " \t\r\n")
# In characters. The smallest PNG, of one pixel, has 67 bytes.
_MIN_BASE64_LENGTH = 64
_URL_SAFE = str.maketrans("-_", "+/")


class FileTextError(ValueError):
    """What is wrong with a text that should be a file: a message for the caller, without the text."""


class NotBase64(FileTextError):
    """A text that is neither base64 nor a URL."""


def base64_in(text: str, example: str) -> str | None:
    """Returns what of a text is base64; None if it is an http or https URL.

    Args:
        text: a field's value.
        example: how a data URL of the field's kind begins, for the message.

    Raises:
        FileTextError: it is a data URL without base64, or a URL with another scheme.
    """
    scheme = _SCHEME.match(text[:100])
    match scheme[1].lower() if scheme else None:
        case None:
            return text
        case "http" | "https":
            return None
        case "data":
            head = _DATA_URL.match(text[:4096])
            if head is None or head[1] is None:
                raise FileTextError(f"is a data URL that is not in base64 ({example})")
            return text[head.end() :]
        case _:
            raise FileTextError("is a URL with an unsupported scheme; send base64, a data URL or an https URL")


def decode_base64(text: str, max_bytes: int) -> bytes:
    """Decodes base64 of the standard or the URL-safe alphabet, with or without line breaks and padding.

    Raises:
        FileTextError: it is something else (`NotBase64`), or has more than `max_bytes` bytes.
    """
    # Three bytes are four characters, and line breaks add a little. A longer text is refused before it is decoded.
    if len(text) > max_bytes // 3 * 4 * 1.1 + 100:
        raise too_large(max_bytes)
    try:
        data = base64.b64decode(_normalized(text.translate(_WHITESPACE)), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotBase64("is neither base64 nor a URL; send base64, a data URL or an https URL") from error
    check_size(len(data), max_bytes)
    return data


def check_size(size: int, max_bytes: int) -> None:
    """Checks the size of a file in bytes.

    Raises:
        FileTextError: it is larger than allowed.
    """
    if size > max_bytes:
        raise FileTextError(f"has {size:,} bytes; at most {megabytes(max_bytes)} are allowed")


def too_large(max_bytes: int) -> FileTextError:
    """The error of a file whose size is not known, but larger than allowed."""
    return FileTextError(f"has more than {megabytes(max_bytes)}, the largest size that is allowed")


def _normalized(text: str) -> str:
    """Base64 in the standard alphabet, with missing padding added.

    Raises:
        ValueError: the padding is wrong, or both alphabets are mixed.
    """
    if len(text) < _MIN_BASE64_LENGTH:
        # Too short for a file: probably a name or a path, many of which are valid base64 by chance without padding.
        return text
    body = text.rstrip("=")
    padding, needed = len(text) - len(body), -len(body) % 4
    if padding not in (0, needed):
        raise ValueError("wrong padding")
    if "-" in body or "_" in body:
        if "+" in body or "/" in body:
            raise ValueError("mixed alphabets")
        body = body.translate(_URL_SAFE)
    return body + "=" * needed
