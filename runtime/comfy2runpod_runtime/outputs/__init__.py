"""The files that ComfyUI saved: read, measured, encoded, and made into an answer."""
