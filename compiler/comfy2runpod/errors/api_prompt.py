"""What can be wrong with an API prompt that is given as such, beside what the server's check finds."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Text


class NodeWithoutClass(Diagnostic):
    """A node without a class."""

    code = "node-without-class"

    reason = Text("The node has no class_type. The editor omits it if it does not know the class of a node.")
    remedy = Text("Export the prompt again from a ComfyUI that has the class of the node, or without the node.")
