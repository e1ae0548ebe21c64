"""Files that cannot be read or written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, Severity


@dataclass(frozen=True, kw_only=True)
class CannotRead(Diagnostic):
    """A file that cannot be read."""

    code: ClassVar[str] = "cannot-read"
    problem: str
    # A folder was named where a file is read; some of the files in it.
    is_folder: bool = False
    inside: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """The system's reason."""
        return "This is a folder, not a file." if self.is_folder else f"The file cannot be read: {self.problem}."

    @property
    def remedy(self) -> str:
        """Check it."""
        if self.inside:
            return f"Name a file in it, such as {self.inside[0]}."
        return "Name a file." if self.is_folder else "Check the path and the file's permissions."


@dataclass(frozen=True, kw_only=True)
class CannotUse(Diagnostic):
    """A path that the system does not take: too long a name, links that lead round, a closed folder."""

    code: ClassVar[str] = "cannot-use-path"
    problem: str

    @property
    def reason(self) -> str:
        """The system's reason."""
        return f"The path cannot be used: {self.problem}."

    @property
    def remedy(self) -> str:
        """Check it."""
        return "Check the path, its length and the permissions of the folders in it."


@dataclass(frozen=True, kw_only=True)
class CannotWrite(Diagnostic):
    """A folder or file that cannot be written."""

    code: ClassVar[str] = "cannot-write"
    problem: str
    # Something stands where a file or folder would be made; other rights would not help.
    taken: bool = False

    @property
    def reason(self) -> str:
        """The system's reason."""
        return f"The place cannot be written: {self.problem}. Nothing was changed."

    @property
    def remedy(self) -> str:
        """Choose another."""
        return (
            f"Choose another output (-o), or {'move away what is there' if self.taken else 'change its permissions'}."
        )


# So many files are named.
_MOST_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class NotOurs(Diagnostic):
    """Something that stands where a folder of ours is to go, and that we did not write."""

    code: ClassVar[str] = "not-ours"
    what: str
    # Whether even --force lets it alone.
    remains: bool = False

    @property
    def reason(self) -> str:
        """What it is."""
        return f"The place is taken: {self.what}. Nothing was changed."

    @property
    def remedy(self) -> str:
        """Another place, or force."""
        other = "Choose another output (-o), or move away what is there."
        if self.remains:
            return other
        return f"{other} Or --force, which keeps every file but those that are written."


@dataclass(frozen=True, kw_only=True)
class ChangedByHand(Diagnostic):
    """Files that would be replaced and are not as we wrote them."""

    code: ClassVar[str] = "changed-by-hand"
    changed: tuple[str, ...] = ()
    # Those that we never wrote.
    foreign: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Which."""
        parts = [f"changed since they were written: {_named(self.changed)}"] if self.changed else []
        parts += [f"not written by comfy2runpod: {_named(self.foreign)}"] if self.foreign else []
        return f"Files would be lost that new ones replace; {'; '.join(parts)}. Nothing was changed."

    @property
    def remedy(self) -> str:
        """Keep them, or give them up."""
        return "Move what you want to keep into files of other names, which always stay; then --force replaces these."


@dataclass(frozen=True, kw_only=True)
class NotCleared(Diagnostic):
    """What was there before, which could not be taken apart when the new folder was in its place."""

    code: ClassVar[str] = "old-files-not-cleared"
    problem: str
    place: str

    @property
    def reason(self) -> str:
        """What was done, and what was not."""
        return f"The new files are in place, but the old ones could not all be cleared away: {self.problem}."

    @property
    def remedy(self) -> str:
        """Again."""
        return f"Run it again: it does the rest. Files of yours that are missing are in {self.place} until then."


@dataclass(frozen=True, kw_only=True)
class StillThere(Diagnostic):
    """Files that are made no longer, and were changed by hand."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "changed-file-kept"
    files: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Which."""
        return f"Made no longer, but changed by hand, and so kept: {_named(self.files)}."

    @property
    def remedy(self) -> str:
        """Remove them."""
        return "Remove them if they are not needed."


@dataclass(frozen=True, kw_only=True)
class Overwritten(Diagnostic):
    """Files that --force replaced."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "changed-file-replaced"
    files: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Which."""
        return f"--force replaced files that were changed by hand or not written by comfy2runpod: {_named(self.files)}."

    @property
    def remedy(self) -> str:
        """Where they may be found."""
        return "If one was wanted, take it from your version control or backup."


@dataclass(frozen=True, kw_only=True)
class SameName(Diagnostic):
    """Two graphs that would become one package."""

    code: ClassVar[str] = "package-named-twice"
    name: str
    other: str

    @property
    def reason(self) -> str:
        """Both."""
        return f"This graph and {self.other} both make the package {self.name}. Nothing was written."

    @property
    def remedy(self) -> str:
        """Rename one."""
        return "Give one of them another `name` in its note, or compile them into two folders (-o)."


def _named(files: tuple[str, ...]) -> str:
    more = f" and {len(files) - _MOST_NAMED:,} more" if len(files) > _MOST_NAMED else ""
    return ", ".join(files[:_MOST_NAMED]) + more


@dataclass(frozen=True, kw_only=True)
class CannotRun(Diagnostic):
    """A package whose handler cannot be run."""

    code: ClassVar[str] = "cannot-run"
    problem: str

    @property
    def reason(self) -> str:
        """What happened."""
        return f"The package cannot be run: {self.problem}."

    @property
    def remedy(self) -> str:
        """Compile it."""
        return "Name the folder of a compiled package, as `compile` tells it; compile its graph again if need be."


@dataclass(frozen=True, kw_only=True)
class BadInputArgument(Diagnostic):
    """An --input that is not JSON."""

    code: ClassVar[str] = "bad-input-argument"
    # Nothing, if it is empty.
    problem: str

    @property
    def reason(self) -> str:
        """What is wrong."""
        return f"The input is not JSON: {self.problem}." if self.problem else "The input is empty."

    @property
    def remedy(self) -> str:
        """How to give it."""
        return 'Give the job\'s input as JSON text, such as \'{"prompt": "a cat"}\', or as a file, @request.json.'


@dataclass(frozen=True, kw_only=True)
class NoGraphs(Diagnostic):
    """A folder without a graph."""

    code: ClassVar[str] = "no-graphs"

    @property
    def reason(self) -> str:
        """What it lacks."""
        return "The folder holds no graph: no .json file stands in it but locks and what comfy2runpod wrote."

    @property
    def remedy(self) -> str:
        """What may be named."""
        return "Name graphs, or a folder that holds graphs itself, such as graphs/; folders in it are not looked into."


@dataclass(frozen=True, kw_only=True)
class NoInputFile(Diagnostic):
    """An --input that is neither JSON nor a file that is there."""

    code: ClassVar[str] = "no-input-file"
    problem: str

    @property
    def reason(self) -> str:
        """The system's reason."""
        return f"The file of the input cannot be read: {self.problem}."

    @property
    def remedy(self) -> str:
        """How to give it."""
        return 'Check the path, or give the input itself as JSON text, such as \'{"prompt": "a cat"}\'.'


