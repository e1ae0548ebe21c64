"""Compiles a saved ComfyUI workflow into a complete, typed RunPod Serverless endpoint."""

__version__ = "0.1.0"
