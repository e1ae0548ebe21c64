"""How an endpoint on RunPod is called: the part of every package's Python client that is the same for all.

`emit` copies these modules into `clients/python`; `comfy2runpod batch` calls endpoints with them itself. So they import
nothing but httpx, the standard library and each other.
"""
