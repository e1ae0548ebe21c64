"""The prompt validation of ComfyUI's server, from the catalog: the same faults on the same nodes and inputs."""

from comfy2runpod.server_check.faults import NodeFault, PromptError, PromptFault, Verdict
from comfy2runpod.server_check.inputs import Files, converted, link_fits, live_inputs
from comfy2runpod.server_check.parse import parse_node, parse_prompt
from comfy2runpod.server_check.walk import validate_prompt

__all__ = [
    "Files",
    "NodeFault",
    "PromptError",
    "PromptFault",
    "Verdict",
    "converted",
    "link_fits",
    "live_inputs",
    "parse_node",
    "parse_prompt",
    "validate_prompt",
]
