"""What can be wrong with a catalog of node classes, and with what it is made from."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Severity, Text


class BadCatalog(Diagnostic):
    """A catalog file that is not one."""

    code = "bad-catalog"
    problem: str

    reason = Text("The file is not a catalog of node classes: {problem}.")
    remedy = Text(
        "Make it again: comfy2runpod catalog refresh --from URL|FILE -o FILE. In a folder `catalog` beside a graph "
        "there may be catalogs, and facts about node classes, only."
    )


class BadNodeFacts(Diagnostic):
    """Facts about a node pack's classes that cannot be read, or are about what is not the pack's."""

    code = "bad-node-facts"
    problem: str

    reason = Text("The file's facts about node classes cannot be used: {problem}.")
    remedy = Text("Correct the file: docs/node-facts.md says which facts there are, and what each of them holds.")


class BadObjectInfo(Diagnostic):
    """What should be a server's /object_info and is not."""

    code = "bad-object-info"
    problem: str

    reason = Text("This is not a ComfyUI server's answer to /object_info: {problem}.")
    remedy = Text(
        "Give the URL of a running ComfyUI (http://127.0.0.1:8188), or its saved answer (curl URL/object_info)."
    )


class ServerUnreachable(Diagnostic):
    """A ComfyUI that does not answer."""

    code = "server-unreachable"
    problem: str

    reason = Text("The server does not answer: {problem}.")
    remedy = Text("Start ComfyUI, and check the address with a browser.")


class NoSuchPack(Diagnostic):
    """A node pack that the server does not have."""

    code = "no-such-pack"
    pack: str
    near: tuple[str, ...]
    known: tuple[str, ...]

    @Text
    def reason(self) -> str:
        there = ", ".join(self.known) or "none"
        return f"No node class comes from a pack {self.pack}; packs that are there: {there}."

    remedy = Text(
        "{near:did_you_mean}A pack is named by its folder under custom_nodes. Install it in that ComfyUI, and look at "
        "its log: a pack that fails to load brings no classes."
    )


class NoSuchClass(Diagnostic):
    """A class that no catalog has."""

    code = "no-such-class"
    class_type: str
    comfyui: str
    near: tuple[str, ...]

    reason = Text("Neither ComfyUI {comfyui} nor a catalog that was given has a node class {class_type}.")
    remedy = Text("{near:did_you_mean}Name a class, not a title; for a node pack's, give its catalog with --catalog.")


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
            f"{self.pack}{version}, which the package's image does not have."
        )

    remedy = Text(
        "Build an image from the package's own that adds the pack (FROM it), at the version that the graph was made "
        "with."
    )
