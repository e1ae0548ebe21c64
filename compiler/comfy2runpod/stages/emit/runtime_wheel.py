"""The wheel of the runtime alone, made from this installation's own files: what a worker's image installs of ours.

It is the same bytes wherever it is made, from a checkout and from an installed wheel: only the packages' own sources,
in order, without times, and uncompressed, because a compressor's output differs between its versions.
"""

from __future__ import annotations

import base64
import hashlib
import io
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from comfy2runpod import __version__
from comfy2runpod.stages.emit.environment import template_text
from comfy2runpod.stages.emit.image import WORKER_LOCK

DISTRIBUTION = "comfy2runpod_runtime"
# A package's folder for it. Not `wheels`, `lib` or `dist`: what git is often told to ignore would not reach the build.
WHEELS = "runtime"
_PACKAGES = ("comfy2runpod_contract", "comfy2runpod_runtime")
# The oldest time that a ZIP archive can say.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3

_METADATA = """\
Metadata-Version: 2.4
Name: comfy2runpod-runtime
Version: {version}
Summary: The worker of packages that comfy2runpod compiled
License-Expression: Apache-2.0
License-File: LICENSE
Requires-Python: >=3.11
Description-Content-Type: text/markdown
"""
_DESCRIPTION = """
The worker of packages that comfy2runpod compiled: the part of it that runs beside ComfyUI, without the compiler. Each
package brings its own.
"""
_WHEEL = """\
Wheel-Version: 1.0
Generator: comfy2runpod {version}
Root-Is-Purelib: true
Tag: py3-none-any
"""
_ENTRY_POINTS = """\
[console_scripts]
comfy2runpod-runtime = comfy2runpod_runtime.start.command:main
"""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel: its file name and its bytes."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """Of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


@lru_cache(maxsize=1)
def runtime_wheel() -> Wheel:
    """The runtime of this installation as a wheel, made when it is first needed.

    Raises:
        ModuleNotFoundError: this installation lacks the runtime.
    """
    info = f"{DISTRIBUTION}-{__version__}.dist-info"
    files = {f"{package}/{path}": data for package in _PACKAGES for path, data in _sources(package)}
    metadata = _METADATA + "".join(f"Requires-Dist: {requirement}\n" for requirement in requirements())
    files |= {
        f"{info}/METADATA": (metadata.format(version=__version__) + _DESCRIPTION).encode(),
        f"{info}/WHEEL": _WHEEL.format(version=__version__).encode(),
        f"{info}/entry_points.txt": _ENTRY_POINTS.encode(),
        f"{info}/licenses/LICENSE": template_text("LICENSE").encode(),
    }
    record = "".join(f"{name},{_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    return Wheel(f"{DISTRIBUTION}-{__version__}-py3-none-any.whl", _archive(files))


def requirements() -> tuple[str, ...]:
    """What the runtime needs of others, as `worker.in` lists it."""
    lines = (line.partition("#")[0].strip() for line in template_text("worker.in").splitlines())
    return tuple(line for line in lines if line)


def pinned() -> str:
    """The worker's requirements.txt: everything by version and hash, and the wheel beside it, which no index has."""
    wheel = runtime_wheel()
    return (
        f"--find-links {WHEELS}\n-r {WORKER_LOCK}\n"
        f"{DISTRIBUTION.replace('_', '-')}=={__version__} \\\n    --hash=sha256:{wheel.sha256}\n"
    )


def _sources(package: str) -> Iterator[tuple[str, bytes]]:
    """A package's modules and its py.typed, by their path in it, in order; nothing that merely lies beside them."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed beside comfy2runpod; install comfy2runpod again")
    root = Path(spec.submodule_search_locations[0])
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if _belongs(path.relative_to(root))}
    for name in sorted(found):
        if found[name].is_file() and not found[name].is_symlink():
            # As an editor on any system saved them.
            yield name, found[name].read_bytes().replace(b"\r\n", b"\n")


def _belongs(path: Path) -> bool:
    named = all(part.isidentifier() for part in (*path.parent.parts, path.stem))
    return named and (path.suffix == ".py" or path.name == "py.typed")


def _digest(data: bytes) -> str:
    return f"sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()}"


def _archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = _UNIX
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, data)
    return packed.getvalue()
