"""Interface -> the texts of a whole package; nothing is read or written here."""

from comfy2runpod.emit.package import emit

__all__ = ["emit"]
