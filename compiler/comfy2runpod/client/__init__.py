"""The client of a RunPod endpoint: the part that all packages' Python clients share.

`emit` copies these modules into `clients/python`, and `comfy2runpod batch` uses them. So they import only httpx, the
standard library and each other.
"""
