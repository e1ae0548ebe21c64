"""What is said where the simulator stands for ComfyUI, before anything else."""

from __future__ import annotations

SIMULATED = """\
Simulator: no ComfyUI, and no model runs. Media are placeholders of the size
  that the prompt implies. For real ones: --comfyui URL, a ComfyUI that runs."""
