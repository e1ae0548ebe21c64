"""S3-compatible storage: files are uploaded, looked at, and given out by URLs that expire.

Uploads are read from disk in parts, so their memory does not grow with the file. Each part's sha256 is signed along
with it, so the storage refuses what the network changed. Objects are kept under names that no caller chooses.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.wording import shorten
from comfy2runpod_runtime.errors import DeliveryFailed

if TYPE_CHECKING:
    from botocore.client import BaseClient

log = logging.getLogger(__name__)

Thing = TypeVar("Thing")

# S3 takes 10,000 parts of an object: 160 GB of them.
_PART_BYTES = 16 << 20
_CONNECT_SECONDS, _READ_SECONDS = 10, 30
_TRIES = 4
# How long a job that is over waits for its uploads to notice, and for its objects to be removed.
_STOP_SECONDS = 5


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """Where results go. `url_seconds`: how long a URL works; `upload_seconds`: how long one file may take."""

    endpoint_url: str
    name: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    region: str | None
    prefix: str
    url_seconds: int
    upload_seconds: float


@dataclass(frozen=True, slots=True)
class Stored:
    """An uploaded file: its sha256, a URL that needs no log-in, and until when that works (RFC 3339, UTC)."""

    sha256: str
    url: str
    expires_at: str

    def to_json(self) -> JsonObject:
        """What an answer says of it."""
        return {"url": self.url, "expires_at": self.expires_at}


class Bucket:
    """One bucket and the keys to it. Nothing is connected before the first upload."""

    def __init__(self, access: BucketAccess) -> None:
        self._access = access
        self._making = threading.Lock()

    def key(self, *names: str) -> str:
        """The key of an object: the bucket's prefix, then these names."""
        return "/".join(part for part in (self._access.prefix.strip("/"), *names) if part)

    async def put(self, path: Path, key: str, media_type: str, sha256: str) -> Stored:
        """Uploads a file, and makes sure that it has arrived whole.

        Raises:
            DeliveryFailed: the storage cannot be reached, refuses it, or takes too long.
            asyncio.CancelledError: the object is removed again.
        """
        stop = threading.Event()
        work = _in_thread(lambda: self._put(path, key, media_type, sha256, stop))
        try:
            async with asyncio.timeout(self._access.upload_seconds):
                return await asyncio.shield(work)
        except TimeoutError:
            await self._give_up(work, stop, key)
            message = f"The result could not be stored: it took longer than {self._access.upload_seconds:g} s."
            raise DeliveryFailed(message) from None
        except asyncio.CancelledError:
            await asyncio.shield(self._give_up(work, stop, key))
            raise

    async def remove(self, keys: Iterable[str]) -> None:
        """Removes objects; what cannot be removed stays, and the log says so."""

        def remove() -> None:
            for key in keys:
                try:
                    self._client.delete_object(Bucket=self._access.name, Key=key)
                except Exception as error:  # noqa: BLE001 - the job is over: nothing may come of this
                    log.warning("object %s stays in the bucket: %s", key, type(error).__name__)

        with suppress(TimeoutError):
            await asyncio.wait_for(_in_thread(remove), _STOP_SECONDS)

    async def _give_up(self, work: asyncio.Future[Stored], stop: threading.Event, key: str) -> None:
        """Has an upload end, and its object removed; a thread that hangs in the network does so when it comes back."""
        stop.set()
        await asyncio.wait([work], timeout=_STOP_SECONDS)
        if not work.done():
            # Nobody looks at how it ends.
            work.cancel()
        elif work.exception() is None:
            # It had just ended, too late to see that it should not.
            await self.remove([key])

    def _put(self, path: Path, key: str, media_type: str, sha256: str, stop: threading.Event) -> Stored:
        import boto3.exceptions  # noqa: PLC0415 - heavy, and only a worker with a bucket needs it
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        def sent(_bytes: int) -> None:
            if stop.is_set():
                raise _Stopped

        access, size = self._access, path.stat().st_size
        try:
            self._client.upload_file(
                str(path),
                access.name,
                key,
                ExtraArgs={"ContentType": media_type, "Metadata": {"sha256": sha256}},
                Callback=sent,
                Config=TransferConfig(
                    multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False
                ),
            )
            if stop.is_set():
                self._client.delete_object(Bucket=access.name, Key=key)
                raise _Stopped
            there = self._client.head_object(Bucket=access.name, Key=key)["ContentLength"]
            # From before the signature's own time, so that it never says later than is true.
            until = datetime.now(UTC) + timedelta(seconds=access.url_seconds)
            url = self._client.generate_presigned_url(
                "get_object", Params={"Bucket": access.name, "Key": key}, ExpiresIn=access.url_seconds
            )
        except (ClientError, BotoCoreError, boto3.exceptions.Boto3Error) as error:
            log.warning("upload of %s failed: %s", key, shorten(str(error), 500))
            raise DeliveryFailed(f"The result could not be stored: {_reason(error)}.") from error
        if there != size:
            raise DeliveryFailed(f"The result could not be stored: {there:,} of its {size:,} bytes have arrived.")
        return Stored(sha256, url, until.strftime("%Y-%m-%dT%H:%M:%SZ"))

    @property
    def _client(self) -> BaseClient:
        # Several files of a job are uploaded at once, and making a client is not safe for that.
        with self._making:
            return self._made

    @cached_property
    def _made(self) -> BaseClient:
        import boto3  # noqa: PLC0415 - heavy, and only a worker with a bucket needs it
        from botocore.config import Config  # noqa: PLC0415

        access = self._access
        # Amazon no longer takes bucket names in paths of new regions; others often know nothing else.
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
                # Checksums of newer kinds are unknown to many of those who speak S3.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"mode": "standard", "total_max_attempts": _TRIES},
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
            ),
        )


class _Stopped(Exception):
    """The job is over: its upload is given up."""


def _in_thread(function: Callable[[], Thing]) -> asyncio.Future[Thing]:
    """Runs a function on a thread of its own: those of the loop's executor would keep a worker from leaving."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Thing] = loop.create_future()

    def settle(value: Thing | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(cast(Thing, value))

    def run() -> None:
        try:
            outcome: tuple[Thing | None, BaseException | None] = (function(), None)
        except BaseException as error:  # noqa: BLE001 - handed on
            outcome = (None, error)
        # A loop that has been closed since then has nobody who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, name="bucket", daemon=True).start()
    return result


def _reason(error: Exception) -> str:
    """Why, without the addresses and names that libraries put into their messages."""
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        if isinstance(response, dict):
            return f"the storage refused it ({shorten(str(response.get('Error', {}).get('Code', 'no reason')), 60)})"
        cause = cause.__cause__ or cause.__context__
    return f"the storage cannot be reached ({type(error).__name__})"
