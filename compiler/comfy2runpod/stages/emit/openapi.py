"""The interface as OpenAPI 3.1: RunPod's operations of an endpoint, with this package's own types in them."""

from __future__ import annotations

from dataclasses import replace

from comfy2runpod import __version__
from comfy2runpod.ir.interface import Interface
from comfy2runpod.quoting import markdown
from comfy2runpod.stages.emit.openapi_schemas import JOB_ID, components, ref
from comfy2runpod_contract.job_status import RETRIABLE_STATUSES, JobStatus
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.limits import (
    DEFAULT_WAIT_MS,
    LONGEST_WAIT_MS,
    RUN_BYTES,
    RUN_KEPT_SECONDS,
    RUNSYNC_BYTES,
    RUNSYNC_KEPT_SECONDS,
)


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
            "schemas": components(interface, example),
        },
    }


def _paths(example: JsonObject) -> JsonObject:
    ident: Json = [{"$ref": "#/components/parameters/id"}]
    body: JsonObject = {"required": True, **_content(ref("Request"), {"input": example})}
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
                "The job waits.", ref("Queued"), {"id": JOB_ID, "status": JobStatus.IN_QUEUE.value},
                (400, 413, 429), requestBody=body,
            )
        },
        "/runsync": {
            "post": _operation(
                "runsync", "Run a job and wait for it",
                f"Takes requests of up to {RUNSYNC_BYTES // 10**6} MB. A job that has not ended after `wait` is "
                "answered as it is then: ask for its status. "
                f"Its result is kept for {RUNSYNC_KEPT_SECONDS // 60} minute.",
                "The job.", ref("Job"), None, (400, 413, 429), requestBody=body, parameters=[wait],
            )
        },
        "/status/{id}": {
            "parameters": ident,
            "get": _operation(
                "status", "A job's state, progress and result", "Ask every second or two until the job has ended.",
                "The job.", ref("Job"), None, (404, 429),
            ),
        },
        "/stream/{id}": {
            "parameters": ident,
            "get": _operation(
                "stream", "A job's parts",
                "Only endpoints that stream have any; this one tells its progress in /status.",
                "The parts that came since the last call.", ref("Stream"), {"status": "IN_PROGRESS", "stream": []},
                (404, 429),
            ),
        },
        "/cancel/{id}": {
            "parameters": ident,
            "post": _operation(
                "cancel", "Stop a job", "Takes it out of the queue, or interrupts the worker. A job that has ended "
                "stays as it is.", "The job's state.", ref("JobState"),
                {"id": JOB_ID, "status": JobStatus.CANCELLED.value}, (404, 429),
            ),
        },
        "/retry/{id}": {
            "parameters": ident,
            "post": _operation(
                "retry", "Queue a job again", f"Only one that {_RETRIABLE}, under the same id.",
                "The job waits.", ref("Queued"), {"id": JOB_ID, "status": JobStatus.IN_QUEUE.value}, (404, 409, 429),
            ),
        },
        "/purge-queue": {
            "post": _operation(
                "purgeQueue", "Drop all jobs that wait", "Jobs that run go on.", "How many were dropped.",
                ref("Purged"), {"removed": 2, "status": "completed"}, (429,), tag="Endpoint",
            )
        },
        "/health": {
            "get": _operation(
                "health", "Workers and queue", "Counts of the endpoint's workers and jobs.", "Counts.", ref("Health"),
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
    links: JsonObject = {"links": _links()} if name in ("run", "runsync") else {}
    responses: JsonObject = {"200": {"description": answer, **_content(schema, example), **links}}
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


_RETRIABLE = " or ".join(RETRIABLE_STATUSES)
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
    (409, "The job is in a state that does not allow it.", f"Retry only what {_RETRIABLE}."),
    (413, "The request is larger than this operation takes.", "Give files by URL, or use `/runsync`."),
    (429, "Too many requests, or too many jobs wait.", "Send it again later, more slowly."),
)


def _refusals() -> JsonObject:
    return {
        _NAMES[status]: {"description": f"{why} {remedy}", **_content(ref("Refusal"))}
        for status, why, remedy in REFUSALS
    }


def _content(schema: JsonObject, example: Json = None) -> JsonObject:
    media: JsonObject = {"schema": schema}
    if example is not None:
        media["example"] = example
    return {"content": {"application/json": media}}


def _in_markdown(interface: Interface) -> Interface:
    """The interface with the author's descriptions as Markdown shows them unchanged."""
    return replace(
        interface,
        description=markdown(interface.description),
        fields=tuple(replace(field, description=markdown(field.description)) for field in interface.fields),
        outputs=tuple(replace(output, description=markdown(output.description)) for output in interface.outputs),
    )
