"""RunPod's GPU pools (its documentation, 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuPool:
    """A pool: the memory of one of its GPUs in GB, and a type of GPU that is in it, by RunPod's id."""

    memory_gb: int
    gpu: str


GPU_POOLS: Mapping[str, GpuPool] = {
    "AMPERE_16": GpuPool(16, "NVIDIA RTX A4000"),
    "AMPERE_24": GpuPool(24, "NVIDIA RTX A5000"),
    "ADA_24": GpuPool(24, "NVIDIA GeForce RTX 4090"),
    "ADA_32_PRO": GpuPool(32, "NVIDIA GeForce RTX 5090"),
    "AMPERE_48": GpuPool(48, "NVIDIA RTX A6000"),
    "ADA_48_PRO": GpuPool(48, "NVIDIA L40S"),
    "AMPERE_80": GpuPool(80, "NVIDIA A100-SXM4-80GB"),
    "ADA_80_PRO": GpuPool(80, "NVIDIA H100 80GB HBM3"),
    "BLACKWELL_96": GpuPool(96, "NVIDIA RTX PRO 6000 Blackwell Server Edition"),
    "HOPPER_141": GpuPool(141, "NVIDIA H200"),
    "BLACKWELL_180": GpuPool(180, "NVIDIA B200"),
}
