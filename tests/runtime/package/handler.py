"""A small package as comfy2runpod generates them, for the runtime's own tests: the worker."""

from pathlib import Path

from patch import patch
from schema import Input, Output

from comfy2runpod_runtime import Endpoint
from comfy2runpod_runtime.outputs.video import Video

endpoint = Endpoint(
    package=Path(__file__).parent,
    contract=3,
    request=Input,
    answer=Output,
    patch=patch,
    seeds=("seed",),
    outputs=(Video(name="video", node="9"),),
)
handler = endpoint.handle

if __name__ == "__main__":
    endpoint.serve()
