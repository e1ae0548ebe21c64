"""`.runpod/hub.json` and `.runpod/tests.json`: how RunPod's Hub lists a package, asks its deployer, and tests it.

The form is that of docs.runpod.io/hub/publishing-guide; `tests/package/hub.schema.json` holds every package to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from comfy2runpod.catalog.release import RELEASE
from comfy2runpod.ir.interface import Interface
from comfy2runpod.package_paths import EXAMPLE
from comfy2runpod.quoting import NotQuotable
from comfy2runpod.stages.emit.needs import (
    LONGEST_START_SECONDS,
    RUNPOD_START_SECONDS,
    container_disk_gb,
    start_seconds,
)
from comfy2runpod.stages.emit.tokens import Token, tokens
from comfy2runpod.stages.interface.gpu_pools import GPU_POOLS
from comfy2runpod.worker_settings import PLAIN_CHOICES, WorkerSetting, worker_settings
from comfy2runpod_contract.json_types import Json, JsonObject

INIT_TIMEOUT = "RUNPOD_INIT_TIMEOUT"
# What a deployer is asked, in this order. Everything else that a worker can be told is in .env.example.
_ASKED = {
    "WARMUP": "Warm-up",
    "BUCKET_ENDPOINT_URL": "Bucket: address",
    "BUCKET_NAME": "Bucket: name",
    "BUCKET_ACCESS_KEY_ID": "Bucket: access key",
    "BUCKET_SECRET_ACCESS_KEY": "Bucket: secret",
    "BUCKET_REGION": "Bucket: region",
    "OUTPUT_DELIVERY": "Delivery of files",
    "OUTPUT_FORMAT": "Format of images",
    "OUTPUT_METADATA": "Metadata of files",
    "COMFYUI_ARGS": "Arguments of ComfyUI",
    "JOB_TIMEOUT_SECONDS": "Time limit of a job",
    "LOG_FORMAT": "Format of the log",
    "REPORT_DIR": "Folder of failure reports",
}
_OF_FILES = ("BUCKET_", "OUTPUT_DELIVERY", "OUTPUT_METADATA")
_OF_IMAGES = ("OUTPUT_FORMAT",)
_PLAIN = ("WARMUP",)
_TYPES = {"text": "string", "number": "number", "boolean": "boolean"}


def hub_json(interface: Interface) -> JsonObject:
    """How the Hub lists the package.

    `endpointType` is left out: its one value is for load-balanced endpoints, and a package is a worker of a queue.
    """
    icon: JsonObject = {"iconUrl": interface.runpod.icon} if interface.runpod.icon else {}
    return {
        "title": interface.title,
        "description": interface.description or interface.title,
        "type": "serverless",
        "category": interface.outputs[0].hub_category(),
        **icon,
        "config": {
            "runsOn": "GPU",
            "containerDiskInGb": container_disk_gb(interface),
            "gpuCount": 1,
            "gpuIds": ",".join(interface.runpod.gpu),
            "allowedCudaVersions": [*RELEASE.host_cuda],
            "presets": [*_presets(interface)],
            "env": [*_inputs(interface)],
        },
    }


def hub_tests_json(interface: Interface, example: JsonObject) -> JsonObject:
    """How the Hub tests the package: the example, on a GPU of the pool that the graph wants first."""
    (pool, *_) = interface.runpod.gpu
    if pool not in GPU_POOLS:
        raise NotQuotable(f"{pool!r} is no GPU pool of RunPod's")
    return {
        "tests": [
            {
                "name": f"{interface.name}{EXAMPLE}",
                "input": example,
                "timeout": interface.runpod.execution_timeout_seconds * 1000,
            }
        ],
        "config": {
            "gpuTypeId": GPU_POOLS[pool].gpu,
            "gpuCount": 1,
            "env": [{"key": INIT_TIMEOUT, "value": str(start_seconds(interface))}],
            "allowedCudaVersions": [*RELEASE.host_cuda],
        },
    }


def _inputs(interface: Interface) -> Iterator[Json]:
    for token in tokens(interface):
        yield _token(token)
    yield {
        "key": INIT_TIMEOUT,
        "input": {
            "name": "Time limit of a start",
            "type": "number",
            "description": "Seconds that a worker may take to start before RunPod ends it. The first start downloads "
            "the models; RunPod's own limit is too short for large ones.",
            "min": RUNPOD_START_SECONDS,
            "max": LONGEST_START_SECONDS,
            "default": start_seconds(interface),
            "advanced": True,
        },
    }
    settings = worker_settings()
    for name, title in _ASKED.items():
        if _concerns(interface, name):
            yield _input(settings[name], title)


def _concerns(interface: Interface, name: str) -> bool:
    """Whether a setting changes anything for a package with these outputs."""
    if name.startswith(_OF_FILES):
        return any(output.is_file for output in interface.outputs)
    return not name.startswith(_OF_IMAGES) or any(output.encodings for output in interface.outputs)


def _token(token: Token) -> JsonObject:
    return {
        "key": token.name,
        "input": {
            "name": token.title,
            "type": "string",
            "description": token.description,
            "default": "",
            "required": token.required,
            "advanced": not token.asked,
        },
    }


def _input(setting: WorkerSetting, title: str) -> JsonObject:
    choices = PLAIN_CHOICES.get(setting.name, setting.choices)
    form: JsonObject = {
        "name": title,
        "type": "string" if choices else _TYPES[setting.kind],
        "description": setting.description,
        "default": _default(setting),
        "required": False,
        "advanced": setting.name not in _PLAIN,
    }
    if choices:
        form["options"] = [*_options(choices, setting.default)]
    return {"key": setting.name, "input": form}


def _default(setting: WorkerSetting) -> Json:
    if setting.kind == "number" and setting.default:
        value = float(setting.default)
        return int(value) if value.is_integer() else value
    return setting.default == "true" if setting.kind == "boolean" else setting.default


def _options(choices: Sequence[str], default: str) -> Iterator[Json]:
    if not default:
        yield {"label": "As the worker chooses", "value": ""}
    for choice in choices:
        yield {"label": choice, "value": choice}


def _presets(interface: Interface) -> Iterator[Json]:
    yield {"name": "Start with the first job", "defaults": {"WARMUP": "off"}}
    yield {"name": "Load the models before the first job", "defaults": {"WARMUP": "on"}}
    if _concerns(interface, "OUTPUT_DELIVERY"):
        yield {"name": "Files by URL, from a bucket", "defaults": {"WARMUP": "off", "OUTPUT_DELIVERY": "url"}}
