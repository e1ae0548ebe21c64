"""Interface + prompt + variants -> the texts of a whole package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType

from comfy2runpod import __version__
from comfy2runpod.catalog.carried import CATALOG_FOLDER
from comfy2runpod.catalog.release import RELEASE
from comfy2runpod.fields import Field
from comfy2runpod.ir.interface import Interface, Model, Variant
from comfy2runpod.ir.prompt import Prompt, prompt_to_json
from comfy2runpod.json_text import json_document
from comfy2runpod.package_paths import HUB, INPUT, MODELS, OPENAPI, OUTPUT, TESTS
from comfy2runpod.quoting import Word, python_text
from comfy2runpod.stages.emit.answer_models import AnswerModel, answer_models
from comfy2runpod.stages.emit.client_types import exact_names, file_members, has_literal, python_types, shapes
from comfy2runpod.stages.emit.environment import client_modules, environment
from comfy2runpod.stages.emit.hub_listing import hub_json, hub_tests_json
from comfy2runpod.stages.emit.image import build_files, file_folders, image_environment, layer_locks, path_in_package
from comfy2runpod.stages.emit.openapi import REFUSALS, openapi
from comfy2runpod.stages.emit.page import page
from comfy2runpod.stages.emit.picture import Picture
from comfy2runpod.stages.emit.python_types import builtins_of, file_classes
from comfy2runpod.stages.emit.repository import repository_views
from comfy2runpod.stages.emit.runtime_wheel import WHEELS, pinned, runtime_wheel
from comfy2runpod.stages.emit.schemas import input_schema, output_schema, reserved_keys
from comfy2runpod.stages.emit.template_models import (
    assignment,
    early_outputs,
    field_view,
    file_facts,
    gives_files,
    gives_many_images,
    handler_imports,
    is_flat,
    output_view,
    patch_imports,
    schema_imports,
    seed_names,
    takes_choice,
    takes_image_options,
    variant_blocks,
)
from comfy2runpod_contract import limits
from comfy2runpod_contract.faults import FAULTS
from comfy2runpod_contract.job_status import LIVE_STATUSES
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.media import file_ending
from comfy2runpod_contract.model_files import MODEL_FOLDERS
from comfy2runpod_contract.version import CONTRACT

LOCK_VERSION = 1
# In characters of a file's base64.
_LONGEST_SHOWN = 1000

# What the image gets of a package: the one list that its Dockerfile copies and its .dockerignore lets in.
_APP = (
    "entrypoint.sh", "handler.py", "models.lock.json", "patch.py", "schema.py", "test_input.json", "workflow_api.json",
)  # fmt: skip

_TEMPLATES = {
    "schema.py": "schema.py.j2",
    "patch.py": "patch.py.j2",
    "handler.py": "handler.py.j2",
    "README.md": "README.md.j2",
    "Dockerfile": "Dockerfile.j2",
    "entrypoint.sh": "entrypoint.sh.j2",
    ".dockerignore": "dockerignore.j2",
    ".env.example": "env.example.j2",
    ".gitignore": "gitignore.j2",
    ".github/workflows/docker-build.yml": "docker-build.yml.j2",
    "docs/API.md": "API.md.j2",
    "docs/index.html": "index.html.j2",
    "clients/python/README.md": "client-README-python.md.j2",
    "clients/python/pyproject.toml": "client-pyproject.toml.j2",
    "clients/python/{name}_client/__init__.py": "client-init.py.j2",
    "clients/python/{name}_client/client.py": "client.py.j2",
    "clients/typescript/README.md": "client-README-typescript.md.j2",
    "clients/typescript/package.json": "client-package.json.j2",
    "clients/typescript/tsconfig.json": "client-tsconfig.json.j2",
    "clients/typescript/src/client.ts": "client.ts.j2",
    "clients/typescript/src/index.ts": "client-index.ts.j2",
    "clients/typescript/src/input_schema.ts": "client-input-schema.ts.j2",
}


def emit(
    interface: Interface,
    prompt: Prompt,
    variants: Sequence[Variant],
    catalogs: Mapping[str, JsonObject] = MappingProxyType({}),
    picture: Picture | None = None,
) -> dict[str, str | bytes]:
    """The package's files. The same for the same arguments and installation.

    Args:
        interface: what the endpoint takes and gives, and what it needs to run.
        prompt: the whole prompt.
        variants: what becomes of the prompt without optional images: fewer of them before more.
        catalogs: what is known of the prompt's nodes of packs, by file name.
        picture: one for its README.

    Returns:
        Paths in the package, with their texts or bytes.
    """
    workflow = _json(prompt_to_json(prompt))
    context = _context(interface, variants, workflow, picture)
    wheel = runtime_wheel()
    files: dict[str, str | bytes] = {
        path.format(name=interface.name): environment().get_template(name).render(context)
        for path, name in _TEMPLATES.items()
    }
    # The same for every package: what it has to do with this one is in client.py and client.ts.
    files |= {f"clients/python/{interface.name}_client/{name}": text for name, text in client_modules("client").items()}
    files |= {f"clients/typescript/src/{name}": text for name, text in client_modules("client_ts").items()}
    files |= {
        f"clients/python/{interface.name}_client/input.schema.json": _json(input_schema(interface)),
        "workflow_api.json": workflow,
        MODELS: _json(lock_json(interface.models)),
        "requirements.txt": pinned(),
        f"{WHEELS}/{wheel.name}": wheel.data,
        "test_input.json": _json({"input": example_input(interface)}),
        HUB: _json(hub_json(interface)),
        TESTS: _json(hub_tests_json(interface, example_input(interface))),
        INPUT: _json(input_schema(interface)),
        OUTPUT: _json(output_schema(interface)),
        OPENAPI: _json(openapi(interface, example_input(interface))),
    }
    files |= build_files(interface.comfyui_version, interface.image)
    files |= {picture.path: picture.data} if picture is not None else {}
    files |= {f"{CATALOG_FOLDER}/{name}": _json(content) for name, content in catalogs.items()}
    return dict(sorted(files.items()))


def lock_json(models: tuple[Model, ...]) -> JsonObject:
    """The model lock, as the worker's provisioner reads it."""
    entries: list[Json] = [
        {
            "file": model.file,
            "directory": model.directory,
            "repo": model.repo,
            "path": model.path,
            "revision": model.revision,
            "url": model.url,
            "size": model.size,
            "approximate_size": model.approximate_size,
            "sha256": model.sha256,
            "licence": model.licence,
            "gated": model.gated,
        }
        for model in models
        if model.url
    ]
    # What a worker's rule of where a model may lie does not know by itself: the folders of node packs.
    folders = {model.directory.partition("/")[0] for model in models if model.url} - MODEL_FOLDERS
    return {"version": LOCK_VERSION, "folders": [*sorted(folders)], "models": entries}


