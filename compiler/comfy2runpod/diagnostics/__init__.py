"""What can be wrong with a graph, and how it is reported.

Each thing that can be wrong is a small class in `comfy2runpod.errors`, a module for each stage:

    class LinkFromNoOutput(Diagnostic):
        "A link from an output that its node does not have."

        code = "link-from-no-output"
        slot: int
        outputs: tuple[str, ...]
        origin: Locus = also("the node")

        reason = Text("The link takes output {slot} of {origin.node_name}, whose outputs are: {outputs:list}.")
        remedy = Text("Link one of these outputs.")

Stages put diagnostics into a `Collector`; `render` makes text of them, `comfy2runpod.report` the formats for machines.
"""

from comfy2runpod.diagnostics.collector import (
    MOST_ERRORS,
    Collector,
    CompileError,
    UnreachableError,
)
from comfy2runpod.diagnostics.diagnostic import Diagnostic, Related, Severity, Text, also
from comfy2runpod.diagnostics.locus import Locus
from comfy2runpod.diagnostics.rendering import MOST_SHOWN, related_lines, render
from comfy2runpod.diagnostics.wording import Suggestions, all_of, chain, did_you_mean, displayed, nearest, shorten, show

__all__ = [
    "MOST_ERRORS",
    "MOST_SHOWN",
    "Collector",
    "CompileError",
    "Diagnostic",
    "Locus",
    "Related",
    "Severity",
    "Suggestions",
    "Text",
    "UnreachableError",
    "all_of",
    "also",
    "chain",
    "did_you_mean",
    "displayed",
    "nearest",
    "related_lines",
    "render",
    "shorten",
    "show",
]
