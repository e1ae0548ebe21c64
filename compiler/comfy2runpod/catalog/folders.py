"""ComfyUI's folders of files, and what it takes for a file of each."""

from __future__ import annotations

# Where uploads go, and where LoadImage and its kin read.
INPUT_FOLDER = "input"

# Folders that hold a user's images and sounds, not models.
INPUT_FOLDERS = frozenset({"input", "input3d", "output", "temp"})

# What ComfyUI takes for a model file, in every folder that takes one of them (folder_paths.supported_pt_extensions).
COMFYUI_MODEL_EXTENSIONS = frozenset({".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"})

# What a file of a model ends in: ComfyUI's own, and what packs add.
MODEL_EXTENSIONS = (*sorted(COMFYUI_MODEL_EXTENSIONS), ".engine", ".gguf", ".onnx", ".torchscript")
