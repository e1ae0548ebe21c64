"""Diagnostics as GitHub workflow commands: lines that a CI job prints and the pull request shows."""

from __future__ import annotations

from collections.abc import Iterable

from comfy2runpod.diagnostics import Severity, displayed, related_lines
from comfy2runpod.report.places import Placed
from comfy2runpod_contract.texts import visible

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def github_commands(found: Iterable[Placed]) -> str:
    """One line for each diagnostic."""
    return "".join(f"{_command(item)}\n" for item in found)


def _command(placed: Placed) -> str:
    diagnostic = placed.diagnostic
    properties = [("file", diagnostic.at.file)]
    if placed.line is not None:
        properties.append(("line", str(placed.line)))
    if placed.column is not None:
        properties.append(("col", str(placed.column)))
    properties.append(("title", diagnostic.code))
    named = ",".join(f"{key}={_property(value)}" for key, value in properties)
    lines = [str(diagnostic.at), diagnostic.reason, *(f"also: {line}" for line in related_lines(diagnostic))]
    message = displayed("\n".join([*lines, diagnostic.remedy]))
    return f"::{_COMMANDS[diagnostic.severity]} {named}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")
