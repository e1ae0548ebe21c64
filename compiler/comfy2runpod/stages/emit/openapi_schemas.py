"""The schemas that the operations of the OpenAPI document name: requests, jobs in their states, errors."""

from __future__ import annotations

from comfy2runpod.ir.interface import Interface
from comfy2runpod.quoting import markdown
from comfy2runpod.stages.emit.schemas import input_schema, output_schema
from comfy2runpod_contract.faults import FAULTS
from comfy2runpod_contract.job_status import JobStatus
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.limits import (
    LONGEST_EXECUTION_MS,
    LONGEST_TTL_MS,
    SHORTEST_EXECUTION_MS,
    SHORTEST_TTL_MS,
    WEBHOOK_PATTERN,
)
from comfy2runpod_contract.messages import PREVIEW_BYTES, PREVIEW_SIDE, S3_CONFIG, S3_CONFIG_KEYS

JOB_ID = "c80ffee4-f315-4e25-a146-0f3d98cf024b-u1"
# The schema of a job in each of its states.
_SCHEMAS = {
    JobStatus.IN_QUEUE: "Queued",
    JobStatus.IN_PROGRESS: "Running",
    JobStatus.RUNNING: "Running",
    JobStatus.COMPLETED: "Completed",
    JobStatus.FAILED: "Failed",
    JobStatus.CANCELLED: "Stopped",
    JobStatus.TIMED_OUT: "Stopped",
}


