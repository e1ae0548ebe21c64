"""ComfyUI: its process, its HTTP API and its events."""
