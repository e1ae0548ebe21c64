"""Whether git would leave files of a package out of a commit, which is how most packages get to RunPod."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from comfy2runpod.git import ignored_by_git


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
