"""`python -m comfy2runpod` is the same as `comfy2runpod`."""

from comfy2runpod.cli import main

main()
