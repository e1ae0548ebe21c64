"""The files of one job on their way to its caller: in the answer, or uploaded and named by URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from comfy2runpod_contract.limits import RUNSYNC_BYTES
from comfy2runpod_contract.messages import S3_CONFIG
from comfy2runpod_runtime.delivery.bucket import Bucket, BucketAccess, Stored
from comfy2runpod_runtime.delivery.s3_config import job_bucket
from comfy2runpod_runtime.errors import DeliveryFailed, FieldFault, InvalidInput, OutputTooLarge
from comfy2runpod_runtime.inputs.request_options import Delivery
from comfy2runpod_runtime.outputs.answer import Collected, Part, Result
from comfy2runpod_runtime.settings import Settings

_UPLOADS_AT_ONCE = 3
# Encoded in less time than a thread takes to be found.
_SMALL_BYTES = 1 << 17


class Outgoing:
    """How the files of one job leave.

    Args:
        delivery: how the request or the endpoint wants it; None: inline as long as that fits.
        bucket: where files can be uploaded, if anywhere.
        max_inline_bytes: what an answer may carry, before base64.
    """

    def __init__(self, delivery: Delivery | None, bucket: Bucket | None, max_inline_bytes: int) -> None:
        self._delivery = delivery
        self._bucket = bucket
        self._limit = max_inline_bytes
        self._stored: dict[str, Stored] = {}
        self._given: set[str] = set()
        self._at_once = asyncio.Semaphore(_UPLOADS_AT_ONCE)

    @property
    def early(self) -> bool:
        """Whether files can leave before the job ends: RunPod's updates carry URLs, but no files."""
        return self._delivery == "url"

    async def hand_over(self, results: Sequence[Result], prompt_id: str) -> tuple[Part, ...]:
        """Each result as it stands in the answer.

        Raises:
            OutputTooLarge: it fits no answer and may not or cannot go by URL; known before anything is encoded.
            DeliveryFailed: the storage did not take a file.
        """
        size = sum(item.size for item in results)
        bucket = self._bucket
        if bucket is None or self._delivery == "inline" or (self._delivery is None and size <= self._limit):
            if size > self._limit:
                raise self._too_large(size)
            if size <= _SMALL_BYTES:
                return tuple(item.inline() for item in results)
            return await asyncio.to_thread(lambda: tuple(item.inline() for item in results))
        parts = await self._uploaded(bucket, results, prompt_id)
        self._given |= {bucket.key(prompt_id, item.file_name) for item in results if isinstance(item, Collected)}
        return parts

    async def send_ahead(self, results: Sequence[Result], prompt_id: str) -> tuple[Part, ...]:
        """Uploads results of a job that still runs; they stay only if they are handed over in the end.

        Raises:
            DeliveryFailed: the storage did not take a file, or there is none.
        """
        if self._bucket is None:
            raise DeliveryFailed("The result could not be stored: there is no bucket.")
        return await self._uploaded(self._bucket, results, prompt_id)

    async def _uploaded(self, bucket: Bucket, results: Sequence[Result], prompt_id: str) -> tuple[Part, ...]:
        uploads = [asyncio.create_task(self._part(bucket, item, prompt_id)) for item in results]
        try:
            return tuple(await asyncio.gather(*uploads))
        except BaseException:
            for upload in uploads:
                upload.cancel()
            await asyncio.gather(*uploads, return_exceptions=True)
            raise

    async def __aenter__(self) -> Outgoing:
        """The job begins."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """What was uploaded is removed, if nobody gets its URL: of a job that failed, of a run that was repeated."""
        useless = [key for key in self._stored if kind is not None or key not in self._given]
        if self._bucket is not None and useless:
            await asyncio.shield(self._bucket.remove(useless))

    async def _part(self, bucket: Bucket, item: Result, prompt_id: str) -> Part:
        if not isinstance(item, Collected):
            return item.inline()
        key = bucket.key(prompt_id, item.file_name)
        async with self._at_once:
            if key not in self._stored or self._stored[key].sha256 != item.sha256:
                self._stored[key] = await bucket.put(item.path, key, item.measures.media_type, item.sha256)
        return item.elsewhere(self._stored[key].to_json())

    def _too_large(self, size: int) -> OutputTooLarge:
        ways = ["ask for a smaller size or fewer frames", "for images as jpeg or webp"]
        ways.append(
            "or for delivery by url"
            if self._bucket is not None
            else "or have a bucket set up for the endpoint (BUCKET_ENDPOINT_URL), or its MAX_INLINE_BYTES raised if it "
            f"is called with /runsync, which carries {RUNSYNC_BYTES // 10**6} MB"
        )
        text = ", ".join(ways)
        return OutputTooLarge(
            f"The result has {size:,} bytes; the answer can carry {self._limit:,}. {text[:1].upper()}{text[1:]}."
        )


class Deliveries:
    """How this worker's jobs are delivered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        access = _own(settings)
        self._bucket = None if access is None else Bucket(access)

    async def of(self, job: Mapping[str, object], asked: Delivery | None) -> Outgoing:
        """How a job is delivered: by its request, its own bucket, and the endpoint's settings, in this order.

        Raises:
            InvalidInput: its bucket cannot be used, or there is none for the URLs that it asks for.
        """
        raw = job.get(S3_CONFIG)
        bucket = self._bucket if raw is None else Bucket(await job_bucket(raw, self._settings))
        if asked == "url" and bucket is None:
            field, why = "output.delivery", "this endpoint has no bucket; leave it out, or send s3Config along"
            raise InvalidInput(f"The input was refused. {field}: {why}.", [FieldFault(field, why)])
        # Who brings a bucket wants the files in it.
        own = self._settings.output_delivery if raw is None else "url"
        return Outgoing(asked or own, bucket, self._settings.max_inline_bytes)


def _own(settings: Settings) -> BucketAccess | None:
    url, key, secret, name = (
        settings.bucket_endpoint_url,
        settings.bucket_access_key_id,
        settings.bucket_secret_access_key,
        settings.bucket_name,
    )
    if url is None or key is None or secret is None or name is None:
        return None
    return BucketAccess(
        endpoint_url=url,
        name=name,
        access_key_id=key.get_secret_value(),
        secret_access_key=secret.get_secret_value(),
        region=settings.bucket_region,
        prefix=settings.bucket_prefix,
        url_seconds=settings.bucket_url_seconds,
        upload_seconds=settings.bucket_timeout_seconds,
    )
