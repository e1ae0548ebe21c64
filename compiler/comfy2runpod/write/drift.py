"""Whether a folder still is what would be written there. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod.write.errors import told
from comfy2runpod.write.look import differing


@dataclass(frozen=True, slots=True)
class Drift:
    """How a folder differs from what would be written, as paths in it.

    Attributes:
        lacking: files that are not there.
        changed: files with another content.
        obsolete: files of ours that would be written no longer, and are there.
    """

    lacking: tuple[str, ...]
    changed: tuple[str, ...]
    obsolete: tuple[str, ...]

    def without(self, paths: frozenset[str]) -> Drift:
        """The same without files that may be lacking."""
        return Drift(tuple(path for path in self.lacking if path not in paths), self.changed, self.obsolete)

    @property
    def is_none(self) -> bool:
        """Whether the folder is as it would be written."""
        return not (self.lacking or self.changed or self.obsolete)


def drift(files: Mapping[str, bytes], folder: Path) -> Drift:
    """Compares a folder with what would be written there; files of the user do not count.

    Args:
        files: content by path in the folder, with the manifest.
        folder: the folder; it may not be there.

    Raises:
        WriteError: it cannot be read.
    """
    with told(folder):
        lacking, changed, obsolete = differing(folder, files)
    return Drift(tuple(sorted(lacking)), tuple(sorted(changed)), tuple(sorted(obsolete)))
