"""Stands for Docker's command: hands each of its words that README.md uses to buildah or podman, which are here.

    python docker_standin.py STANDIN.json docker's words…

STANDIN.json says what is added: `build`, the options that put this machine's things in the place of the world's; `run`,
what podman needs here; `registry`, a folder in the place of every registry. What is taken away is `--gpus all`: this
machine has no GPU, and podman calls it otherwise.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import NoReturn


def main() -> NoReturn:
    """The command."""
    added = json.loads(Path(sys.argv[1]).read_text())
    match sys.argv[2:]:
        case ["version", *_]:
            become("buildah", "version")
        case ["build", "--progress=plain", *words]:
            become("buildah", "build", "--layers", *added["build"], *words)
        case ["run", "--rm", "--gpus", "all", *words]:
            become("podman", "--runtime", "runc", "run", "--rm", *added["run"], *words)
        case ["push", tag]:
            place = Path(added["registry"]) / tag
            place.mkdir(parents=True)
            become("buildah", "push", "--quiet", "--disable-compression", tag, f"dir:{place}")
        case words:
            sys.exit(f"the stand-in of docker does not know: docker {' '.join(words)}")


def become(*command: str) -> NoReturn:
    """The engine, in the place of this process."""
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
