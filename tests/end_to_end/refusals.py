"""What every refusal of a file has in common."""

from __future__ import annotations

from typing import Any


def check_refusal(error: dict[str, Any], field: str, reason: str) -> None:
    """The error refuses one field, says why in few words, and carries no secret, address or path."""
    assert error["code"] == "invalid_input"
    (detail,) = error["details"]
    assert detail["field"] == field
    assert reason in detail["message"]
    assert len(detail["message"]) < 200
    assert not any(secret in str(error) for secret in ("secret", "127.", "169.254", "passwd", "/tmp"))
