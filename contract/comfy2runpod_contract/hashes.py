"""Hashes of files, as every document writes them."""

from __future__ import annotations

import re

_SHA256 = re.compile(r"[0-9a-f]{64}")


def sha256_hex(text: str) -> str | None:
    """A sha256 as 64 hex digits in lower case; None if the text is none."""
    digits = text.lower()
    return digits if _SHA256.fullmatch(digits) else None
