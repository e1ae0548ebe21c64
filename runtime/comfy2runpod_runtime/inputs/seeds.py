"""Random seeds for requests that do not set one."""

from __future__ import annotations

import secrets

from pydantic import BaseModel

# Up to 2**53, every JSON parser represents an integer exactly.
_SEED_LIMIT = 2**53


def random_seed(request: type[BaseModel], name: str) -> int:
    """Draws a random seed within the bounds of a field, so that a caller can send it again.

    Args:
        request: the package's request model.
        name: the seed field.
    """
    bounds = request.model_fields[name].metadata
    low = max([0, *(bound.ge for bound in bounds if hasattr(bound, "ge"))])
    high = min([_SEED_LIMIT - 1, *(bound.le for bound in bounds if hasattr(bound, "le"))])
    return int(low) + secrets.randbelow(int(high) - int(low) + 1)
