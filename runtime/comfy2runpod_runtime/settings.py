"""The worker's settings, each an environment variable of the same name in capitals.

Hugging Face's own variables keep their names and are read where they are used: HF_TOKEN, HF_ENDPOINT.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from comfy2runpod_contract.limits import DEFAULT_INLINE_BYTES, MOST_INPUT_BYTES, RUN_BYTES
from comfy2runpod_contract.media import ImageFormat
from comfy2runpod_contract.wording import shorten
from comfy2runpod_runtime.errors import SettingsError
from comfy2runpod_runtime.inputs.request_options import Delivery
from comfy2runpod_runtime.operations.logs import LogFormat

# The longest that a URL signed by SigV4 may work.
_WEEK_SECONDS = 7 * 24 * 3600


class Settings(BaseSettings):
    """Read once, when the worker starts. A variable that is set but empty counts as unset, as templates leave them."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    comfyui_url: str | None = Field(
        None, description="A running ComfyUI to use, by HTTP and websocket alone. Unset: the worker starts its own."
    )
    comfyui_dir: Path = Field(Path("/opt/comfyui"), description="Where ComfyUI's source is.")
    comfyui_python: Path = Field(
        Path("/opt/comfyui-venv/bin/python"),
        description="ComfyUI's own Python: torch lives there, not in the worker's.",
    )
    comfyui_port: int = Field(8188, description="The port of the worker's own ComfyUI.", ge=1, le=65535)
    comfyui_args: str = Field("", description="Further arguments for ComfyUI, such as --highvram.")
    comfyui_start_timeout_seconds: float = Field(
        300, description="How long ComfyUI may take to answer; a cold network volume is slow.", gt=0
    )
    comfyui_silence_seconds: float = Field(
        120,
        description="How long ComfyUI may not answer while a job runs: loading a large model can make it deaf.",
        gt=0,
    )
    comfyui_stall_seconds: float = Field(
        600,
        description="How long a running job may show no progress before it is stopped: a large model from a cold "
        "volume, or a long video's decoding, has no steps. Counted only while events come.",
        gt=0,
    )
    comfyui_blind_seconds: float = Field(
        1800,
        description="The same where no events come, though ComfyUI's queue says that the job runs: a proxy that takes "
        "no websocket, a connection that was lost. It may be making progress that nobody sees.",
        gt=0,
    )
    comfyui_interrupt_seconds: float = Field(
        30,
        description="How long ComfyUI may take to stop a job. After it, our own is ended and started anew, and a "
        "worker whose ComfyUI is not its own leaves.",
        gt=0,
    )
    concurrent_jobs: Literal["wait", "refuse"] = Field(
        "wait",
        description="What a second job does while one has the GPU: `wait` for its turn, or be `refuse`d at once as "
        "comfyui_unavailable. RunPod's queue gives a worker one at a time; a load balancer or --rp_serve_api may not.",
    )
    warmup: str = Field(
        "off",
        description="`on`: the package's test_input.json is run before the first job is taken; or a JSON file with an "
        "input of yours. It loads the models while the worker is not ready yet, and costs one job's time at each "
        "start; worth it where workers are started ahead of jobs. What fails in it is only logged.",
    )
    request_timeout_seconds: float = Field(30, description="How long one HTTP request to ComfyUI may take.", gt=0)
    job_timeout_seconds: float = Field(3600, description="How long a job may run before it is interrupted.", gt=0)
    poll_seconds: float = Field(
        2, description="How often the history is asked when no event comes; events only make it faster.", gt=0
    )
    progress_seconds: float = Field(
        1, description="The least time between two progress updates: each is an HTTP request of its own.", ge=0
    )
    max_inline_bytes: int = Field(
        DEFAULT_INLINE_BYTES,
        description="The largest result that is answered inline, before base64. The default fits "
        f"/run's {RUN_BYTES // 10**6} MB.",
        gt=0,
    )
    output_format: ImageFormat | None = Field(
        None,
        description="What images are encoded as where a request does not say; unset: as they were saved.",
    )
    output_quality: int | None = Field(
        None, description="The quality of jpeg and webp where a request does not say; 90 if unset.", ge=1, le=100
    )
    output_delivery: Delivery | None = Field(
        None,
        description="How files are given back where a request does not say: inline (base64) or url (from the bucket). "
        "Unset: inline as long as they fit; if they do not and there is a bucket, by URL.",
    )
    bucket_endpoint_url: str | None = Field(
        None,
        description="S3-compatible storage for results, without the bucket's name, such as "
        "https://s3.eu-central-1.amazonaws.com. This and the next three are set together.",
    )
    bucket_access_key_id: SecretStr | None = Field(None, description="The key that may write to and read from it.")
    bucket_secret_access_key: SecretStr | None = Field(None, description="Its secret.")
    bucket_name: str | None = Field(None, description="The bucket. It has to exist.")
    bucket_region: str | None = Field(None, description="Its region, if the storage asks for one; us-east-1 if unset.")
    bucket_prefix: str = Field(
        "comfy2runpod", description="What keys begin with: prefix/prompt id/output.extension, of a list output_01.…"
    )
    bucket_url_seconds: int = Field(
        86_400, description="How long the URL of a result works; the object itself stays.", ge=60, le=_WEEK_SECONDS
    )
    bucket_timeout_seconds: float = Field(600, description="How long the upload of one file may take.", gt=0)
    max_input_bytes: int = Field(
        MOST_INPUT_BYTES,
        description="The largest file of an input, given or fetched; a field's own limit counts if it is smaller.",
        gt=0,
    )
    decode_cpu_seconds: float = Field(
        30,
        description="The computing time that decoding one image of an input may take, in a process of its own; those "
        "of one request may take twice that together. The largest that a field can allow, 100 megapixels, take half.",
        ge=1,
    )
    decode_timeout_seconds: float = Field(
        120,
        description="How long decoding one image may take, however busy the machine: only a decoder that does "
        "nothing any more should meet it.",
        gt=0,
    )
    decode_memory_bytes: int = Field(
        2_500_000_000,
        description="The memory that decoding one image may take; the largest that a field can allow take 2 GB.",
        ge=200_000_000,
    )
    fetch_timeout_seconds: float = Field(
        30, description="How long fetching an input from a URL may take, redirects and all.", gt=0
    )
    fetch_allow_http: bool = Field(False, description="Whether inputs may be fetched by http, not only https.")  # noqa: FBT003
    fetch_allow_private_addresses: bool = Field(
        False,  # noqa: FBT003
        description="Whether inputs may be fetched from addresses inside the worker's network. For tests: it lets "
        "callers reach what only the worker should.",
    )
    comfyui_input_dir: Path | None = Field(
        None,
        description="The input folder of the ComfyUI at COMFYUI_URL, where the worker can reach it: a job's input "
        "files are removed there. Unset: they are emptied over HTTP, since ComfyUI has no way to remove them.",
    )
    log_format: LogFormat = Field(
        "auto", description="`json`: a JSON object a line; `text`: for people; `auto`: JSON on RunPod, else text."
    )
    report_dir: Path | None = Field(
        None,
        description="Where a job that fails leaves a report for you, such as /runpod-volume/reports: the error, the "
        "prompt, versions, timings and ComfyUI's last lines, without secrets. Unset: none. Refused input leaves none.",
    )
    report_files: int = Field(50, description="How many reports are kept; the oldest go.", gt=0)
    report_bytes: int = Field(20_000_000, description="How many bytes of reports are kept; the oldest go.", gt=0)
    models_dir: Path = Field(Path("/opt/comfyui/models"), description="Where model files are kept.")
    model_wait_seconds: float = Field(
        7200, description="How long to wait for another worker that downloads the same file to the same volume.", gt=0
    )
    hf_cache_dir: Path = Field(
        Path("/runpod-volume/huggingface-cache/hub"), description="RunPod's cache of Hugging Face repositories."
    )

    @field_validator("comfyui_url", "bucket_endpoint_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a URL such as http://127.0.0.1:8188")
        return value

    @model_validator(mode="after")
    def _bucket_is_whole(self) -> Settings:
        parts = {
            "BUCKET_ENDPOINT_URL": self.bucket_endpoint_url,
            "BUCKET_ACCESS_KEY_ID": self.bucket_access_key_id,
            "BUCKET_SECRET_ACCESS_KEY": self.bucket_secret_access_key,
            "BUCKET_NAME": self.bucket_name,
        }
        missing = [name for name, value in parts.items() if value is None]
        if missing and len(missing) < len(parts):
            raise ValueError(f"a bucket needs {', '.join(missing)} too")
        if missing and self.output_delivery == "url":
            raise ValueError(f"OUTPUT_DELIVERY=url needs a bucket: {', '.join(missing)}")
        return self

    @classmethod
    def read(cls) -> Settings:
        """The settings of this process's environment.

        Raises:
            SettingsError: some do not fit; the message names each variable.
        """
        try:
            return cls()
        except ValidationError as error:
            faults = "; ".join(
                ": ".join([*(str(place).upper() for place in fault["loc"][:1]), shorten(fault["msg"], 200)])
                for fault in error.errors(include_url=False, include_input=False)
            )
        raise SettingsError(f"Environment variables that do not fit: {faults}.")
