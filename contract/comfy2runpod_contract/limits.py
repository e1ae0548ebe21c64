"""How long a job may take and how large a request, an answer and an input may be: RunPod's limits, and ours."""

from __future__ import annotations

_DAY_MS = 24 * 3600 * 1000

# `policy.executionTimeout`: how long a job may run, in milliseconds; the default is RunPod's, of an endpoint not set.
SHORTEST_EXECUTION_MS = 5_000
LONGEST_EXECUTION_MS = 7 * _DAY_MS
DEFAULT_EXECUTION_MS = 600_000

# `policy.ttl`: when a job is dropped, counted from its sending, in milliseconds.
SHORTEST_TTL_MS = 10_000
LONGEST_TTL_MS = 7 * _DAY_MS
DEFAULT_TTL_MS = _DAY_MS

# The largest request, in bytes: to /run, and to /runsync, whose answer has no more either.
RUN_BYTES = 10_000_000
RUNSYNC_BYTES = 20_000_000

# `wait` of /runsync: after how many milliseconds a job that has not ended is answered as it is then.
DEFAULT_WAIT_MS = 90_000
LONGEST_WAIT_MS = 300_000

# How long RunPod keeps the result of a job that has ended.
RUN_KEPT_SECONDS = 30 * 60
RUNSYNC_KEPT_SECONDS = 60

# What an answer carries before base64, which makes 4 bytes of 3, and with room for what stands beside the file.
DEFAULT_INLINE_BYTES = 7_400_000

# Of a file of an input: what a worker takes if its operator sets nothing, and so the most that a note may allow.
MOST_INPUT_BYTES = 50_000_000

# The least that a note may allow: the example input of a package fits in it.
LEAST_INPUT_BYTES = 10_000
LEAST_INPUT_PIXELS = 1_024

# What ComfyUI's nodes take as a width or height at most (MAX_RESOLUTION).
LONGEST_IMAGE_SIDE = 16_384

# Of a file that a lock lists: a petabyte.
LARGEST_FILE_BYTES = 10**15

# `webhook`: an http or https URL with a host, and with a port that there can be; a regular expression of JSON Schema.
_PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})"
WEBHOOK_PATTERN = (
    "^https?://([A-Za-z0-9._~!$&'()*+,;=:%-]*@)?"
    rf"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:{_PORT})?([/?#][!-~]*)?$"
)
