"""How a worker starts in its image: `comfy2runpod-runtime start`."""
