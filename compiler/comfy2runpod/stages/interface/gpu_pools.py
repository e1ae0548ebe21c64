"""RunPod's GPU pools (its documentation, 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping

# Pool -> the memory of one GPU, in GB.
GPU_POOLS: Mapping[str, int] = {
    "AMPERE_16": 16,
    "AMPERE_24": 24,
    "ADA_24": 24,
    "ADA_32_PRO": 32,
    "AMPERE_48": 48,
    "ADA_48_PRO": 48,
    "AMPERE_80": 80,
    "ADA_80_PRO": 80,
    "BLACKWELL_96": 96,
    "HOPPER_141": 141,
    "BLACKWELL_180": 180,
}
