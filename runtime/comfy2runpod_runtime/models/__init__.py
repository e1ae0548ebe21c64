"""Downloads, verifies and stores model files before ComfyUI starts."""
