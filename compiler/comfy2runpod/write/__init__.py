"""Writes files and folders atomically, without losing files of the user. The only module that writes to disk.

A folder that we write has a manifest of its files. Only these are replaced or removed, and only if they are unchanged;
all other files stay. See docs/architecture/12-writing.md.
"""

from __future__ import annotations

from comfy2runpod.write.drift import Drift, drift
from comfy2runpod.write.errors import WriteError, WriteRefused
from comfy2runpod.write.file import Replaceable, remove, write_bytes, write_text
from comfy2runpod.write.folder import Written, package_files, write_package, write_site
from comfy2runpod.write.look import chosen_for, kind_of, written_by_us
from comfy2runpod.write.manifest import MANIFEST, Chosen, Source
from comfy2runpod.write.results import check_room, write_results

__all__ = [
    "MANIFEST",
    "Chosen",
    "Drift",
    "Replaceable",
    "Source",
    "WriteError",
    "WriteRefused",
    "Written",
    "check_room",
    "chosen_for",
    "drift",
    "kind_of",
    "package_files",
    "remove",
    "write_bytes",
    "write_package",
    "write_results",
    "write_site",
    "write_text",
    "written_by_us",
]
