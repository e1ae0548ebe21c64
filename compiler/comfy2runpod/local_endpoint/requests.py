"""Parses the body of a request as the OpenAPI document declares it. Every fault is a message for an answer 400."""

from __future__ import annotations

import re
from typing import cast

from comfy2runpod.client.text import read_json
from comfy2runpod.local_endpoint.jobs import Request
from comfy2runpod_contract.json_types import Json, JsonObject, json_type
from comfy2runpod_contract.limits import (
    DEFAULT_WAIT_MS,
    LONGEST_EXECUTION_MS,
    LONGEST_TTL_MS,
    LONGEST_WAIT_MS,
    SHORTEST_EXECUTION_MS,
    SHORTEST_TTL_MS,
    WEBHOOK_PATTERN,
)
from comfy2runpod_contract.messages import S3_CONFIG, S3_CONFIG_KEYS

_WEBHOOK = re.compile(WEBHOOK_PATTERN)


class BadRequest(Exception):
    """A request that is answered with 400; the message says why."""


def read_request(body: bytes, *, sync: bool) -> Request:
    """Parses the body of /run or /runsync.

    Args:
        body: the body.
        sync: whether it is that of /runsync.

    Raises:
        BadRequest: it is not JSON, or a key has a wrong type.
    """
    value = _parsed(body)
    if not isinstance(value, dict):
        raise BadRequest(f"The body must be an object with `input`, not {json_type(value)}.")
    if not isinstance(value.get("input"), dict):
        raise BadRequest("`input` is required and must be an object.")
    webhook = value.get("webhook")
    if "webhook" in value and not (isinstance(webhook, str) and _WEBHOOK.fullmatch(webhook)):
        raise BadRequest("`webhook` must be an http or https URL with a host, and a port up to 65535 if any.")
    policy = _object(value, "policy")
    s3 = _object(value, S3_CONFIG)
    for key, text in s3.items():
        if key in S3_CONFIG_KEYS and not isinstance(text, str):
            raise BadRequest(f"`{S3_CONFIG}.{key}` must be a string, not {json_type(text)}.")
    low = policy.get("lowPriority", False)
    if not isinstance(low, bool):
        raise BadRequest(f"`policy.lowPriority` must be a boolean, not {json_type(low)}.")
    return Request(
        input=value["input"],
        extras={S3_CONFIG: s3} if s3 else {},
        webhook=webhook if isinstance(webhook, str) else None,
        execution_seconds=_seconds(policy, "executionTimeout", SHORTEST_EXECUTION_MS, LONGEST_EXECUTION_MS),
        ttl_seconds=_seconds(policy, "ttl", SHORTEST_TTL_MS, LONGEST_TTL_MS),
        low_priority=low,
        sync=sync,
        size=len(body),
    )


def read_wait(text: str | None) -> float:
    """Parses the `wait` of /runsync, in milliseconds; returns seconds.

    Raises:
        BadRequest: it is not a number within RunPod's limits.
    """
    if text is None:
        return DEFAULT_WAIT_MS / 1000
    short = text.isascii() and text.isdigit() and len(text) <= len(str(LONGEST_WAIT_MS))
    if not short or not 1 <= int(text) <= LONGEST_WAIT_MS:
        raise BadRequest(f"`wait` must be from 1 to {LONGEST_WAIT_MS} milliseconds.")
    return int(text) / 1000


def _parsed(body: bytes) -> Json:
    try:
        # The depth is limited, since the input is serialized again for the worker.
        return cast(Json, read_json(body.decode("utf-8-sig")))
    except ValueError:
        raise BadRequest("The body is not JSON.") from None


def _object(value: JsonObject, key: str) -> JsonObject:
    found = value.get(key)
    if found is None and key not in value:
        return {}
    if not isinstance(found, dict):
        raise BadRequest(f"`{key}` must be an object, not {json_type(found)}.")
    return found


def _seconds(policy: JsonObject, key: str, shortest: int, longest: int) -> float | None:
    value = policy.get(key)
    if key not in policy:
        return None
    # In JSON Schema, 5.0 is an integer.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not shortest <= value <= longest:
        raise BadRequest(f"`policy.{key}` must be from {shortest:,} to {longest:,} milliseconds.")
    return value / 1000
