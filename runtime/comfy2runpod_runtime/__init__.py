"""The worker beside ComfyUI."""
