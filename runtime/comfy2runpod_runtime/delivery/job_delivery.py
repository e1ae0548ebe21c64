"""How the results of a job reach its caller: inline in the answer, or uploaded to a bucket and returned as URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from comfy2runpod_contract.limits import RUNSYNC_BYTES
from comfy2runpod_contract.messages import S3_CONFIG, Delivery
from comfy2runpod_runtime.delivery.bucket import Bucket, BucketAccess, StoredFile
from comfy2runpod_runtime.delivery.s3_config import job_bucket
from comfy2runpod_runtime.errors import DeliveryFailed, FieldFault, InvalidInput, OutputTooLarge
from comfy2runpod_runtime.outputs.answer import AnswerPart, FileResult, Result
from comfy2runpod_runtime.settings import Settings

_CONCURRENT_UPLOADS = 3
# Encoding so little is faster than switching to a thread.
_SMALL_BYTES = 1 << 17


class JobDelivery:
    """The delivery of one job's results. When the context ends, uploads that the caller did not get are deleted.

    Args:
        delivery: `inline` or `url`; None: inline if the results fit.
        bucket: where to upload files, if the endpoint or the job has a bucket.
        max_inline_bytes: the size of all inline results, before base64.
    """

    def __init__(self, delivery: Delivery | None, bucket: Bucket | None, max_inline_bytes: int) -> None:
        self._delivery = delivery
        self._bucket = bucket
        self._max_inline_bytes = max_inline_bytes
        self._stored: dict[str, StoredFile] = {}
        self._delivered_keys: set[str] = set()
        self._upload_slots = asyncio.Semaphore(_CONCURRENT_UPLOADS)

    @property
    def uploads_early(self) -> bool:
        """Whether files can be uploaded before the job ends: progress updates can contain URLs, but not files."""
        return self._delivery == "url"

    async def deliver(self, results: Sequence[Result], prompt_id: str) -> tuple[AnswerPart, ...]:
        """Encodes or uploads the results.

        Args:
            results: the results of all outputs.
            prompt_id: part of the names of uploaded files.

        Returns:
            The results in the form of the answer.

        Raises:
            OutputTooLarge: the results are too large for an answer, and cannot be uploaded. Raised before encoding.
            DeliveryFailed: an upload failed.
        """
        size = sum(result.size for result in results)
        bucket, limit = self._bucket, self._max_inline_bytes
        if bucket is None or self._delivery == "inline" or (self._delivery is None and size <= limit):
            if size > limit:
                raise self._too_large(size)
            if size <= _SMALL_BYTES:
                return tuple(result.inline() for result in results)
            return await asyncio.to_thread(lambda: tuple(result.inline() for result in results))
        parts = await self._upload_all(bucket, results, prompt_id)
        self._delivered_keys |= {
            bucket.key(prompt_id, result.file_name) for result in results if isinstance(result, FileResult)
        }
        return parts

    async def upload_early(self, results: Sequence[Result], prompt_id: str) -> tuple[AnswerPart, ...]:
        """Uploads results of a running job. They are deleted again unless `deliver` gets them in the end.

        Args:
            results: the results of one output.
            prompt_id: part of the names of uploaded files.

        Raises:
            DeliveryFailed: an upload failed, or there is no bucket.
        """
        if self._bucket is None:
            raise DeliveryFailed("The result could not be stored: there is no bucket.")
        return await self._upload_all(self._bucket, results, prompt_id)

    async def _upload_all(self, bucket: Bucket, results: Sequence[Result], prompt_id: str) -> tuple[AnswerPart, ...]:
        uploads = [asyncio.create_task(self._upload(bucket, result, prompt_id)) for result in results]
        try:
            return tuple(await asyncio.gather(*uploads))
        except BaseException:
            for upload in uploads:
                upload.cancel()
            await asyncio.gather(*uploads, return_exceptions=True)
            raise

    async def _upload(self, bucket: Bucket, result: Result, prompt_id: str) -> AnswerPart:
        if not isinstance(result, FileResult):
            return result.inline()
        key = bucket.key(prompt_id, result.file_name)
        async with self._upload_slots:
            if key not in self._stored or self._stored[key].sha256 != result.sha256:
                self._stored[key] = await bucket.upload(result.path, key, result.measures.media_type, result.sha256)
        return result.by_url(self._stored[key].to_json())

    async def __aenter__(self) -> JobDelivery:
        """Returns the delivery."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Deletes uploads that are in no answer: those of a failed job, or of an attempt that was retried."""
        orphaned = [key for key in self._stored if kind is not None or key not in self._delivered_keys]
        if self._bucket is not None and orphaned:
            await asyncio.shield(self._bucket.delete(orphaned))

    def _too_large(self, size: int) -> OutputTooLarge:
        remedies = ["request a smaller size or fewer frames", "images as jpeg or webp"]
        remedies.append(
            "or delivery by url"
            if self._bucket is not None
            else "or have a bucket set up for the endpoint (BUCKET_ENDPOINT_URL), or its MAX_INLINE_BYTES raised if it "
            f"is called with /runsync, which carries {RUNSYNC_BYTES // 10**6} MB"
        )
        text = ", ".join(remedies)
        return OutputTooLarge(
            f"The result has {size:,} bytes; the answer can carry {self._max_inline_bytes:,}. "
            f"{text[:1].upper()}{text[1:]}."
        )


class DeliveryFactory:
    """Makes the delivery of each job of this worker.

    Args:
        settings: the endpoint's bucket and default delivery.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        access = _endpoint_bucket(settings)
        self._bucket = None if access is None else Bucket(access)

    async def for_job(self, job: Mapping[str, object], requested: Delivery | None) -> JobDelivery:
        """Decides how a job is delivered: by its request, else its own bucket, else the endpoint's settings.

        Args:
            job: the raw job, which may carry `s3Config`.
            requested: the request's `output.delivery`.

        Raises:
            InvalidInput: the job's bucket cannot be used, or it asks for URLs and there is no bucket.
        """
        raw = job.get(S3_CONFIG)
        bucket = self._bucket if raw is None else Bucket(await job_bucket(raw, self._settings))
        if requested == "url" and bucket is None:
            field, reason = "output.delivery", "this endpoint has no bucket; leave it out, or send s3Config along"
            raise InvalidInput(f"The input was refused. {field}: {reason}.", [FieldFault(field, reason)])
        # A caller that sends a bucket wants the files in it.
        default = self._settings.output_delivery if raw is None else "url"
        return JobDelivery(requested or default, bucket, self._settings.max_inline_bytes)


def _endpoint_bucket(settings: Settings) -> BucketAccess | None:
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
