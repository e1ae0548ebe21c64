"""Interface -> the texts of a whole package; nothing is read or written here."""

from comfy2runpod.stages.emit.package import emit

__all__ = ["emit"]
