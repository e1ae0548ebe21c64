"""A stand-in for ComfyUI: its protocol, its prompt check, and placeholder media of the implied size."""

from comfy2runpod.simulator.server import Simulator, running_simulator

__all__ = ["Simulator", "running_simulator"]
