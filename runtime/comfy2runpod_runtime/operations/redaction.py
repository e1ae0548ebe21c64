"""Removes secrets from logs and reports: values of environment variables, and text in the form of a token."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECRET_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
# Shorter values may be ordinary words, which would be replaced everywhere.
_MIN_LENGTH = 6
_MASK = "***"
_SECRET_PATTERN = re.compile(
    r"(?P<keep>(?:Bearer|Basic)\s+|[?&]X-Amz-(?:Signature|Credential|Security-Token)=|://[^\s/:@]*:)"
    r"[^\s&@\"']+|\b(?:hf|rpa|sk)_[A-Za-z0-9]{8,}"
)


class Redactor:
    """Replaces secrets in a text.

    Args:
        environment: the values of variables whose names contain KEY, TOKEN and the like are secrets.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        values = {
            value for name, value in environment.items() if _SECRET_NAMES.search(name) and len(value) >= _MIN_LENGTH
        }
        # The longest first, since one may contain another.
        self._values = sorted(values, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Returns the text with `***` in place of secrets."""
        for value in self._values:
            text = text.replace(value, _MASK)
        return _SECRET_PATTERN.sub(lambda match: (match["keep"] or "") + _MASK, text)
