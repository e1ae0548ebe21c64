"""What can be wrong with a catalog of node classes, and with what it is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, Severity, did_you_mean


@dataclass(frozen=True, kw_only=True)
class BadCatalog(Diagnostic):
    """A catalog file that is not one."""

    code: ClassVar[str] = "bad-catalog"
    problem: str

    @property
    def reason(self) -> str:
        """What is wrong with it."""
        return f"The file is not a catalog of node classes: {self.problem}."

    @property
    def remedy(self) -> str:
        """Make one."""
        return (
            "Make it again: comfy2runpod catalog refresh --from URL|FILE -o FILE. In a folder `catalog` beside a graph "
            "there may be catalogs only."
        )


@dataclass(frozen=True, kw_only=True)
class BadObjectInfo(Diagnostic):
    """What should be a server's /object_info and is not."""

    code: ClassVar[str] = "bad-object-info"
    problem: str

    @property
    def reason(self) -> str:
        """What is wrong with it."""
        return f"This is not a ComfyUI server's answer to /object_info: {self.problem}."

    @property
    def remedy(self) -> str:
        """Where to get one."""
        return "Give the URL of a running ComfyUI (http://127.0.0.1:8188), or its saved answer (curl URL/object_info)."


@dataclass(frozen=True, kw_only=True)
class ServerUnreachable(Diagnostic):
    """A ComfyUI that does not answer."""

    code: ClassVar[str] = "server-unreachable"
    problem: str

    @property
    def reason(self) -> str:
        """What happened."""
        return f"The server does not answer: {self.problem}."

    @property
    def remedy(self) -> str:
        """Start it."""
        return "Start ComfyUI, and check the address with a browser."


@dataclass(frozen=True, kw_only=True)
class NoSuchPack(Diagnostic):
    """A node pack that the server does not have."""

    code: ClassVar[str] = "no-such-pack"
    pack: str
    near: tuple[str, ...]
    known: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Which packs there are."""
        there = ", ".join(self.known) or "none"
        return f"No node class comes from a pack {self.pack}; packs that are there: {there}."

    @property
    def remedy(self) -> str:
        """The nearest, or install it."""
        return (
            f"{did_you_mean(self.near)}A pack is named by its folder under custom_nodes. Install it in that ComfyUI, "
            "and look at its log: a pack that fails to load brings no classes."
        )


@dataclass(frozen=True, kw_only=True)
class NoSuchClass(Diagnostic):
    """A class that no catalog has."""

    code: ClassVar[str] = "no-such-class"
    class_type: str
    comfyui: str
    near: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Where it was looked for."""
        return f"Neither ComfyUI {self.comfyui} nor a catalog that was given has a node class {self.class_type}."

    @property
    def remedy(self) -> str:
        """The nearest."""
        return (
            f"{did_you_mean(self.near)}Name a class, not a title; for a node pack's, give its catalog with --catalog."
        )


@dataclass(frozen=True, kw_only=True)
class PackNotInImage(Diagnostic):
    """Nodes of a pack that the package's image does not install."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "pack-not-in-image"
    pack: str
    version: str | None
    classes: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The pack and what comes from it."""
        version = f" {self.version}" if self.version else ""
        return (
            f"{', '.join(self.classes)} {'come' if len(self.classes) > 1 else 'comes'} from the node pack "
            f"{self.pack}{version}, which the package's image does not have."
        )

    @property
    def remedy(self) -> str:
        """Install it."""
        return (
            "Build an image from the package's own that adds the pack (FROM it), at the version that the graph was "
            "made with."
        )
