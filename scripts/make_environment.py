"""Creates a virtual environment of this Python from locked packages and the project itself, and shows its progress.

python scripts/make_environment.py FOLDER LOCK [--compiled] [--alone]

The project is installed editable, by the lock's own hatchling, except with --alone. Bytecode is compiled when a module
is first imported; with --compiled for all modules now, which pays off if many processes will be started.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
_LINE_SECONDS = 3.0
_TAIL = 30


class Progress:
    """Progress as one line that is overwritten on a terminal; otherwise a line every few seconds."""

    def __init__(self) -> None:
        self._started = self._shown = time.monotonic()
        self._terminal = sys.stdout.isatty()
        self._width = 0

    def step(self, number: int, text: str) -> None:
        """Starts a step."""
        self._clear()
        print(f"[{number}/3] {text}", flush=True)
        self._shown = time.monotonic()

    def at(self, text: str) -> None:
        """Shows the progress of the step."""
        now = time.monotonic()
        if not self._terminal and now - self._shown < _LINE_SECONDS:
            return
        line = f"      {text}, {now - self._started:.0f} s"[
            : os.get_terminal_size().columns - 1 if self._terminal else None
        ]
        self._shown = now
        if self._terminal:
            print(f"\r{line.ljust(self._width)}", end="", flush=True)
            self._width = len(line)
        else:
            print(line, flush=True)

    @contextmanager
    def following(self, where: Callable[[], str]) -> Iterator[None]:
        """Shows the progress every second while the context is open."""
        ended = threading.Event()

        def follow() -> None:
            while not ended.wait(1):
                self.at(where())

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def done(self, text: str) -> None:
        """Ends the step."""
        self._clear()
        print(f"{text} ({time.monotonic() - self._started:.0f} s)", flush=True)

    def _clear(self) -> None:
        if self._width:
            print(f"\r{' ' * self._width}\r", end="")
            self._width = 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    folder, lock = options.folder, options.lock
    progress = Progress()
    total = len(re.findall(r"^[\w.-]+==", lock.read_text("utf-8"), re.MULTILINE))
    progress.step(1, f"environment {folder} of Python {sys.version.split()[0]} ({sys.executable})")
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not is_ours(python):
        venv.EnvBuilder(clear=folder.exists(), with_pip=True, symlinks=os.name != "nt").create(folder)
    progress.step(2, f"packages of {lock}, about {total}, each by version and hash; a minute or two")
    packages = ("install", "--no-deps", "--no-warn-conflicts", "--require-hashes", "-r", str(lock))
    if not pip(python, packages, progress, total):
        return 1
    if options.compiled:
        compile_all = ("-m", "compileall", "-q", "-j", "0", str(site_packages(python)))
        with progress.following(lambda: "making bytecode"):
            # Some packages contain modules for other versions of Python, which do not compile.
            subprocess.run([str(python), *compile_all], stdout=subprocess.DEVNULL, check=False)
    if not options.alone:
        progress.step(3, "comfy2runpod itself, editable")
        if not pip(python, ("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)), progress, 1):
            return 1
    progress.done(f"{folder} is ready")
    return 0


def is_ours(python: Path) -> bool:
    """Whether the environment exists and has the same Python, so that it only needs an update."""
    ask = "import sys, pip; print(sys.version)"
    try:
        said = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    return said.strip() == sys.version


def pip(python: Path, arguments: tuple[str, ...], progress: Progress, total: int) -> bool:
    """Runs pip and shows its progress; if it fails, its last output."""
    # Sequentially, this would take half of the whole time.
    command = [str(python), *PIP, *arguments, "--no-compile", "--progress-bar", "off"]
    site = site_packages(python)
    lines: list[str] = []
    state = "pip reads" if total > 1 else "building"
    # How many packages apply to this Python and machine, once pip has resolved them.
    chosen: int | None = None
    before = len(list(site.glob("*.dist-info")))

    def where() -> str:
        there = len(list(site.glob("*.dist-info"))) - before
        return state if chosen is None else f"unpacked {there} of {chosen}"

    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
        progress.following(where),
    ):
        collected = 0
        assert process.stdout is not None
        for line in process.stdout:
            lines = [*lines[-_TAIL:], line]
            if line.startswith("Collecting "):
                collected += 1
                state = f"fetched {collected} of about {total}, now {line.split()[1].partition('=')[0]}"
            elif line.startswith("Installing collected"):
                chosen = line.count(",") + 1
    if process.returncode:
        print(f"\n{' '.join(command)}\nended with code {process.returncode}:\n{''.join(lines)}", file=sys.stderr)
    return process.returncode == 0


def site_packages(python: Path) -> Path:
    """The folder of an environment's packages."""
    return next(python.parent.parent.glob("[Ll]ib/**/site-packages"))


if __name__ == "__main__":
    sys.exit(main())