def ref(name: str) -> JsonObject:
    """Where one of `components` stands in the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def components(interface: Interface, example: JsonObject) -> JsonObject:
    """Every schema by its name; `example` is an input that the endpoint takes."""
    return {
        "Input": {**_inner(input_schema(interface)), "examples": [example]},
        "Output": _inner(output_schema(interface)),
        "Request": _request(),
        "Job": {
            "title": "Job",
            "description": "A job in one of its states.",
            "oneOf": [ref(name) for name in dict.fromkeys(_SCHEMAS.values())],
            "discriminator": {
                "propertyName": "status",
                "mapping": {status.value: f"#/components/schemas/{name}" for status, name in _SCHEMAS.items()},
            },
        },
        **_jobs(),
        "Progress": _progress(),
        "Error": _error(),
        "JobState": _object(
            "JobState", "A job's id and state.", {"id": {"type": "string"}, "status": _enum(tuple(JobStatus))}
        ),
        "Stream": _object(
            "Stream",
            "Parts of a job's output.",
            {
                "status": _enum(tuple(JobStatus)),
                "stream": {"type": "array", "items": {"type": "object", "properties": {"output": {}}}},
            },
        ),
        "Purged": _object("Purged", "What was dropped.", {"removed": _count(), "status": {"type": "string"}}),
        "Health": _object(
            "Health",
            "Counts of jobs and workers.",
            {
                "jobs": _object(
                    None,
                    "Jobs by state.",
                    {name: _count() for name in ("completed", "failed", "inProgress", "inQueue", "retried")},
                ),
                "workers": _object(
                    None,
                    "Workers by state.",
                    {name: _count() for name in ("idle", "initializing", "ready", "running", "throttled", "unhealthy")},
                ),
            },
        ),
        "Refusal": {
            "title": "Refusal",
            "description": "Why a request was not taken. RunPod may leave it out.",
            "type": "object",
            "properties": {"error": {"type": "string"}},
        },
    }


def _request() -> JsonObject:
    return {
        "title": "Request",
        "description": "What /run and /runsync take.",
        "type": "object",
        "properties": {
            "input": ref("Input"),
            "webhook": {
                "type": "string",
                "pattern": WEBHOOK_PATTERN,
                "description": "Gets a POST of the job when it has ended.",
            },
            "policy": {
                "type": "object",
                "properties": {
                    "executionTimeout": {
                        "type": "integer",
                        "minimum": SHORTEST_EXECUTION_MS,
                        "maximum": LONGEST_EXECUTION_MS,
                        "description": "Milliseconds that the job may run.",
                    },
                    "ttl": {
                        "type": "integer",
                        "minimum": SHORTEST_TTL_MS,
                        "maximum": LONGEST_TTL_MS,
                        "description": "Milliseconds from now after which it is dropped.",
                    },
                    "lowPriority": {"type": "boolean", "description": "Waits behind all others."},
                },
            },
            S3_CONFIG: {
                "type": "object",
                "description": "A bucket for large results, where the endpoint uses one.",
                "properties": {name: {"type": "string"} for name in S3_CONFIG_KEYS},
            },
        },
        "required": ["input"],
    }


def _jobs() -> JsonObject:
    delay: JsonObject = {"type": "integer", "minimum": 0, "description": "Milliseconds in the queue."}
    execution: JsonObject = {"type": "integer", "minimum": 0, "description": "Milliseconds on the worker."}
    ident: JsonObject = {"type": "string", "examples": [JOB_ID]}
    error: JsonObject = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": ref("Error"),
        "description": "Why, as JSON text. A text that is not JSON is RunPod's own.",
    }

    def job(title: str, text: str, required: JsonObject, more: JsonObject) -> JsonObject:
        states = tuple(status for status, name in _SCHEMAS.items() if name == title)
        head: JsonObject = {"id": ident, "status": _enum(states), **required}
        return {**_object(title, text, head), "properties": {**head, **more}}

    return {
        "Queued": job("Queued", "The job waits for a worker.", {}, {"delayTime": delay}),
        "Running": job(
            "Running",
            "A worker has taken the job.",
            {},
            {"delayTime": delay, "output": ref("Progress")},
        ),
        "Completed": job(
            "Completed",
            "The job is done.",
            {"output": ref("Output")},
            {"delayTime": delay, "executionTime": execution},
        ),
        "Failed": job(
            "Failed",
            "The job failed.",
            {"error": error},
            {"delayTime": delay, "executionTime": execution},
        ),
        "Stopped": job(
            "Stopped",
            "The job was cancelled, or its time was up.",
            {},
            {"delayTime": delay, "executionTime": execution, "error": {"type": "string"}},
        ),
    }


def _progress() -> JsonObject:
    return {
        "title": "Progress",
        "description": "How far a job is, about once a second.",
        "type": "object",
        "properties": {
            "node": {"type": "string", "description": "The title of the node that runs."},
            "percent": {"type": "number", "minimum": 0, "maximum": 100},
            "step": {"type": "integer", "description": "The node's own step."},
            "of": {"type": "integer", "description": "The node's number of steps."},
            "outputs": {
                "type": "object",
                "description": "Of several outputs, how far each is.",
                "additionalProperties": {"type": "string", "enum": ["waiting", "running", "done"]},
            },
            "files": {
                "type": "object",
                "description": "Of several outputs by URL, those that are done so far, as the answer will have them.",
            },
            "preview": {
                "type": "string",
                "contentEncoding": "base64",
                "contentMediaType": "image/jpeg",
                "maxLength": -(-PREVIEW_BYTES // 3) * 4,
                "description": "If the endpoint sends previews: a small picture of what the node is making, a JPEG of "
                f"{PREVIEW_SIDE} pixels a side at most.",
            },
        },
    }


def _error() -> JsonObject:
    codes: list[Json] = [fault.code for fault in FAULTS]
    fault = _object("Fault", "One thing that is wrong.", {"message": {"type": "string"}})
    fault["properties"] = {
        "field": {"type": "string", "description": "The field of the input."},
        "output": {"type": "string", "description": "The output that failed."},
        "message": {"type": "string"},
    }
    return {
        "title": "Error",
        "description": "What the JSON text in a failed job's `error` holds.",
        "type": "object",
        "properties": {
            "code": {
                "type": "string",
                "enum": codes,
                "description": "\n".join(f"- `{fault.code}`: {fault.when} {fault.remedy}" for fault in FAULTS),
            },
            "message": {"type": "string"},
            "details": {"type": "array", "items": fault},
        },
        "required": ["code", "message"],
    }


def _object(title: str | None, description: str, properties: JsonObject) -> JsonObject:
    head: JsonObject = {} if title is None else {"title": title}
    return {
        **head,
        "description": description,
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def _enum(values: tuple[str, ...]) -> JsonObject:
    return {"type": "string", "enum": list(values)}


def _count() -> JsonObject:
    return {"type": "integer", "minimum": 0}


def _inner(schema: JsonObject) -> JsonObject:
    """A schema as it stands in the document, whose dialect it shares."""
    inner = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
    return {**inner, "description": markdown(str(schema["description"]))}
