"""What the simulator makes beside what a real ComfyUI makes of the same prompts: `make sizes-real`."""
