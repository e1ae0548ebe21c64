"""How long a job may take, as RunPod has it (the clients, which import nothing of ours, repeat it); a file's size."""

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

# Of a file that a lock lists: a petabyte.
LARGEST_FILE_BYTES = 10**15

# `webhook`: an http or https URL with a host, and with a port that there can be; a regular expression of JSON Schema.
_PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})"
WEBHOOK_PATTERN = (
    "^https?://([A-Za-z0-9._~!$&'()*+,;=:%-]*@)?"
    rf"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:{_PORT})?([/?#][!-~]*)?$"
)