def example_input(interface: Interface) -> JsonObject:
    """An input that the endpoint takes, with every required field and the defaults of the others that are short.

    Files that may be omitted are.
    """
    shown = [field for field in interface.fields if field.required or field.in_examples]
    return {field.name: field.example() for field in shown} | _carried(interface)


def _carried(interface: Interface) -> JsonObject:
    """What an example asks of several images: as PNG they are together more than an answer carries."""
    return {"output": {"format": "webp"}} if gives_many_images(interface) else {}


def _call_input(interface: Interface) -> JsonObject:
    """The shortest example: only what is required and what makes the answer fit, and files by URL."""
    return {field.name: field.call_example() for field in interface.fields if field.required} | _carried(interface)


def _shown_input(interface: Interface, example: JsonObject) -> JsonObject:
    """The example as a page prints it: by URL what is too long to be read there."""
    short = {field.name: field.call_example() for field in interface.fields if field.is_file}
    return {
        name: short[name] if name in short and len(str(value)) > _LONGEST_SHOWN else value
        for name, value in example.items()
    }


def _first_output(interface: Interface) -> dict[str, object]:
    """The first output, and where in a job's answer its file or text, and its URL, stand."""
    first = output_view(interface.outputs[0])
    inside = f".output.{first.name}" + ("[0]" if first.many else "")
    key = first.data_key
    media_type = "image/webp" if interface.outputs[0].encodings and _carried(interface) else first.media_type
    return {
        "first": first,
        "first_value": inside if is_flat(interface) else f"{inside}.{key}",
        "first_field": inside.removeprefix(".") if is_flat(interface) else f"{inside}.{key}".removeprefix("."),
        "first_url": ".output.url" if is_flat(interface) else f"{inside}.url",
        "first_extension": file_ending(media_type).removeprefix("."),
    }


def _client_classes(interface: Interface) -> dict[str, Word]:
    """The clients' own types for fields, by the field's name."""
    return {field.name: field.client_class.name for field in interface.fields if field.client_class is not None}


def _field_documents(interface: Interface) -> list[tuple[str, list[Field]]]:
    """What documents say of kinds of fields, each with the fields that it is said of."""
    documents = dict.fromkeys(field.document for field in interface.fields if field.document is not None)
    return [(one, [field for field in interface.fields if field.document == one]) for one in documents]


