"""Which models `build --bake` puts into the image: those that are small, of a lock that tells each size and hash."""

from __future__ import annotations

from pathlib import Path

from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors.build import BakeUnlocked, NothingToBake, named
from comfy2runpod.package_documents import ModelEntry, ModelList, read_document
from comfy2runpod.package_folder import read_in
from comfy2runpod.package_paths import MODELS
from comfy2runpod.read_files import shown


def models_to_bake(package: Path, largest: int) -> tuple[ModelEntry, ...]:
    """The models of a package that are no larger than `largest` bytes.

    Raises:
        CompileError: the lock cannot be read or does not tell everything, or no model is that small.
        UnreachableError: the lock cannot be read from the disk.
    """
    at = Locus(shown(package / MODELS))
    try:
        models = read_document(ModelList, read_in(package, MODELS) or b"", MODELS).models
    except ValueError as error:
        raise CompileError([BakeUnlocked(at=at, problem=str(error))]) from None
    unlocked = [model.file for model in models if model.size is None or model.sha256 is None]
    if unlocked:
        problem = f"it tells no size or no sha256 of {named(unlocked)}"
        raise CompileError([BakeUnlocked(at=at, problem=problem)])
    small = tuple(model for model in models if model.size is not None and model.size <= largest)
    if not small:
        smallest = min((model.size or 0, model.file) for model in models) if models else None
        raise CompileError([NothingToBake(at=at, largest=largest, smallest=smallest)])
    return small
