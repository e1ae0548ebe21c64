"""`comfy2runpod-runtime start` as process 1 of a container: real processes in Linux namespaces.

RunPod's queue and the Hugging Face hub are the stand-ins on loopback, and ComfyUI's program is a stand-in that the
worker starts itself. Everything else is real: process 1, the worker, the SDK, downloads, mounts and signals.
"""

from __future__ import annotations

import os

# All cases, as `make start-test` asks for them; else those with the mark `slice`.
WHOLE = os.environ.get("START_CASES") == "all"
