"""What is said where the simulator stands for ComfyUI, before anything else."""

from __future__ import annotations

SIMULATED = "Simulator: no ComfyUI, and no model runs. Media are placeholders of the size that the prompt implies."
REAL = "  For real ones: --comfyui URL, a ComfyUI that runs, such as http://127.0.0.1:8188"
