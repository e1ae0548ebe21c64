"""How long the properties are tried: a few fixed examples in CI, or COUNT of them from SEED (`make fuzz`)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example, HealthCheck.filter_too_much]

settings.register_profile(
    "ci",
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    # A graph shrinks for minutes: `make fuzz` does that.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=_SLOW,
)
settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get("FUZZ_COUNT", "1")),
    derandomize=False,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=_SLOW,
)
settings.load_profile("fuzz" if "FUZZ_COUNT" in os.environ else "ci")
