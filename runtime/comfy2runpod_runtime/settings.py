"""The worker's settings. Each is an environment variable with the same name in upper case.

Those of decoding are there for each kind of file (`DECODE_IMAGE_CPU_SECONDS`), with the kind's own defaults.
HF_TOKEN and HF_ENDPOINT, variables of Hugging Face, are read where they are used.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, SecretStr, ValidationError, create_model, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from comfy2runpod_contract.limits import DEFAULT_INLINE_BYTES, MOST_INPUT_BYTES, RUN_BYTES
from comfy2runpod_contract.media import ImageFormat
from comfy2runpod_contract.messages import Delivery
from comfy2runpod_contract.wording import shorten
from comfy2runpod_runtime.errors import SettingsError
from comfy2runpod_runtime.inputs.file_input import DecodeLimits, InputKind
from comfy2runpod_runtime.inputs.kinds import KINDS
from comfy2runpod_runtime.operations.logs import LogFormat

# The longest validity of a presigned URL (SigV4).
_WEEK_SECONDS = 7 * 24 * 3600
_MEMORY_SHARE = 0.95
# Who sets a variable, which every setting tells. A graph's note, which may be a stranger's, sets what only tunes: no
# value of such a setting reaches another address, folder or program, allows or discloses more, or raises what a caller
# may spend. The rest is for who deploys the endpoint.
_GRAPH: dict[str, JsonValue] = {"set_by": "graph"}
_ENDPOINT: dict[str, JsonValue] = {"set_by": "endpoint"}


class Settings(BaseSettings):
    """The settings, read once at the start of the worker. An empty variable counts as unset."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    comfyui_url: str | None = Field(
        None,
        json_schema_extra=_ENDPOINT,
        description="The URL of a running ComfyUI, which is used by HTTP and websocket alone. Unset: the worker "
        "starts its own.",
    )
    comfyui_dir: Path = Field(
        Path("/opt/comfyui"), json_schema_extra=_ENDPOINT, description="Where ComfyUI's source is."
    )
    comfyui_python: Path = Field(
        Path("/opt/comfyui-venv/bin/python"),
        json_schema_extra=_ENDPOINT,
        description="The Python interpreter of ComfyUI's environment, which has torch.",
    )
    comfyui_port: int = Field(
        8188, json_schema_extra=_ENDPOINT, description="The port of the worker's own ComfyUI.", ge=1, le=65535
    )
    comfyui_args: str = Field(
        "", json_schema_extra=_GRAPH, description="Further arguments for ComfyUI, such as --highvram."
    )
    comfyui_start_timeout_seconds: float = Field(
        300,
        json_schema_extra=_GRAPH,
        description="The time limit for ComfyUI's start. A cold network volume is slow.",
        gt=0,
    )
    comfyui_silence_seconds: float = Field(
        120,
        json_schema_extra=_GRAPH,
        description="How long ComfyUI may leave requests unanswered while a job runs. It may not answer while it "
        "loads a large model.",
        gt=0,
    )
    comfyui_stall_seconds: float = Field(
        600,
        json_schema_extra=_GRAPH,
        description="How long a running job may make no progress before it is stopped, if events arrive. Loading a "
        "large model from a cold volume, or decoding a long video, sends no events.",
        gt=0,
    )
    comfyui_blind_seconds: float = Field(
        1800,
        json_schema_extra=_GRAPH,
        description="The same if no events arrive although ComfyUI's queue lists the job as running, because a proxy"
        " does not support websockets or the connection was lost. There may be progress that the worker "
        "does not see.",
        gt=0,
    )
    comfyui_interrupt_seconds: float = Field(
        30,
        json_schema_extra=_GRAPH,
        description="How long ComfyUI may take to stop a job. After that, the worker's own ComfyUI is killed and "
        "restarted; with COMFYUI_URL, the worker shuts down.",
        gt=0,
    )
    concurrent_jobs: Literal["wait", "refuse"] = Field(
        "wait",
        json_schema_extra=_GRAPH,
        description="What happens to a second job while one uses the GPU: `wait`, or `refuse` it at once with "
        "comfyui_unavailable. RunPod's queue gives a worker one job at a time; a load balancer or --rp_serve_api may "
        "not.",
    )
    warmup: str = Field(
        "off",
        json_schema_extra=_GRAPH,
        description="`on` runs the package's test_input.json before the worker takes its first job; the path of a "
        "JSON file runs that input. It loads the models before the worker is ready, and takes the time "
        "of one job at each start, which is useful if workers are started ahead of jobs. Failures are "
        "only logged.",
    )
    request_timeout_seconds: float = Field(
        30, json_schema_extra=_GRAPH, description="The time limit for one HTTP request to ComfyUI.", gt=0
    )
    memory_share: float | None = Field(
        None,
        json_schema_extra=_ENDPOINT,
        description="The largest share of the host's memory (of the container's limit if it has one) that may be used "
        "between jobs. From nine tenths of it on, ComfyUI is asked to unload its models; if that does not help, the "
        "worker is replaced after the job's answer, before the kernel kills it in the middle of one. 0: not watched. "
        f"Unset: {_MEMORY_SHARE} for the worker's own ComfyUI, not watched with COMFYUI_URL, whose memory is not the "
        "worker's.",
        ge=0,
        le=1,
    )
    job_timeout_seconds: float = Field(
        3600,
        json_schema_extra=_GRAPH,
        description="The time limit for a whole job, after which it is interrupted.",
        gt=0,
    )
    poll_seconds: float = Field(
        2,
        json_schema_extra=_ENDPOINT,
        description="The interval at which ComfyUI's history is polled. Events only make it faster.",
        gt=0,
    )
    progress_seconds: float = Field(
        1,
        json_schema_extra=_ENDPOINT,
        description="The minimum time between two progress updates, each of which is an HTTP request.",
        ge=0,
    )
    preview_seconds: float = Field(
        0,
        json_schema_extra=_GRAPH,
        description="The minimum time between two previews in progress updates: a small picture of what the "
        "running node is making. Each takes ComfyUI some milliseconds, and each update some kilobytes. 0: no previews.",
        ge=0,
    )
    max_inline_bytes: int = Field(
        DEFAULT_INLINE_BYTES,
        json_schema_extra=_ENDPOINT,
        description="The largest result to return inline, in bytes before base64. The default fits the "
        f"{RUN_BYTES // 10**6} MB of /run.",
        gt=0,
    )
    output_format: ImageFormat | None = Field(
        None,
        json_schema_extra=_GRAPH,
        description="The image format if a request does not set one. Unset: as ComfyUI saved the image.",
    )
    output_quality: int | None = Field(
        None,
        json_schema_extra=_GRAPH,
        description="The quality of jpeg and webp if a request does not set it. Unset: 90.",
        ge=1,
        le=100,
    )
    output_delivery: Delivery | None = Field(
        None,
        json_schema_extra=_ENDPOINT,
        description="How files are returned if a request does not say: `inline` (base64) or `url` (from the bucket). "
        "Unset: inline if they fit, else by URL if there is a bucket.",
    )
    output_metadata: Literal["strip", "keep"] = Field(
        "strip",
        json_schema_extra=_GRAPH,
        description="Whether files keep the prompt that ComfyUI writes into them. `strip`: no file tells how the "
        "endpoint works, and the same request with the same seed gives the same bytes. `keep`: as ComfyUI saved "
        "them, also if an image is encoded in another format.",
    )
    bucket_endpoint_url: str | None = Field(
        None,
        json_schema_extra=_ENDPOINT,
        description="S3-compatible storage for results, without the bucket's name, such as "
        "https://s3.eu-central-1.amazonaws.com. This and the next three are set together.",
    )
    bucket_access_key_id: SecretStr | None = Field(
        None, json_schema_extra=_ENDPOINT, description="The access key, which needs read and write permission."
    )
    bucket_secret_access_key: SecretStr | None = Field(
        None, json_schema_extra=_ENDPOINT, description="The secret of the access key."
    )
    bucket_name: str | None = Field(
        None, json_schema_extra=_ENDPOINT, description="The name of the bucket, which must exist."
    )
    bucket_region: str | None = Field(
        None,
        json_schema_extra=_ENDPOINT,
        description="The region of the bucket, if the storage needs one. Unset: us-east-1.",
    )
    bucket_prefix: str = Field(
        "comfy2runpod",
        json_schema_extra=_ENDPOINT,
        description="The prefix of object keys, which are prefix/prompt id/output.extension; in a list, "
        "output_01.extension.",
    )
    bucket_url_seconds: int = Field(
        86_400,
        json_schema_extra=_ENDPOINT,
        description="How long the URL of a result is valid. The object itself is kept.",
        ge=60,
        le=_WEEK_SECONDS,
    )
    bucket_timeout_seconds: float = Field(
        600, json_schema_extra=_ENDPOINT, description="The time limit for the upload of one file.", gt=0
    )
    max_input_bytes: int = Field(
        MOST_INPUT_BYTES,
        json_schema_extra=_ENDPOINT,
        description="The largest input file, sent or fetched. A smaller limit of the field applies.",
        gt=0,
    )
    fetch_timeout_seconds: float = Field(
        30,
        json_schema_extra=_ENDPOINT,
        description="The time limit for fetching an input from a URL, including redirects.",
        gt=0,
    )
    fetch_allow_http: bool = Field(
        False,  # noqa: FBT003
        json_schema_extra=_ENDPOINT,
        description="Whether inputs may be fetched by plain HTTP.",
    )
    fetch_allow_private_addresses: bool = Field(
        False,  # noqa: FBT003
        json_schema_extra=_ENDPOINT,
        description="Whether inputs may be fetched from addresses that are not public. For tests only: it disables "
        "the protection against SSRF.",
    )
    comfyui_input_dir: Path | None = Field(
        None,
        json_schema_extra=_ENDPOINT,
        description="The input folder of the ComfyUI at COMFYUI_URL, if the worker can access it: a job's input files "
        "are deleted there. Unset: they are overwritten with empty files, since ComfyUI's API cannot delete files.",
    )
    log_format: LogFormat = Field(
        "auto",
        json_schema_extra=_GRAPH,
        description="`json` is one JSON object per line, `text` is for people, `auto` is JSON on RunPod and text "
        "elsewhere.",
    )
    report_dir: Path | None = Field(
        None,
        json_schema_extra=_ENDPOINT,
        description="A folder for the reports of failed jobs, such as /runpod-volume/reports. A report has the "
        "error, the prompt, versions, timings and the end of ComfyUI's log, without secrets. Invalid "
        "input writes none. Unset: no reports.",
    )
    report_files: int = Field(
        50, json_schema_extra=_ENDPOINT, description="How many reports to keep; the oldest are deleted.", gt=0
    )
    report_bytes: int = Field(
        20_000_000,
        json_schema_extra=_ENDPOINT,
        description="The total size of the reports to keep; the oldest are deleted.",
        gt=0,
    )
    models_dir: Path | None = Field(
        None,
        json_schema_extra=_ENDPOINT,
        description="The folder of the model files. Unset: `models` on the volume if one is mounted at VOLUME_DIR, "
        "else ComfyUI's own. A folder below VOLUME_DIR is an error if no volume is mounted there: nothing is "
        "downloaded into the container instead.",
    )
    volume_dir: Path = Field(
        Path("/runpod-volume"), json_schema_extra=_ENDPOINT, description="Where a network volume is mounted."
    )
    model_wait_seconds: float = Field(
        7200,
        json_schema_extra=_ENDPOINT,
        description="How long to wait while another worker downloads the same file to the same volume.",
        gt=0,
    )
    hf_cache_dir: Path = Field(
        Path("/runpod-volume/huggingface-cache/hub"),
        json_schema_extra=_ENDPOINT,
        description="RunPod's cache of Hugging Face repositories.",
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

    @field_validator("comfyui_args")
    @classmethod
    def _is_split(cls, value: str) -> str:
        try:
            shlex.split(value)
        except ValueError:
            raise ValueError("must be arguments as a shell takes them: a quotation mark is left open") from None
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

    def decode_limits(self, kind: InputKind) -> DecodeLimits:
        """What decoding one file of a kind may take."""
        cpu, wall, memory = _decode_names(kind)
        return DecodeLimits(getattr(self, cpu), getattr(self, wall), getattr(self, memory))

    def watched_memory_share(self) -> float:
        """Returns `memory_share`, or what it is where it is unset; 0 if memory is not watched."""
        if self.memory_share is not None:
            return self.memory_share
        return _MEMORY_SHARE if self.comfyui_url is None else 0

    @classmethod
    def read(cls) -> Settings:
        """Reads the settings from the environment.

        Raises:
            SettingsError: variables are invalid; the message names each.
        """
        try:
            return with_kinds()()
        except ValidationError as error:
            faults = "; ".join(
                ": ".join([*(str(place).upper() for place in fault["loc"][:1]), shorten(fault["msg"], 200)])
                for fault in error.errors(include_url=False, include_input=False)
            )
        raise SettingsError(f"Invalid environment variables: {faults}.")


@cache
def with_kinds() -> type[Settings]:
    """The settings, with those of decoding for each kind of file."""
    decoding: dict[str, Any] = {}
    for one in KINDS:
        decoding |= _decode_settings(one.kind)
    return create_model("Settings", __base__=Settings, **decoding)


def _decode_names(kind: InputKind) -> tuple[str, str, str]:
    """The settings of decoding a kind of file: CPU time, wall-clock time, memory."""
    return (
        f"decode_{kind.name}_cpu_seconds",
        f"decode_{kind.name}_timeout_seconds",
        f"decode_{kind.name}_memory_bytes",
    )


def _decode_settings(kind: InputKind) -> Mapping[str, tuple[type[float], Any]]:
    """The fields of these settings: the type and what pydantic is to know of each."""
    cpu, wall, memory = _decode_names(kind)
    limits = kind.decode_limits
    return {
        cpu: (
            float,
            Field(
                limits.cpu_seconds,
                json_schema_extra=_ENDPOINT,
                description=f"The CPU time limit for decoding one input {kind.name} and writing it anew, in a process "
                f"of its own. The {kind.plural} of a request share twice that. {kind.cpu_use}",
                ge=1,
            ),
        ),
        wall: (
            float,
            Field(
                limits.seconds,
                json_schema_extra=_ENDPOINT,
                description=f"The wall-clock time limit for decoding one {kind.name}. Only a decoder that hangs should "
                "reach it, also on a busy machine.",
                gt=0,
            ),
        ),
        memory: (
            int,
            Field(
                limits.memory_bytes,
                json_schema_extra=_ENDPOINT,
                description=f"The memory limit for decoding one {kind.name}. {kind.memory_use}",
                ge=200_000_000,
            ),
        ),
    }
