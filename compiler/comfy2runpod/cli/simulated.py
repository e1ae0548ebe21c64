"""--comfyui: the address of a ComfyUI, or the message that the simulator is used instead."""

from __future__ import annotations

import shutil
import textwrap
from urllib.parse import urlsplit

import click

from comfy2runpod.cli.report import Command

_SIMULATED = (
    "Simulator: no ComfyUI, and no model runs. Media are placeholders of the size that the prompt implies. "
    "For real ones: --comfyui URL, a ComfyUI that runs."
)
# As wide as other messages.
_WIDEST = 78
_SCHEMES = ("http", "https")


def simulated(columns: int | None = None) -> str:
    """An explanation of the simulator, in lines that fit the terminal."""
    columns = shutil.get_terminal_size().columns if columns is None else columns
    return textwrap.fill(_SIMULATED, max(20, min(columns - 1, _WIDEST)), subsequent_indent="  ", break_on_hyphens=False)


def comfyui_option(command: Command) -> Command:
    """--comfyui of the commands that run packages; the command gets an http address, or None."""
    return click.option(
        "--comfyui",
        metavar="URL",
        callback=_checked,
        help="A running ComfyUI. Default: the simulator, which runs no model.",
    )(command)


def _checked(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """The address, if it is valid: with an invalid one a worker reports that ComfyUI cannot be reached."""
    if value is None or _is_address(value):
        return value
    remedy = next((near for near in (f"http://{value}",) if "://" not in value and _is_address(near)), None)
    raise click.BadParameter(
        f"{value!r} is not the address of a ComfyUI; write {remedy or 'one such as http://127.0.0.1:8188'}"
    )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # Raises if it is not a number, or too large.
        _ = parts.port
    except ValueError:
        return False
    plain = text.isprintable() and not any(character.isspace() for character in text)
    return parts.scheme.lower() in _SCHEMES and bool(parts.hostname) and plain
