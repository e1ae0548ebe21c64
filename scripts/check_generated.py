"""Type-checks generated packages strictly, each alone, as a worker imports it.

python scripts/check_generated.py PACKAGE…
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def main(packages: list[str]) -> int:
    failed = 0
    for package in map(Path, packages):
        modules = [str(package / name) for name in ("schema.py", "patch.py", "handler.py")]
        modules += [str(path) for path in sorted(package.glob("clients/python/**/*.py"))]
        environment = {**os.environ, "MYPYPATH": str(package)}
        print(f"{package}: ", end="", flush=True)
        done = subprocess.run([sys.executable, "-m", "mypy", "--strict", *modules], env=environment, check=False)
        failed += done.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
