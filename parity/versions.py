"""The real editors that the suite drives, and where `make editors` puts their files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EditorVersion:
    """A released `comfyui-frontend-package`, and the profile of ours that reads graphs as it does."""

    profile: str
    version: str

    @property
    def static(self) -> Path:
        """The folder of the files that a browser loads."""
        return Path(sys.prefix) / "editors" / self.profile / "comfyui_frontend_package" / "static"


VERSIONS = {each.profile: each for each in (EditorVersion("1.43", "1.43.18"), EditorVersion("1.58", "1.58.1"))}
