"""The interface as OpenAPI 3.1: RunPod's operations of an endpoint, with this package's own types in them."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from comfy2runpod import __version__
from comfy2runpod.ir.interface import Interface
from comfy2runpod.ir.json import Json, JsonObject
from comfy2runpod.quoting import markdown
from comfy2runpod.stages.emit.schemas import input_schema, output_schema
from comfy2runpod_contract.faults import FAULTS
from comfy2runpod_contract.limits import (
    DEFAULT_WAIT_MS,
    LONGEST_EXECUTION_MS,
    LONGEST_TTL_MS,
    LONGEST_WAIT_MS,
    RUN_BYTES,
    RUN_KEPT_SECONDS,
    RUNSYNC_BYTES,
    RUNSYNC_KEPT_SECONDS,
    SHORTEST_EXECUTION_MS,
    SHORTEST_TTL_MS,
    WEBHOOK_PATTERN,
)
from comfy2runpod_contract.messages import S3_CONFIG, S3_CONFIG_KEYS

_JOB_ID = "c80ffee4-f315-4e25-a146-0f3d98cf024b-u1"
# A job's states, and the schema of the job in that state.
_STATES = {
    "IN_QUEUE": "Queued",
    "IN_PROGRESS": "Running",
    "RUNNING": "Running",
    "COMPLETED": "Completed",
    "FAILED": "Failed",
    "CANCELLED": "Stopped",
    "TIMED_OUT": "Stopped",
}


def openapi(interface: Interface, example: JsonObject) -> JsonObject:
    """The document; `example` is an input that the endpoint takes. Descriptions in it are Markdown."""
    interface = _in_markdown(interface)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": interface.title,
            "version": __version__,
            "description": interface.description or markdown(interface.title),
        },
        "servers": [
            {
                "url": "https://api.runpod.ai/v2/{endpoint_id}",
                "description": "RunPod Serverless",
                "variables": {"endpoint_id": {"default": "ENDPOINT_ID", "description": "The endpoint's id in RunPod."}},
            }
        ],
        "security": [{"apiKey": []}],
        "tags": [
            {"name": "Jobs", "description": "Queue a job, follow it, stop it."},
            {"name": "Endpoint", "description": "The endpoint as a whole."},
        ],
        "paths": _paths(example),
        "components": {
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer", "description": "A RunPod API key."}},
            "parameters": {
                "id": {
                    "name": "id",
                    "in": "path",
                    "required": True,
                    "description": "The id that /run or /runsync answered.",
                    "schema": {"type": "string", "minLength": 1},
                }
            },
            "responses": _refusals(),
            "schemas": _components(interface, example),
        },
    }


def _paths(example: JsonObject) -> JsonObject:
    ident: Json = [{"$ref": "#/components/parameters/id"}]
    body: JsonObject = {"required": True, **_content(_ref("Request"), {"input": example})}
    wait: Json = {
        "name": "wait",
        "in": "query",
        "description": "Milliseconds after which the job is answered as far as it is then.",
        "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_WAIT_MS, "default": DEFAULT_WAIT_MS},
    }
    return {
        "/run": {
            "post": _operation(
                "run", "Queue a job",
                f"Takes requests of up to {RUN_BYTES // 10**6} MB. "
                f"Its result is kept for {RUN_KEPT_SECONDS // 60} minutes.",
                "The job waits.", _ref("Queued"), {"id": _JOB_ID, "status": "IN_QUEUE"},
                (400, 413, 429), requestBody=body,
            )
        },
        "/runsync": {
            "post": _operation(
                "runsync", "Run a job and wait for it",
                f"Takes requests of up to {RUNSYNC_BYTES // 10**6} MB. A job that has not ended after `wait` is "
                "answered as it is then: ask for its status. "
                f"Its result is kept for {RUNSYNC_KEPT_SECONDS // 60} minute.",
                "The job.", _ref("Job"), None, (400, 413, 429), requestBody=body, parameters=[wait],
            )
        },
        "/status/{id}": {
            "parameters": ident,
            "get": _operation(
                "status", "A job's state, progress and result", "Ask every second or two until the job has ended.",
                "The job.", _ref("Job"), None, (404, 429),
            ),
        },
        "/stream/{id}": {
            "parameters": ident,
            "get": _operation(
                "stream", "A job's parts",
                "Only endpoints that stream have any; this one tells its progress in /status.",
                "The parts that came since the last call.", _ref("Stream"), {"status": "IN_PROGRESS", "stream": []},
                (404, 429),
            ),
        },
        "/cancel/{id}": {
            "parameters": ident,
            "post": _operation(
                "cancel", "Stop a job", "Takes it out of the queue, or interrupts the worker. A job that has ended "
                "stays as it is.", "The job's state.", _ref("JobState"), {"id": _JOB_ID, "status": "CANCELLED"},
                (404, 429),
            ),
        },
        "/retry/{id}": {
            "parameters": ident,
            "post": _operation(
                "retry", "Queue a job again", "Only one that FAILED or TIMED_OUT, under the same id.",
                "The job waits.", _ref("Queued"), {"id": _JOB_ID, "status": "IN_QUEUE"}, (404, 409, 429),
            ),
        },
        "/purge-queue": {
            "post": _operation(
                "purgeQueue", "Drop all jobs that wait", "Jobs that run go on.", "How many were dropped.",
                _ref("Purged"), {"removed": 2, "status": "completed"}, (429,), tag="Endpoint",
            )
        },
        "/health": {
            "get": _operation(
                "health", "Workers and queue", "Counts of the endpoint's workers and jobs.", "Counts.", _ref("Health"),
                {
                    "jobs": {"completed": 12, "failed": 0, "inProgress": 1, "inQueue": 0, "retried": 0},
                    "workers": {"idle": 0, "initializing": 0, "ready": 1, "running": 1, "throttled": 0, "unhealthy": 0},
                },
                (429,), tag="Endpoint",
            )
        },
    }  # fmt: skip


def _operation(
    name: str,
    summary: str,
    description: str,
    answer: str,
    schema: JsonObject,
    example: Json,
    refusals: tuple[int, ...],
    *,
    tag: str = "Jobs",
    **more: Json,
) -> JsonObject:
    responses: JsonObject = {"200": {"description": answer, **_content(schema, example)}}
    if name in ("run", "runsync"):
        responses["200"] = {**cast(JsonObject, responses["200"]), "links": _links()}
    for status in sorted((401, *refusals)):
        responses[str(status)] = {"$ref": f"#/components/responses/{_NAMES[status]}"}
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": description,
        **more,
        "responses": responses,
    }


def _links() -> JsonObject:
    """What can be asked with the id of an answer."""
    return {
        name: {"operationId": name, "parameters": {"id": "$response.body#/id"}}
        for name in ("status", "stream", "cancel", "retry")
    }


_NAMES = {400: "BadRequest", 401: "Unauthorized", 404: "NotFound", 409: "NotNow", 413: "TooLarge", 429: "TooMany"}
# HTTP status, why a request is answered by it, and what the caller can do about it.
REFUSALS = (
    (
        400,
        "The request is not one that RunPod takes. (A wrong `input` is seen by the worker: the job FAILS.)",
        "Send JSON, an object with `input`.",
    ),
    (401, "The API key is missing or not valid.", "Send `Authorization: Bearer` with a RunPod API key."),
    (404, "There is no such job: the id is wrong, or its result is no longer kept.", "Check the id; send it again."),
    (409, "The job is in a state that does not allow it.", "Retry only what FAILED or TIMED_OUT."),
    (413, "The request is larger than this operation takes.", "Give files by URL, or use `/runsync`."),
    (429, "Too many requests, or too many jobs wait.", "Send it again later, more slowly."),
)


def _refusals() -> JsonObject:
    return {
        _NAMES[status]: {"description": f"{why} {remedy}", **_content(_ref("Refusal"))}
        for status, why, remedy in REFUSALS
    }


def _content(schema: JsonObject, example: Json = None) -> JsonObject:
    media: JsonObject = {"schema": schema}
    if example is not None:
        media["example"] = example
    return {"content": {"application/json": media}}


def _ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


def _components(interface: Interface, example: JsonObject) -> JsonObject:
    return {
        "Input": {**_inner(input_schema(interface)), "examples": [example]},
        "Output": _inner(output_schema(interface)),
        "Request": _request(),
        "Job": {
            "title": "Job",
            "description": "A job in one of its states.",
            "oneOf": [_ref(name) for name in dict.fromkeys(_STATES.values())],
            "discriminator": {
                "propertyName": "status",
                "mapping": {state: f"#/components/schemas/{name}" for state, name in _STATES.items()},
            },
        },
        **_jobs(),
        "Progress": _progress(),
        "Error": _error(),
        "JobState": _object(
            "JobState", "A job's id and state.", {"id": {"type": "string"}, "status": _enum(tuple(_STATES))}
        ),
        "Stream": _object(
            "Stream",
            "Parts of a job's output.",
            {
                "status": _enum(tuple(_STATES)),
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
            "input": _ref("Input"),
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
    ident: JsonObject = {"type": "string", "examples": [_JOB_ID]}
    error: JsonObject = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": _ref("Error"),
        "description": "Why, as JSON text. A text that is not JSON is RunPod's own.",
    }

    def job(title: str, text: str, states: tuple[str, ...], required: JsonObject, more: JsonObject) -> JsonObject:
        head: JsonObject = {"id": ident, "status": _enum(states), **required}
        return {**_object(title, text, head), "properties": {**head, **more}}

    return {
        "Queued": job("Queued", "The job waits for a worker.", ("IN_QUEUE",), {}, {"delayTime": delay}),
        "Running": job(
            "Running",
            "A worker has taken the job.",
            ("IN_PROGRESS", "RUNNING"),
            {},
            {"delayTime": delay, "output": _ref("Progress")},
        ),
        "Completed": job(
            "Completed",
            "The job is done.",
            ("COMPLETED",),
            {"output": _ref("Output")},
            {"delayTime": delay, "executionTime": execution},
        ),
        "Failed": job(
            "Failed",
            "The job failed.",
            ("FAILED",),
            {"error": error},
            {"delayTime": delay, "executionTime": execution},
        ),
        "Stopped": job(
            "Stopped",
            "The job was cancelled, or its time was up.",
            ("CANCELLED", "TIMED_OUT"),
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


def _in_markdown(interface: Interface) -> Interface:
    """The interface with the author's descriptions as Markdown shows them unchanged."""
    return replace(
        interface,
        description=markdown(interface.description),
        fields=tuple(replace(field, description=markdown(field.description)) for field in interface.fields),
        outputs=tuple(replace(output, description=markdown(output.description)) for output in interface.outputs),
    )
