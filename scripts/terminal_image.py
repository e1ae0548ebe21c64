"""Draws docs/terminal.svg: the output of real commands in a pseudo-terminal, as text in an image.

    python scripts/terminal_image.py

Colours are kept, and one frame of the progress bar. Ids and folders that differ each time are replaced, so that the
image only changes when the output does.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[1]
IMAGE = ROOT / "docs" / "terminal.svg"
WIDTH = 88
COMMANDS = (
    ["compile", "t2v_ltx2.json"],
    ["run", "generated/t2v_ltx2", "--input", '{"prompt": "a lighthouse in a storm", "seed": 7}'],
)
_REDRAWN = re.compile(r"[^\n]*\r\x1b\[2K|\x1b\[\?25[lh]|\x1b\[1A|\x1b\[2K|\r(?!\n)")
_FRAME = re.compile(r"\r\x1b\[2K([^\r\n]*Running[^\r\n]*%[^\r\n]*)")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def shown(arguments: list[str], folder: Path) -> str:
    """The whole output of a command."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "", "COLUMNS": str(WIDTH), "LINES": "40"}
    # As if it was installed: it calls itself by its plain name.
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    for name in ("NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "comfy2runpod", *arguments]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    if process.wait() != 0:
        raise SystemExit(f"{' '.join(arguments)}: exit code {process.returncode}")
    return b"".join(parts).decode().replace("\r\n", "\n")


def without_bar(text: str) -> str:
    """The final output, with the middle frame of the progress bar."""
    frames = [frame for frame in _FRAME.findall(text) if "starting" not in frame]
    frames = [frame for frame in frames if " 99%" not in frame] or frames
    # Rich moves the cursor up and clears, which removes what was drawn before.
    kept = [line for line in _REDRAWN.sub("", text).split("\n") if "━" not in line]
    if frames:
        at = next(number for number, line in enumerate(kept) if not line.startswith(("Simulator", "  ")))
        kept.insert(at, frames[len(frames) // 2])
    return "\n".join(kept).rstrip("\n")


def main() -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ROOT / "graphs" / "t2v_ltx2.json", folder)
        for arguments in COMMANDS:
            typed = " ".join(f"'{word}'" if " " in word else word for word in arguments)
            console.print(Text.assemble(("$ ", "bold green"), (f"comfy2runpod {typed}", "bold")))
            said = _UUID.sub("6f1c5a0e-0d53-4c6e-9f0a-2a4f3f0d7b11", without_bar(shown(arguments, folder)))
            console.print(Text.from_ansi(said), soft_wrap=False)
            console.print()
    image = console.export_svg(title="comfy2runpod", theme=MONOKAI, unique_id="terminal")
    # An image in a README loads nothing, and contains no foreign URL.
    image = re.sub(r"<!--.*?-->\s*", "", image, flags=re.DOTALL)
    image = re.sub(r"@font-face \{.*?\}\s*", "", image, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
    IMAGE.write_text("\n".join(line.rstrip() for line in image.splitlines()) + "\n", encoding="utf-8")
    print(f"{IMAGE.relative_to(ROOT)}: {IMAGE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
