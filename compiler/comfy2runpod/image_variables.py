"""The variables that a graph's note may set in the image, and to what.

A graph may be a stranger's, and a variable can do anything: send a token elsewhere, load a library, run a program at a
start. So the list is of those that are allowed: none of them names an address, a folder, a file, a program or a
library, or allows callers more. All others belong to the endpoint, and so to who deploys it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from comfy2runpod.worker_settings import PLAIN_CHOICES, WorkerSetting, worker_settings

# As long as RunPod lets a job run: more than any of the settings is for, all of whose numbers are times or shares.
_MOST = 7 * 24 * 3600
_LONGEST = 1000
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Values:
    """What a variable may be set to: in words, and as a test of a text."""

    expected: str
    has: Callable[[str], bool]


def _one_of(*choices: str) -> Values:
    return Values(" or ".join(choices), choices.__contains__)


def _pattern(expected: str, pattern: str) -> Values:
    whole = re.compile(pattern)
    return Values(expected, lambda text: len(text) <= _LONGEST and whole.fullmatch(text) is not None)


def _number(least: float, most: float, *, whole: bool = False, above: float = -1) -> Values:
    def has(text: str) -> bool:
        if _NUMBER.fullmatch(text) is None or (whole and "." in text):
            return False
        return max(least, 0) <= float(text) <= most and float(text) > above

    low = f"above {above:g}" if above >= least else f"from {least:g}"
    return Values(f"a {'whole ' if whole else ''}number {low} to {most:,.10g}", has)


_THREADS = _number(1, 1024, whole=True)
_SWITCH = _one_of("0", "1")
# Of torch's allocator.
_ALLOCATOR_PAIR = (
    r"(?:(?:max_split_size_mb|max_non_split_rounding_mb|roundup_power2_divisions):[0-9]{1,6}"
    r"|garbage_collection_threshold:0\.[0-9]{1,4}|expandable_segments:(?:True|False)|backend:(?:native|cudaMallocAsync))"
)
_ALLOCATOR = _pattern(
    "torch's pairs of key and value, such as expandable_segments:True,max_split_size_mb:256",
    rf"{_ALLOCATOR_PAIR}(?:,{_ALLOCATOR_PAIR})*",
)
# Of the libraries below ComfyUI.
_OF_LIBRARIES: Mapping[str, Values] = MappingProxyType(
    {
        "CUBLAS_WORKSPACE_CONFIG": _one_of(":4096:8", ":16:8"),
        "CUDA_LAUNCH_BLOCKING": _SWITCH,
        "CUDA_MODULE_LOADING": _one_of("LAZY", "EAGER"),
        "MALLOC_ARENA_MAX": _THREADS,
        "MKL_NUM_THREADS": _THREADS,
        "NUMEXPR_NUM_THREADS": _THREADS,
        "NVIDIA_TF32_OVERRIDE": _SWITCH,
        "OMP_NUM_THREADS": _THREADS,
        "OPENBLAS_NUM_THREADS": _THREADS,
        "PYTORCH_ALLOC_CONF": _ALLOCATOR,
        "PYTORCH_CUDA_ALLOC_CONF": _ALLOCATOR,
        "TOKENIZERS_PARALLELISM": _one_of("true", "false"),
        "TORCHDYNAMO_DISABLE": _SWITCH,
        "TORCHINDUCTOR_COMPILE_THREADS": _THREADS,
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": _SWITCH,
    }
)


@dataclass(frozen=True, slots=True)
class _Takes:
    """The words behind an argument of ComfyUI's: how many at least and at most, and what each may be."""

    values: Values
    least: int = 1
    most: int = 1


# Arguments of ComfyUI's that stand alone: where models lie in memory, in which numbers they compute, what is kept.
_FLAGS = frozenset(
    {
        "--async-offload", "--bf16-text-enc", "--bf16-unet", "--bf16-vae", "--cache-classic", "--cache-none",
        "--cpu-vae", "--cuda-malloc", "--deterministic", "--disable-cuda-malloc", "--disable-mmap",
        "--disable-smart-memory", "--dont-upcast-attention", "--force-channels-last", "--force-fp16", "--force-fp32",
        "--force-upcast-attention", "--fp16-text-enc", "--fp16-unet", "--fp16-vae", "--fp32-text-enc", "--fp32-unet",
        "--fp32-vae", "--fp64-unet", "--fp8_e4m3fn-text-enc", "--fp8_e4m3fn-unet", "--fp8_e5m2-text-enc",
        "--fp8_e5m2-unet", "--fp8_e8m0fnu-unet", "--gpu-only", "--highvram", "--lowvram", "--mmap-torch-files",
        "--normalvram", "--novram", "--supports-fp8-compute", "--use-pytorch-cross-attention",
        "--use-quad-cross-attention", "--use-split-cross-attention",
    }
)  # fmt: skip
_TAKING: Mapping[str, _Takes] = MappingProxyType(
    {
        "--cache-lru": _Takes(_number(1, 1000, whole=True)),
        "--fast": _Takes(_one_of("fp16_accumulation", "fp8_matrix_mult", "cublas_ops"), least=0, most=3),
        "--reserve-vram": _Takes(_number(0, 1000)),
    }
)
COMFYUI_ARGUMENTS = tuple(sorted({*_FLAGS, *_TAKING}))


def _are_arguments(text: str) -> bool:
    """Whether it is arguments of ComfyUI's by their whole names, each with its values behind it."""
    words = text.split(" ") if text else []
    while words and len(text) <= _LONGEST:
        name = words.pop(0)
        if name in _FLAGS:
            continue
        takes = _TAKING.get(name)
        if takes is None:
            return False
        taken = 0
        while words and not words[0].startswith("--"):
            taken += 1
            if taken > takes.most or not takes.values.has(words.pop(0)):
                return False
        if taken < takes.least:
            return False
    return not words


_ARGUMENTS = Values(
    "arguments of ComfyUI that only tune it, a space between them: --highvram, --reserve-vram 2 and the others that "
    "docs/image.md lists",
    _are_arguments,
)


@lru_cache(maxsize=1)
def allowed_variables() -> Mapping[str, Values]:
    """What a graph's note may set, by name, sorted."""
    own = {name: _values(setting) for name, setting in worker_settings().items() if setting.by_graph}
    return dict(sorted({**_OF_LIBRARIES, **own}.items()))


def is_of_worker(name: str) -> bool:
    """Whether it is a setting of the worker's."""
    return name in worker_settings()


def _values(setting: WorkerSetting) -> Values:
    if choices := PLAIN_CHOICES.get(setting.name, setting.choices):
        return _one_of(*choices)
    if setting.kind == "number":
        most = _MOST if setting.most is None else setting.most
        least = 0 if setting.least is None else setting.least
        return _number(least, most, whole=setting.whole, above=-math.inf if setting.above is None else setting.above)
    if setting.name == "COMFYUI_ARGS":
        return _ARGUMENTS
    raise NotImplementedError(f"{setting.name} is marked as a graph's, and nothing says which texts it takes")
