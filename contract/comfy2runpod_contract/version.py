"""The agreement between a package and the runtime, by number: the runtime refuses a package of another one."""

from __future__ import annotations

CONTRACT = 3
