"""What can be wrong with a catalog of node classes, and with what it is made from."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Severity, Text


class BadCatalog(Diagnostic):
    """A file that is not a catalog."""

    code = "bad-catalog"
    problem: str

    reason = Text("The file is not a catalog of node classes: {problem}.")
    remedy = Text(
        "Create it again: comfy2runpod catalog refresh --from URL|FILE -o FILE. A folder named `catalog` beside a "
        "graph may contain only catalogs and files of facts about node classes."
    )


class BadNodeFacts(Diagnostic):
    """Facts about the classes of a node pack that cannot be read, or are about other classes."""

    code = "bad-node-facts"
    problem: str

    reason = Text("The file's facts about node classes cannot be used: {problem}.")
    remedy = Text("Correct the file: docs/node-facts.md describes each kind of fact.")


class BadObjectInfo(Diagnostic):
    """Data that is not a ComfyUI server's answer to /object_info."""

    code = "bad-object-info"
    problem: str

    reason = Text("This is not a ComfyUI server's answer to /object_info: {problem}.")
    remedy = Text(
        "Use the URL of a running ComfyUI (http://127.0.0.1:8188), or its saved answer (curl URL/object_info)."
    )


class ServerUnreachable(Diagnostic):
    """A ComfyUI that does not answer."""

    code = "server-unreachable"
    problem: str

    reason = Text("The server does not answer: {problem}.")
    remedy = Text("Start ComfyUI, and open the address in a browser to check it.")


class NoSuchPack(Diagnostic):
    """A node pack that the server does not have."""

    code = "no-such-pack"
    pack: str
    near: tuple[str, ...]
    known: tuple[str, ...]

    @Text
    def reason(self) -> str:
        there = ", ".join(self.known) or "none"
        return f"No node class comes from a pack {self.pack}; it has these packs: {there}."

    remedy = Text(
        "{near:did_you_mean}A pack is named by its folder under custom_nodes. Install it in that ComfyUI and check its "
        "log: a pack that fails to load adds no classes."
    )


class NoSuchClass(Diagnostic):
    """A class that no catalog has."""

    code = "no-such-class"
    class_type: str
    comfyui: str
    near: tuple[str, ...]

    reason = Text("Neither ComfyUI {comfyui} nor any given catalog has a node class {class_type}.")
    remedy = Text(
        "{near:did_you_mean}Use the name of a class, not a title; for a class of a node pack, pass its catalog with "
        "--catalog."
    )


class PackNotInImage(Diagnostic):
    """Nodes of a pack that the package's image does not install."""

    severity = Severity.WARNING
    code = "pack-not-in-image"
    pack: str
    version: str | None
    classes: tuple[str, ...]

    @Text
    def reason(self) -> str:
        version = f" {self.version}" if self.version else ""
        return (
            f"{', '.join(self.classes)} {'come' if len(self.classes) > 1 else 'comes'} from the node pack "
            f"{self.pack}{version}, which the package's image does not install."
        )

    remedy = Text(
        "Build an image on top of the package's own (FROM it) that adds the pack, in the version with which the graph "
        "was made."
    )
