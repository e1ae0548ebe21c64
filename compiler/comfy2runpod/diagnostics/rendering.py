"""Diagnostics as text."""

from __future__ import annotations

from collections.abc import Iterable

from comfy2runpod.diagnostics.diagnostic import Diagnostic
from comfy2runpod.diagnostics.wording import displayed

# Further places of one diagnostic that the text names.
_MOST_RELATED = 5
# Nobody reads more at a terminal.
MOST_SHOWN = 100


def render(diagnostics: Iterable[Diagnostic]) -> str:
    """Diagnostics as text: a headline with the place, then what is wrong, further places, and what to do.

    Whatever they quote, the text is safe for a terminal, and short enough to scroll through.
    """
    found = tuple(diagnostics)
    blocks = [_block(diagnostic) for diagnostic in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        blocks.append(f"… and {len(found) - MOST_SHOWN:,} more like these; --format json tells all of them.\n")
    return "\n".join(blocks)


def _block(diagnostic: Diagnostic) -> str:
    head = displayed(f"{diagnostic.severity.value}[{diagnostic.code}]: {diagnostic.at}")
    lines = [head, f"  {_indent(displayed(diagnostic.reason))}"]
    lines += [f"  also: {_indent(line)}" for line in related_lines(diagnostic)]
    return "\n".join([*lines, f"  help: {_indent(displayed(diagnostic.remedy))}\n"])


def related_lines(diagnostic: Diagnostic) -> list[str]:
    """The further places of a diagnostic, each a line of text; of many only the first."""
    related = diagnostic.related
    lines = [displayed(f"{item.at.seen_from(diagnostic.at)}: {item.label}") for item in related[:_MOST_RELATED]]
    if len(related) > _MOST_RELATED:
        lines.append(f"{len(related) - _MOST_RELATED:,} more places")
    return lines


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")
