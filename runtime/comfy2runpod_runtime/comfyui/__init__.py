"""Speaking to ComfyUI: HTTP, events, and the process itself."""
