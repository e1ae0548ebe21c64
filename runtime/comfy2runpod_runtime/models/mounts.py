"""Mounted file systems, as Linux lists them: where a path really lies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")
# Space, tab, line end and backslash are written as octal numbers.
_ESCAPED = re.compile(r"\\([0-7]{3})")
# Between a mount's optional fields and its file system.
_SEPARATOR = "-"
_FIRST_OPTIONAL_FIELD = 6
# Every FUSE file system reads through a process: on RunPod, those of network volumes. The rest are named by their type.
_NETWORK_TYPES = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "fuse", "fuseblk", "glusterfs", "gpfs", "juicefs", "lustre", "mfs",
        "moosefs", "ncpfs", "nfs", "nfs4", "pvfs2", "smb3", "virtiofs", "wekafs",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system.

    Attributes:
        point: where it is mounted.
        file_system: its type, such as `ext4` or `fuse.mfs`.
        options: the options of the mount and of the file system, such as `ro` and `noexec`.
    """

    point: Path
    file_system: str
    options: frozenset[str]

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written."""
        return "ro" in self.options

    @property
    def over_network(self) -> bool:
        """Whether reads leave this machine, or pass through a process as with FUSE."""
        name = self.file_system.lower()
        return name in _NETWORK_TYPES or name.startswith("fuse.") or name.rpartition(".")[2] in _NETWORK_TYPES


def read_mounts(table: Path = _TABLE) -> tuple[Mount, ...]:
    """Returns the mounts of this process, in order; none where the system does not list them."""
    try:
        lines = table.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ()
    return tuple(mount for line in lines if (mount := _parse(line)) is not None)


def mount_of(path: Path, mounts: Sequence[Mount]) -> Mount | None:
    """Returns the mount on which a path lies, whether or not the path exists.

    Args:
        path: symbolic links in it are followed.
        mounts: all mounts.
    """
    resolved = path.resolve()
    places = {resolved, *resolved.parents}
    # Of several at one place, the last hides the others.
    found = [mount for mount in mounts if mount.point in places]
    return max(enumerate(found), key=lambda entry: (len(entry[1].point.parts), entry[0]))[1] if found else None


def _parse(line: str) -> Mount | None:
    """`36 35 98:0 /root /point options [optional…] - type source options`."""
    fields = line.split(" ")
    try:
        separator = fields.index(_SEPARATOR, _FIRST_OPTIONAL_FIELD)
        point, options = fields[4], fields[5]
        file_system, _source, *of_file_system = fields[separator + 1 :]
    except (ValueError, IndexError):
        return None
    unescaped = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), point)
    return Mount(Path(unescaped), file_system, frozenset(",".join([options, *of_file_system]).split(",")))
