"""The only writer to disk: what is written appears whole or not at all, and nothing of the user's is lost by it.

A folder of ours has a manifest of its files. Only those are replaced or removed, and only while they are as we wrote
them; all else in the folder stays. docs/architecture/12-writing.md says how.
"""

from __future__ import annotations

from comfy2runpod.write.errors import WriteError
from comfy2runpod.write.file import Replaceable, write_bytes, write_text
from comfy2runpod.write.folder import Written, package_files, write_package, write_site
from comfy2runpod.write.look import written_by_us
from comfy2runpod.write.manifest import MANIFEST
from comfy2runpod.write.results import check_room, write_results

__all__ = [
    "MANIFEST",
    "Replaceable",
    "WriteError",
    "Written",
    "check_room",
    "package_files",
    "write_bytes",
    "write_package",
    "write_results",
    "write_site",
    "write_text",
    "written_by_us",
]
