"""Names the packages of generated/ whose images are made of other files than at a commit, as a line of JSON.

python scripts/changed_packages.py COMMIT      all of them, if there is no such commit, or none is named
"""

from __future__ import annotations

import json
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What a build reads besides what .dockerignore lets in.
BUILD = ("Dockerfile", ".dockerignore")


def main(root: Path, commit: str) -> int:
    packages = sorted(path.parent for path in root.glob("generated/*/Dockerfile"))
    changed = _changed(root, commit)
    names = [
        package.name
        for package in packages
        if changed is None or any(_is_input(package, path.relative_to(package)) for path in changed[package])
    ]
    print(json.dumps(names))
    return 0


def _changed(root: Path, commit: str) -> dict[Path, list[Path]] | None:
    """The changed files of each package; None if the commit is not known here."""
    # `--` and `^{commit}`: no option, and nothing but a commit.
    known = ["git", "rev-parse", "--quiet", "--verify", "--end-of-options", f"{commit}^{{commit}}"]
    if not commit or subprocess.run(known, cwd=root, capture_output=True, check=False).returncode != 0:
        return None
    diff = ["git", "diff", "--name-only", "--no-renames", "-z", "--end-of-options", commit, "HEAD", "--", "generated"]
    listed = subprocess.run(diff, cwd=root, check=True, capture_output=True, text=True).stdout
    found: dict[Path, list[Path]] = {path.parent: [] for path in root.glob("generated/*/Dockerfile")}
    for name in filter(None, listed.split("\0")):
        path = root / name
        for package, files in found.items():
            if path.is_relative_to(package):
                files.append(path)
    return found


def _is_input(package: Path, path: Path) -> bool:
    """Whether the image is made of a file of the package's."""
    lines = (package / ".dockerignore").read_text("utf-8").splitlines()
    let_in = [line[1:].strip("/") for line in lines if line.startswith("!")]
    name = path.as_posix()
    return name in BUILD or any(fnmatch(name, pattern) or name.startswith(f"{pattern}/") for pattern in let_in)


if __name__ == "__main__":
    sys.exit(main(ROOT, sys.argv[1] if len(sys.argv) > 1 else ""))
