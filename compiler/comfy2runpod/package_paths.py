"""Where the documents of a compiled package are, for those who write them and those who read them."""

from __future__ import annotations

INPUT, OUTPUT = "docs/input.schema.json", "docs/output.schema.json"
MODELS, HUB, TESTS = "models.lock.json", ".runpod/hub.json", ".runpod/tests.json"
OPENAPI = "docs/openapi.json"
# What the name of the hub's test has behind the package's.
EXAMPLE = "_example"
