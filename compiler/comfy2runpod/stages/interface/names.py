"""Names of endpoints, fields and outputs: what may be one, and one made of a title."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection

# A package's name is a folder's.
LONGEST_NAME = 100
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# What is made of a title leaves room for a number.
_LONGEST_SLUG = 80
_LONGEST_TITLE = 1000
# What every object of JavaScript has: its types take no member of another kind.
_OF_JAVASCRIPT = frozenset({"constructor"})
# What every pydantic model has, in which a field of that name would hide it. Pydantic itself is slow to import.
_OF_MODELS = frozenset(
    {
        "construct", "copy", "dict", "from_orm", "json", "model_computed_fields", "model_config", "model_construct",
        "model_copy", "model_dump", "model_dump_json", "model_extra", "model_fields", "model_fields_set",
        "model_json_schema", "model_parametrized_name", "model_post_init", "model_rebuild", "model_validate",
        "model_validate_json", "model_validate_strings", "mro", "parse_file", "parse_obj", "parse_raw", "register",
        "schema", "schema_json", "update_forward_refs", "validate",
    }
)  # fmt: skip


def good_name(name: str) -> bool:
    """Whether it can be a name in code, in JSON and of a folder."""
    return (
        len(name) <= LONGEST_NAME
        and bool(_NAME.fullmatch(name))
        and not keyword.iskeyword(name)
        and name not in _OF_JAVASCRIPT
        and name not in _OF_MODELS
    )


def slug(text: str) -> str:
    """A name made of a title: `Frame count` becomes frame_count."""
    made = re.sub(r"[^a-z0-9]+", "_", text[:_LONGEST_TITLE].casefold())[:_LONGEST_SLUG].strip("_")
    return made if made[:1].isalpha() else f"graph_{made}".rstrip("_")


class FreeNames:
    """Names made of titles, each once and each one that may be: the second of a kind gets a 2 behind it."""

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = set(taken)
        self._last: dict[str, int] = {}

    def __call__(self, title: str, others: Collection[str] = ()) -> str:
        """The next free one, which is none of `others`."""
        base = name = slug(title)
        while name in self._taken or name in others or not good_name(name):
            self._last[base] = self._last.get(base, 1) + 1
            name = f"{base}_{self._last[base]}"
        self._taken.add(name)
        return name
