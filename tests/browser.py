"""Chromium for tests, and the check that CI skips nothing for the lack of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parity.editor import find_chromium


def missing(what: str) -> None:
    """Skips the test; fails it where browsers must be there, as in CI: nothing is to be skipped there unseen."""
    if os.environ.get("EDITOR_REQUIRED"):
        pytest.fail(what)
    pytest.skip(what)


def chromium() -> Path:
    """The browser."""
    found = find_chromium()
    if found is None:
        missing("no Chromium found: `make chromium` installs Debian's, or name one in CHROMIUM")
    assert found is not None
    return found
