"""Where the model files are kept, and what can be wrong with that disk: not mounted, not writable, or full."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

from comfy2runpod_runtime.errors import ModelUnavailable, VolumeFault
from comfy2runpod_runtime.exit_codes import ExitCode
from comfy2runpod_runtime.models.mounts import Mount, mount_of
from comfy2runpod_runtime.settings import Settings

_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def volume_of(settings: Settings, mounts: Sequence[Mount]) -> Mount | None:
    """Returns the mount of the volume; None if none is mounted at VOLUME_DIR.

    Args:
        settings: the worker's settings.
        mounts: all mounts of this process.
    """
    found = mount_of(settings.volume_dir, mounts)
    return found if found is not None and found.point == settings.volume_dir.resolve() else None


def models_dir(settings: Settings, mounts: Sequence[Mount]) -> Path:
    """Returns the folder of the model files: MODELS_DIR, else on the volume, else ComfyUI's own.

    Args:
        settings: the worker's settings.
        mounts: all mounts of this process.
    """
    if settings.models_dir is not None:
        return settings.models_dir.absolute()
    folder = settings.comfyui_dir if volume_of(settings, mounts) is None else settings.volume_dir
    return folder.absolute() / "models"


def check_mounted(folder: Path, settings: Settings, mounts: Sequence[Mount]) -> None:
    """Checks that a folder that is meant to be on the volume is on one.

    Args:
        folder: the folder of the model files, which need not exist.
        settings: the worker's settings.
        mounts: all mounts of this process; none where the system does not list them, and nothing can be checked.

    Raises:
        VolumeFault: the folder is below VOLUME_DIR, and neither that nor a folder below it is a mount.
    """
    volume, resolved = settings.volume_dir.resolve(), folder.resolve()
    mount = mount_of(resolved, mounts)
    if mount is None or not resolved.is_relative_to(volume) or mount.point.is_relative_to(volume):
        return
    raise VolumeFault(
        f"MODELS_DIR is {folder}, and no volume is mounted at {settings.volume_dir}: the models would be downloaded to "
        "the container's own disk. Attach a network volume to the endpoint, set VOLUME_DIR to where one is mounted, or "
        "unset MODELS_DIR to keep the models in the container.",
        ExitCode.VOLUME_MISSING,
    )


def write_fault(error: OSError, folder: Path) -> ModelUnavailable:
    """Returns the fault for a file that could not be written.

    Args:
        error: what the system said.
        folder: the folder of the model files.
    """
    path = Path(error.filename).name if isinstance(error.filename, str) else "a file"
    text = f"{path} cannot be written below {folder} ({error.strerror})"
    if error.errno in _READ_ONLY:
        return VolumeFault(
            f"{text}, and not all model files are there. Mount the volume writable for this user, or bring every file "
            "of models.lock.json to it from elsewhere first.",
            ExitCode.VOLUME_READ_ONLY,
        )
    if error.errno in _FULL:
        return VolumeFault(
            f"{text}. What was downloaded is kept, and the next start resumes it. Enlarge the volume or the "
            "container's disk, or delete what is not needed there.",
            ExitCode.VOLUME_FULL,
        )
    return ModelUnavailable(f"{text}: check the volume.")
