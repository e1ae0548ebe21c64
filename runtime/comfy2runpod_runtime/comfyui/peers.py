"""Who is at the other end of a connection on this machine: the worker's own ComfyUI, or another program on its port.

The kernel lists each TCP socket with an inode (`/proc/net/tcp`), and the sockets that each process holds
(`/proc/<pid>/fd`). The two ends of a connection are two rows, and the peer's row names the socket of the process that
answers. A connection cannot change hands, so one check of a new connection holds as long as that lasts.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

from comfy2runpod_contract.tether import process_parents

log = logging.getLogger(__name__)

Address: TypeAlias = tuple[str, int]
# Whether a connection from `local` to `remote` is one to our own ComfyUI.
PeerCheck: TypeAlias = Callable[[Address, Address], bool]

_PROC = Path("/proc")
_LISTENING = 0x0A
# A socket that is not accepted yet belongs to no process.
_NO_INODE = "0"
_IPV4_MAPPED = ipaddress.ip_network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class _Socket:
    local: Address
    remote: Address
    listening: bool
    inode: str


def is_held_by(root: int, local: Address, remote: Address) -> bool:
    """Returns whether the other end of a connection is held by a process or a descendant of it.

    Args:
        root: the process id.
        local: the address of this end.
        remote: the address of the other end, on this machine.
    """
    sockets = list(_sockets())
    inodes = {one.inode for one in sockets if (one.local, one.remote) == (remote, local)} - {_NO_INODE}
    if not inodes:
        # Not accepted yet: it will be by one that listens there.
        inodes = {one.inode for one in sockets if one.listening and _covers(one.local, remote)}
    held = _held_inodes(root) if inodes else set()
    return bool(inodes) and inodes <= held


@cache
def peers_are_known() -> bool:
    """Whether this system tells who holds a socket. It is tried with a socket of this process, once."""
    if sys.platform != "linux":
        return False
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        known = is_held_by(os.getpid(), client.getsockname(), client.getpeername())
    if not known:
        log.warning("this system does not tell who holds a socket: a program on ComfyUI's port would not be noticed")
    return known


def _covers(listening: Address, address: Address) -> bool:
    return listening[1] == address[1] and listening[0] in (address[0], "0.0.0.0", "::")  # noqa: S104 - compared only


def _sockets() -> Iterator[_Socket]:
    """The TCP sockets of this network namespace."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (_PROC / "net" / table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                with suppress(ValueError, IndexError):
                    local, remote = _address(fields[1]), _address(fields[2])
                    yield _Socket(local, remote, int(fields[3], 16) == _LISTENING, fields[9])


def _address(text: str) -> Address:
    """`0100007F:1F90`, in the machine's byte order by words of four bytes.

    Raises:
        ValueError: it is no address.
    """
    number, _, port = text.partition(":")
    raw = bytes.fromhex(number)
    if sys.byteorder == "little":
        raw = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    address = ipaddress.ip_address(raw)
    if isinstance(address, ipaddress.IPv6Address) and address in _IPV4_MAPPED:
        address = ipaddress.ip_address(raw[12:])
    return str(address), int(port, 16)


def _held_inodes(root: int) -> set[str]:
    """The inodes of the sockets that a process and its descendants hold."""
    held = set()
    for pid in _descendants(root):
        with suppress(OSError):
            for entry in (_PROC / str(pid) / "fd").iterdir():
                with suppress(OSError):
                    target = str(entry.readlink())
                    if target.startswith("socket:["):
                        held.add(target[len("socket:[") : -1])
    return held


def _descendants(root: int) -> set[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for process, parent in process_parents():
        children.setdefault(parent, []).append(process)
    found, left = set(), [root]
    while left:
        pid = left.pop()
        if pid not in found:
            found.add(pid)
            left += children.get(pid, ())
    return found
