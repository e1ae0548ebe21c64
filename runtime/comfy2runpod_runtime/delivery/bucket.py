"""Uploads files to S3-compatible storage, and makes URLs for them that expire.

Files are uploaded from disk in parts, so memory use does not depend on their size. Each part's signature covers its
sha256, so the storage rejects data that was corrupted on the network. Callers have no influence on object keys.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.wording import shorten
from comfy2runpod_runtime.errors import DeliveryFailed

if TYPE_CHECKING:
    from botocore.client import BaseClient

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# S3 accepts 10,000 parts per object: 160 GB.
_PART_BYTES = 16 << 20
_CONNECT_SECONDS, _READ_SECONDS = 10, 30
_ATTEMPTS = 4
# How long a job that has ended waits until its uploads stop, and until its objects are deleted.
_STOP_SECONDS = 5


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """A bucket and its access keys.

    Attributes:
        endpoint_url: the storage's URL, without the bucket's name.
        name: the bucket's name.
        access_key_id: the access key.
        secret_access_key: its secret.
        region: the bucket's region; None for us-east-1.
        prefix: what all object keys begin with.
        url_seconds: how long a URL is valid.
        upload_seconds: the time limit for the upload of one file.
    """

    endpoint_url: str
    name: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    region: str | None
    prefix: str
    url_seconds: int
    upload_seconds: float


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An uploaded file.

    Attributes:
        sha256: its sha256, in hexadecimal.
        url: a presigned URL.
        expires_at: when the URL expires (RFC 3339, UTC).
    """

    sha256: str
    url: str
    expires_at: str

    def to_json(self) -> JsonObject:
        """Returns the fields of the answer."""
        return {"url": self.url, "expires_at": self.expires_at}


class Bucket:
    """A client of one bucket. It connects at the first upload.

    Args:
        access: the bucket.
    """

    def __init__(self, access: BucketAccess) -> None:
        self._access = access
        self._client_lock = threading.Lock()

    def key(self, *names: str) -> str:
        """Returns the key of an object: the bucket's prefix and the names, joined by slashes."""
        return "/".join(part for part in (self._access.prefix.strip("/"), *names) if part)

    async def upload(self, path: Path, key: str, media_type: str, sha256: str) -> StoredFile:
        """Uploads a file, and checks the size of the stored object.

        Args:
            path: the file.
            key: the object's key.
            media_type: the object's content type.
            sha256: the file's sha256, stored as metadata.

        Raises:
            DeliveryFailed: the storage cannot be reached, refuses the file, or takes too long.
            asyncio.CancelledError: the upload was cancelled; the object is deleted.
        """
        stop = threading.Event()
        upload = _run_in_thread(lambda: self._upload(path, key, media_type, sha256, stop))
        try:
            async with asyncio.timeout(self._access.upload_seconds):
                return await asyncio.shield(upload)
        except TimeoutError:
            await self._abort(upload, stop, key)
            message = f"The result could not be stored: it took longer than {self._access.upload_seconds:g} s."
            raise DeliveryFailed(message) from None
        except asyncio.CancelledError:
            await asyncio.shield(self._abort(upload, stop, key))
            raise

    async def delete(self, keys: Iterable[str]) -> None:
        """Deletes objects. Failures are logged and ignored."""

        def delete_all() -> None:
            for key in keys:
                try:
                    self._client.delete_object(Bucket=self._access.name, Key=key)
                except Exception as error:  # noqa: BLE001 - a failed cleanup must not change the answer
                    log.warning("object %s could not be deleted from the bucket: %s", key, type(error).__name__)

        with suppress(TimeoutError):
            await asyncio.wait_for(_run_in_thread(delete_all), _STOP_SECONDS)

    async def _abort(self, upload: asyncio.Future[StoredFile], stop: threading.Event, key: str) -> None:
        """Stops an upload and deletes its object. A thread that hangs in a network call stops when the call returns."""
        stop.set()
        await asyncio.wait([upload], timeout=_STOP_SECONDS)
        if not upload.done():
            # Its result is ignored.
            upload.cancel()
        elif upload.exception() is None:
            # The upload had completed before it noticed the stop.
            await self.delete([key])

    def _upload(self, path: Path, key: str, media_type: str, sha256: str, stop: threading.Event) -> StoredFile:
        import boto3.exceptions  # noqa: PLC0415 - heavy, and only a worker with a bucket needs it
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        def check_stop(_bytes: int) -> None:
            if stop.is_set():
                raise _UploadStopped

        access, size = self._access, path.stat().st_size
        try:
            self._client.upload_file(
                str(path),
                access.name,
                key,
                ExtraArgs={"ContentType": media_type, "Metadata": {"sha256": sha256}},
                Callback=check_stop,
                Config=TransferConfig(
                    multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False
                ),
            )
            if stop.is_set():
                self._client.delete_object(Bucket=access.name, Key=key)
                raise _UploadStopped
            stored_size = self._client.head_object(Bucket=access.name, Key=key)["ContentLength"]
            # Computed before the signature, so that it is never later than the actual expiry.
            expires_at = datetime.now(UTC) + timedelta(seconds=access.url_seconds)
            url = self._client.generate_presigned_url(
                "get_object", Params={"Bucket": access.name, "Key": key}, ExpiresIn=access.url_seconds
            )
        except (ClientError, BotoCoreError, boto3.exceptions.Boto3Error) as error:
            log.warning("upload of %s failed: %s", key, shorten(str(error), 500))
            raise DeliveryFailed(f"The result could not be stored: {_reason(error)}.") from error
        if stored_size != size:
            raise DeliveryFailed(f"The result could not be stored: {stored_size:,} of its {size:,} bytes have arrived.")
        return StoredFile(sha256, url, expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"))

    @property
    def _client(self) -> BaseClient:
        # Several uploads run at the same time, and creating a client is not thread-safe.
        with self._client_lock:
            return self._cached_client

    @cached_property
    def _cached_client(self) -> BaseClient:
        import boto3  # noqa: PLC0415 - heavy, and only a worker with a bucket needs it
        from botocore.config import Config  # noqa: PLC0415

        access = self._access
        # Amazon requires the bucket name in the host for new regions; other storage often supports it only in the path.
        amazon = "amazonaws.com" in access.endpoint_url
        return boto3.session.Session().client(
            "s3",
            endpoint_url=access.endpoint_url,
            aws_access_key_id=access.access_key_id,
            aws_secret_access_key=access.secret_access_key,
            region_name=access.region or "us-east-1",
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "virtual" if amazon else "path", "payload_signing_enabled": True},
                # Many S3-compatible services do not support the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
            ),
        )


class _UploadStopped(Exception):
    """Ends an upload whose job has ended."""


def _run_in_thread(function: Callable[[], Result]) -> asyncio.Future[Result]:
    """Runs a function on a daemon thread: a thread of the loop's executor would keep the worker from exiting."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Result] = loop.create_future()

    def settle(outcome: Callable[[], None]) -> None:
        if not result.done():
            outcome()

    def run() -> None:
        try:
            outcome = partial(result.set_result, function())
        except BaseException as error:  # noqa: BLE001 - passed on
            outcome = partial(result.set_exception, error)
        # The loop may be closed: then there is no waiter.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name="bucket", daemon=True).start()
    return result


def _reason(error: Exception) -> str:
    """The reason of a failure, without the addresses and names in the messages of libraries."""
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        if isinstance(response, dict):
            return f"the storage refused it ({shorten(str(response.get('Error', {}).get('Code', 'no reason')), 60)})"
        cause = cause.__cause__ or cause.__context__
    return f"the storage cannot be reached ({type(error).__name__})"
