"""Stand-ins for the two services that tests cannot have: RunPod's queue, and ComfyUI with a GPU.

Each says what it does of the real service, and what it does not. Other stand-ins lie beside the tests that they are
for, because they stand for something else: servers whose bytes are not valid HTTP (`tests/clients/raw_server.py`,
`tests/cli/hostile_server.py`), the Hugging Face Hub (`tests/runtime/hub_standin.py`), a bucket's broken connections
(`tests/buckets/fault_proxy.py`), a media decoder (`tests/faults/decoder_standin.py`), and the ComfyUI that the real
editor loads its classes and files from and that runs nothing (`parity/server.py`). `comfy2runpod.simulator` is part of
the product.
"""
