"""Whether git would leave files of a package out of a commit, which is how most packages get to RunPod."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

_SECONDS = 5.0


def ignored_note(packages: Iterable[Path], names: Iterable[str], output: Path) -> str:
    """What to do about files that git ignores: a line, or nothing.

    Args:
        packages: the folders that were written, in `output`.
        names: all that was written, as paths in `output`.
        output: the folder of the packages.
    """
    ignored = ignored_by_git(output, names)
    if not ignored:
        return ""
    more = f" and {len(ignored) - 1:,} more" if len(ignored) > 1 else ""
    folders = " ".join(shlex.quote(str(folder)) for folder in packages)
    return (
        f"Git ignores {output / ignored[0]}{more}: a commit would lack what the package needs.\n"
        f"  To commit it all the same: git add -f {folders}\n"
        "  Or compile into a folder of a repository that does not ignore it (-o)."
    )


def ignored_by_git(folder: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Those files of a folder that git ignores. None where there is no git or no repository, or it does not answer.

    Args:
        folder: it is there.
        names: paths in it.
    """
    git = shutil.which("git")
    place = folder.resolve()
    if git is None or not any((above / ".git").exists() for above in (place, *place.parents)):
        return ()
    # Programs that the repository configures must not be run.
    command = [git, "-c", "core.fsmonitor=false", "check-ignore", "--stdin", "-z"]
    try:
        done = subprocess.run(  # noqa: S603 - git itself
            command, cwd=place, input="\0".join(names).encode(), capture_output=True, timeout=_SECONDS, check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ()
    # 1 is none of them, 128 an error.
    return tuple(done.stdout.decode(errors="replace").rstrip("\0").split("\0")) if done.returncode == 0 else ()
