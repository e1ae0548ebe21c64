"""Texts of a graph that are shown to people: untrusted, and made safe once, where they are read."""

from __future__ import annotations

from comfy2runpod_contract.texts import one_line, visible

# Longer ones would be cut wherever they are shown.
_LONGEST_TITLE = 200


class ForPeople:
    """Has texts for people: `title` and `source` on one line, and no control character in any, `description` too."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for name in ("title", "description", "source"):
            text = getattr(self, name, None)
            if isinstance(text, str):
                shown = visible(text) if name == "description" else one_line(text)
                object.__setattr__(self, name, shown if name == "description" else shown[:_LONGEST_TITLE])