_LIMITS = {
    "run_megabytes": limits.RUN_BYTES // 10**6,
    "runsync_megabytes": limits.RUNSYNC_BYTES // 10**6,
    "run_kept_minutes": limits.RUN_KEPT_SECONDS // 60,
    "runsync_kept_minutes": limits.RUNSYNC_KEPT_SECONDS // 60,
    "default_wait_ms": limits.DEFAULT_WAIT_MS,
    "longest_wait_ms": limits.LONGEST_WAIT_MS,
    "longest_image_side": limits.LONGEST_IMAGE_SIDE,
    "shortest_execution_ms": limits.SHORTEST_EXECUTION_MS,
    "longest_execution_ms": limits.LONGEST_EXECUTION_MS,
    "default_execution_ms": limits.DEFAULT_EXECUTION_MS,
    "default_execution_seconds": limits.DEFAULT_EXECUTION_MS // 1000,
    "shortest_ttl_ms": limits.SHORTEST_TTL_MS,
    "longest_ttl_ms": limits.LONGEST_TTL_MS,
    "default_ttl_ms": limits.DEFAULT_TTL_MS,
}


def _context(
    interface: Interface, variants: Sequence[Variant], workflow: str, picture: Picture | None = None
) -> dict[str, object]:
    fields = [field_view(field) for field in interface.fields]
    outputs = [output_view(output) for output in interface.outputs]
    seeds = seed_names(interface)
    takes, gives = input_schema(interface), output_schema(interface)
    classes = file_classes(output.name for output in interface.outputs)
    models = answer_models(gives, classes)
    client_shapes = shapes(takes, gives, _client_classes(interface), classes)
    example = example_input(interface)
    return {
        "version": __version__,
        "contract": CONTRACT,
        "limits": _LIMITS,
        "live_statuses": tuple(status.value for status in LIVE_STATUSES),
        "app": _APP,
        "comfyui_locks": tuple(layer_locks(interface.comfyui_version)),
        "cuda": RELEASE.cuda,
        "image_environment": image_environment(interface.image),
        "image_files": [path_in_package(one) for one in interface.image.files],
        "image_folders": file_folders(interface.image),
        "prompt_sha256": hashlib.sha256(workflow.encode()).hexdigest(),
        "model_licences": ", ".join(sorted({model.licence for model in interface.models if model.licence})),
        "interface": interface,
        "fields": fields,
        "outputs": outputs,
        "flat": is_flat(interface),
        "shapes": client_shapes,
        "client_literals": has_literal(client_shapes),
        "client_builtins": builtins_of(python_types(client_shapes)),
        "schema_builtins": builtins_of(_schema_types(interface, models)),
        "file_classes": classes,
        "client_files": file_members(client_shapes, early_outputs(interface)),
        "client_name": f"{interface.name.replace('_', '-')}-client",
        "client_package": f"{interface.name}_client",
        "client_description": f"A typed client of the endpoint {interface.name}",
        "answer_models": models,
        "takes_description": str(takes["description"]),
        "request_words": {
            key: python_text(str(schema["description"]), 24, 12) for key, schema in reserved_keys(interface).items()
        },
        "client_exact": {"input": list(exact_names(takes)), "output": list(exact_names(gives))},
        "input_schema_text": json.dumps(takes, ensure_ascii=True, separators=(",", ":")),
        "facts": {output.name: file_facts(output) for output in interface.outputs},
        "image_options": takes_image_options(interface),
        "many_images": gives_many_images(interface),
        "files": gives_files(interface),
        "choice": takes_choice(interface),
        "seeds": seeds,
        "assignments": [
            (field, [(target, assignment(field, target)) for target in field.targets]) for field in interface.fields
        ],
        "optional": frozenset(field.name for field in interface.fields if field.omittable()),
        "variants": variant_blocks(variants),
        "prefixes": [output for output in interface.outputs if output.prefix_input is not None],
        "patch_imports": patch_imports(interface),
        "handler_imports": handler_imports(outputs),
        "has_literal": any("Literal[" in one for one in _schema_types(interface, models)) or takes_choice(interface),
        "schema_imports": schema_imports(interface),
        "file_fields": [field for field in interface.fields if field.is_file],
        "field_documents": _field_documents(interface),
        "client_classes": sorted(
            {one.client_class for one in interface.fields if one.client_class}, key=attrgetter("module")
        ),
        **repository_views(interface, picture),
        "faults": FAULTS,
        "refusals": REFUSALS,
        "call_input": _call_input(interface),
        **_first_output(interface),
        "page": page(interface, example),
        "curl_request": {"input": _shown_input(interface, example)},
        "uses_request": any((field.targets and not field.from_run) or field.omittable() for field in interface.fields),
        "uses_run": any(field.from_run for field in interface.fields)
        or any(output.prefix_input is not None for output in interface.outputs),
    }


def _schema_types(interface: Interface, models: Iterable[AnswerModel]) -> list[str]:
    """The types of the annotations in schema.py: those of fields, of the answer, and of what a request has anyway."""
    types: list[str] = [field.python_type() for field in interface.fields]
    types += [member.type for model in models for member in model.members]
    return [*types, "Bool", *(["List[Str]"] if takes_choice(interface) else [])]


def _json(value: JsonObject) -> str:
    return json_document(value)
