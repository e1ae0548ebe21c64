"""Fresh environments, and what is run in them: outside the repository, with an empty home and few variables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Everything, as `make install-test` asks for it; else one Python and pip.
WHOLE = bool(os.environ.get("INSTALL_TESTS"))
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
# How a machine reaches its package index, and what spares downloads.
_KEPT = (
    "PIP_",
    "UV_",
    "SSL_",
    "REQUESTS_",
    "HTTP_",
    "HTTPS_",
    "NO_PROXY",
    "http_",
    "https_",
    "no_proxy",
    "LANG",
    "TMPDIR",
)
_HANG_SECONDS = 1800


@cache
def python(version: str) -> str | None:
    """A Python of this version that is here and can make environments, found as `make` finds it."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in (f"python{version}", *sorted(map(str, folder.glob(f"{version}.*/bin/python")))):
        command = ["sh", str(ROOT / "scripts" / "find_python.sh")]
        found = subprocess.run(
            command, env={**os.environ, "PYTHON": candidate}, capture_output=True, text=True, check=False
        )
        if found.returncode == 0:
            return found.stdout.strip()
    return None


def environment(home: Path, *folders: Path, **more: str) -> dict[str, str]:
    """A new user's shell: an empty home, a PATH, and access to the package index."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    path = os.pathsep.join([*map(str, folders), "/usr/local/bin", "/usr/bin", "/bin"])
    # uv, and pipx where it finds uv, trust only what they bring along unless they are told to ask the machine.
    return {
        "UV_SYSTEM_CERTS": "true", **kept, "HOME": str(home), "PATH": path, "PYTHONDONTWRITEBYTECODE": "1", **more
    }  # fmt: skip


def ran(command: Sequence[str | os.PathLike[str]], cwd: Path, env: Mapping[str, str]) -> str:
    """What a command prints on both outputs; it has to succeed."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, timeout=_HANG_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-6000:]}"
    return done.stdout


def fresh(folder: Path, version: str | None = None) -> Path:
    """The `bin` of a new environment, of this Python or of another version's."""
    chosen = sys.executable if version is None else python(version)
    assert chosen is not None, version
    subprocess.run([chosen, "-m", "venv", str(folder)], check=True, timeout=_HANG_SECONDS)
    return folder / "bin"


def tool(name: str) -> Path:
    """A tool of the developers' environment."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found is not None, name
    return Path(found)
