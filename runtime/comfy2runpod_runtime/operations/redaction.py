"""What must not be read by whoever reads logs and reports: secrets of the environment, and what looks like one."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
# Shorter values are ordinary words, and would be cut out of everything.
_LEAST = 6
_HIDDEN = "***"
_LOOKS_LIKE_ONE = re.compile(
    r"(?P<keep>(?:Bearer|Basic)\s+|[?&]X-Amz-(?:Signature|Credential|Security-Token)=|://[^\s/:@]*:)"
    r"[^\s&@\"']+|\b(?:hf|rpa|sk)_[A-Za-z0-9]{8,}"
)


class Redactor:
    """Takes secrets out of texts.

    Args:
        environment: variables whose names say that they hold a secret give their values.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        values = {value for name, value in environment.items() if _NAMES.search(name) and len(value) >= _LEAST}
        # The longest first: one may be a part of another.
        self._values = sorted(values, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for value in self._values:
            text = text.replace(value, _HIDDEN)
        return _LOOKS_LIKE_ONE.sub(lambda found: (found["keep"] or "") + _HIDDEN, text)
