"""A job's own bucket: the `s3Config` that RunPod lets a caller send beside the input.

The worker connects to the caller's URL, so the URL is checked against SSRF: it must be https, and all addresses of its
host must be public. TLS protects against DNS rebinding: a host inside the network has no certificate for the name.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from comfy2runpod_contract.addresses import is_public
from comfy2runpod_runtime.delivery.bucket import BucketAccess
from comfy2runpod_runtime.errors import FieldFault, InvalidInput
from comfy2runpod_runtime.inputs.validate import validate_request
from comfy2runpod_runtime.settings import Settings

_Text = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
_ENDPOINT = "endpointUrl"


class S3Config(BaseModel):
    """`s3Config`, as RunPod documents it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    access_id: _Text = Field(alias="accessId", repr=False)
    access_secret: _Text = Field(alias="accessSecret", repr=False)
    bucket_name: _Text = Field(alias="bucketName")
    endpoint_url: _Text = Field(alias=_ENDPOINT)


async def job_bucket(raw: object, settings: Settings) -> BucketAccess:
    """Validates a job's own bucket.

    Args:
        raw: the job's `s3Config`.
        settings: the region, prefix and time limits of the endpoint.

    Raises:
        InvalidInput: a field is missing or invalid, or the URL is not allowed.
    """
    try:
        given = validate_request(S3Config, raw)
    except InvalidInput as error:
        faults = [
            FieldFault(_field_name(fault.field), fault.message) for fault in error.details if hasattr(fault, "field")
        ]
        text = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise InvalidInput(f"The input was refused. {text}.", faults) from None
    await _check_url(given.endpoint_url, settings)
    return BucketAccess(
        endpoint_url=given.endpoint_url,
        name=given.bucket_name,
        access_key_id=given.access_id,
        secret_access_key=given.access_secret,
        region=settings.bucket_region,
        prefix=settings.bucket_prefix,
        url_seconds=settings.bucket_url_seconds,
        upload_seconds=settings.bucket_timeout_seconds,
    )


async def _check_url(url: str, settings: Settings) -> None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _refused("is not a valid URL") from None
    allowed = ("https", "http") if settings.fetch_allow_http else ("https",)
    if parts.scheme not in allowed or not host:
        raise _refused(f"must be a URL with {' or '.join(allowed)}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _refused("must be a URL without user, query or fragment")
    try:
        async with asyncio.timeout(settings.fetch_timeout_seconds):
            found = await asyncio.get_running_loop().getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _refused("names a host that has no address") from None
    if not settings.fetch_allow_private_addresses and not all(is_public(str(address[0])) for *_, address in found):
        raise _refused("names a host that is not at a public address")


def _field_name(field: str) -> str:
    return "s3Config" if field == "input" else f"s3Config.{field}"


def _refused(reason: str) -> InvalidInput:
    field = _field_name(_ENDPOINT)
    return InvalidInput(f"The input was refused. {field}: {reason}.", [FieldFault(field, reason)])
