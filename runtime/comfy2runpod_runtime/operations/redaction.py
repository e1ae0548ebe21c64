"""Removes secrets from logs, reports and errors: the environment's, in whatever form, and texts in the form of one.

A value of the environment that is short, a plain word or a number is no secret wherever it stands, only where it is
named as one: `HF_TOKEN=default` is hidden, and "default" elsewhere is not.
"""

from __future__ import annotations

from collections.abc import Mapping

from comfy2runpod_contract.json_types import Json
from comfy2runpod_contract.secret_texts import MASK, is_secret_member, masked
from comfy2runpod_runtime.operations.known_secrets import KnownSecrets


class Redactor:
    """Replaces secrets in texts by `***`.

    Args:
        environment: the values of variables with names such as HF_TOKEN are secrets, and the passwords in their URLs.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._known = KnownSecrets(environment)

    def __call__(self, text: str) -> str:
        """Returns the text with `***` in place of secrets."""
        return masked(self._known.hidden(text, MASK))

    def json(self, value: object) -> Json:
        """Returns a copy of a JSON value in which each text is redacted; what JSON has no form for becomes a text."""
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self(value)
            case Mapping():
                return {self(str(name)): self._member(str(name), member) for name, member in value.items()}
            case list() | tuple():
                return [self.json(item) for item in value]
            case _:
                return self(str(value))

    def _member(self, name: str, value: object) -> Json:
        return MASK if isinstance(value, str) and is_secret_member(name, value) else self.json(value)
