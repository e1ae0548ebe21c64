"""What can be wrong with an API prompt that is given as such, beside what the server's check finds."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Text


class NodeWithoutClass(Diagnostic):
    """A node that does not say what it is."""

    code = "node-without-class"

    reason = Text("The node has no class_type. The editor leaves it out where it does not know a node's class.")
    remedy = Text("Export the prompt again from a ComfyUI that has the node's class, or without the node.")
