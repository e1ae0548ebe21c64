"""A job's input: validation, and the loading, decoding and re-encoding of media for ComfyUI."""
