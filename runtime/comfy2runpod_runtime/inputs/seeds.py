"""Seeds that are drawn because a request has none."""

from __future__ import annotations

import secrets

from pydantic import BaseModel

# Random seeds stay where every JSON reader keeps them exactly.
_SEEDS = 2**53


def drawn_seed(request: type[BaseModel], name: str) -> int:
    """A random seed that the field takes, so that a caller can send it again."""
    bounds = request.model_fields[name].metadata
    low = max([0, *(bound.ge for bound in bounds if hasattr(bound, "ge"))])
    high = min([_SEEDS - 1, *(bound.le for bound in bounds if hasattr(bound, "le"))])
    return int(low) + secrets.randbelow(int(high) - int(low) + 1)
