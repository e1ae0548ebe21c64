"""How long a test waits for an event: a guard against a hang, not a statement about speed.

It fits a machine that runs thirty other things. What has to come is waited for as an event; no test measures time by
it.
"""

HANG_SECONDS = 300.0
