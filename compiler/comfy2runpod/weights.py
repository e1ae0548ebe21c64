"""The model lock: what the hub says of each file, once, so that every worker gets the very same bytes.

The only user of huggingface_hub. The lock stands beside the graph (`graphs/x.lock.json`) and is committed with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from comfy2runpod.diagnostics import CompileError, Diagnostic, Locus, nearest
from comfy2runpod.errors import weights as errors
from comfy2runpod.ir.interface import Interface, Model
from comfy2runpod.ir.json import JsonObject

VERSION = 1
_SHA256 = 64


@dataclass(frozen=True, slots=True)
class LockedFile:
    """What the hub said of one file: the commit, its size in bytes, and its sha256."""

    url: str
    revision: str | None
    size: int
    sha256: str | None


def lock_models(models: Sequence[Model], endpoint: str | None = None) -> tuple[LockedFile, ...]:
    """Asks the hub for the commit, size and sha256 of every model that has a Hugging Face URL.

    Args:
        models: the models of an interface.
        endpoint: another hub than HF_ENDPOINT's.

    Raises:
        CompileError: a file is not there, its repository is gated, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi, hf_hub_url  # noqa: PLC0415 - half a second to import, and only this needs it
    from huggingface_hub.errors import (  # noqa: PLC0415
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    api = HfApi(endpoint=endpoint)
    locked: list[LockedFile] = []
    faults: list[Diagnostic] = []
    for model in models:
        if model.repo is None or model.path is None:
            continue
        at = Locus(model.file)
        try:
            url = hf_hub_url(model.repo, model.path, revision=model.revision, endpoint=api.endpoint)
            told = api.get_hf_file_metadata(url=url)
        except GatedRepoError:
            faults.append(errors.GatedModel(at=at, repo=model.repo))
        except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError):
            try:
                names = api.list_repo_files(model.repo, revision=model.revision)
            except (HfHubHTTPError, OSError):
                names = []
            faults.append(errors.MissingModel(at=at, repo=model.repo, path=model.path, near=nearest(model.path, names)))
        except (HfHubHTTPError, OSError) as error:
            faults.append(errors.HubUnreachable(at=at, problem=type(error).__name__))
        else:
            etag = told.etag or ""
            locked.append(
                LockedFile(
                    url=model.url,
                    revision=told.commit_hash,
                    size=told.size or 0,
                    sha256=etag if len(etag) == _SHA256 else None,
                )
            )
    if faults:
        raise CompileError(faults)
    return tuple(locked)


def lock_text(locked: Sequence[LockedFile]) -> str:
    """The lock file's text."""
    files = {
        item.url: {"revision": item.revision, "size": item.size, "sha256": item.sha256}
        for item in sorted(locked, key=lambda item: item.url)
    }
    return json.dumps({"version": VERSION, "files": files}, indent=2) + "\n"


def read_lock(text: str, file: str) -> tuple[LockedFile, ...]:
    """A lock file's content.

    Raises:
        CompileError: it is not one.
    """
    try:
        raw = cast(JsonObject, json.loads(text))
        files = cast("dict[str, JsonObject]", raw["files"])
        return tuple(
            LockedFile(
                url=url,
                revision=cast("str | None", entry["revision"]),
                size=int(cast(int, entry["size"])),
                sha256=cast("str | None", entry["sha256"]),
            )
            for url, entry in files.items()
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CompileError([errors.BadLock(at=Locus(file), problem=f"{type(error).__name__}: {error}")]) from error


def merge_lock(interface: Interface, locked: Sequence[LockedFile]) -> Interface:
    """The interface with the lock's word on its models."""
    by_url = {item.url: item for item in locked}
    models = tuple(
        replace(model, revision=known.revision, size=known.size, sha256=known.sha256)
        if (known := by_url.get(model.url)) is not None
        else model
        for model in interface.models
    )
    return replace(interface, models=models)
