"""What can be wrong with an API prompt that is given as such, beside what the server's check finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic


@dataclass(frozen=True, kw_only=True)
class NodeWithoutClass(Diagnostic):
    """A node that does not say what it is."""

    code: ClassVar[str] = "node-without-class"

    @property
    def reason(self) -> str:
        """Who writes such nodes."""
        return "The node has no class_type. The editor leaves it out where it does not know a node's class."

    @property
    def remedy(self) -> str:
        """Export it again where the class is known."""
        return "Export the prompt again from a ComfyUI that has the node's class, or without the node."
