"""The committed packages' site, made once by the command itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import ROOT, comfy2runpod


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = comfy2runpod("docs", ROOT / "generated", "-o", folder)
    assert done.returncode == 0, done.stderr
    return folder