@dataclass(frozen=True, kw_only=True)
class JobFailed(Diagnostic):
    """A job that its worker answered with an error."""

    code: ClassVar[str] = "job-failed"
    fault: str
    message: str
    details: tuple[str, ...]
    api_page: str
    # Of media fields whose text names a file that is here: the field and the file.
    files: tuple[tuple[str, str], ...] = ()

    @property
    def reason(self) -> str:
        """The worker's."""
        return "\n".join([f"{self.message.rstrip('.')} ({self.fault}).", *self.details])

    @property
    def remedy(self) -> str:
        """Where the codes and fields are told."""
        if self.fault == "invalid_input" and self.files:
            return " ".join(f'To send the file, write "{field}": "@{file}".' for field, file in self.files)
        if self.fault == "invalid_input":
            return f"{self.api_page} lists the fields and what each takes."
        if self.fault == "comfyui_unavailable":
            return "Check that the ComfyUI of --comfyui runs and can be reached from here."
        return f"{self.api_page} tells what the code means; --verbose shows the worker's log."


@dataclass(frozen=True, kw_only=True)
class NotAPackage(Diagnostic):
    """A folder that is not a compiled package."""

    code: ClassVar[str] = "not-a-package"
    problem: str

    @property
    def reason(self) -> str:
        """What it lacks."""
        return f"This is not a package that was compiled: {self.problem}."

    @property
    def remedy(self) -> str:
        """What may be named."""
        return (
            "Name the folder of a compiled package, or one that holds packages (diff takes graphs too); compile it "
            "again if need be."
        )


@dataclass(frozen=True, kw_only=True)
class OtherVersion(Diagnostic):
    """A package of another version of the compiler."""

    code: ClassVar[str] = "package-of-another-version"
    found: str
    ours: str

    @property
    def reason(self) -> str:
        """Which, and which is ours."""
        return f"This package was compiled by {self.found}; this is {self.ours}."

    @property
    def remedy(self) -> str:
        """Compile it."""
        return "Compile its graph again, or leave the package out."


@dataclass(frozen=True, kw_only=True)
class CannotListen(Diagnostic):
    """An address that cannot be listened on."""

    code: ClassVar[str] = "cannot-listen"
    problem: str

    @property
    def reason(self) -> str:
        """The system's reason."""
        return f"The address cannot be listened on: {self.problem}."

    @property
    def remedy(self) -> str:
        """Choose another."""
        return "Choose another --port (0 takes any free one) or --host, or end what uses it."
