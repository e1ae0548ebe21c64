"""Files that cannot be read or written."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Severity, Text, also


class CannotRead(Diagnostic):
    """A file that cannot be read."""

    code = "cannot-read"
    problem: str
    # A folder was named where a file is read; some of the files in it.
    is_folder: bool = False
    inside: tuple[str, ...] = ()
    # A pipe, a socket or a device.
    is_special: bool = False

    @Text
    def reason(self) -> str:
        return "This is a folder, not a file." if self.is_folder else f"The file cannot be read: {self.problem}."

    @Text
    def remedy(self) -> str:
        if self.inside:
            return f"Name a file in it, such as {self.inside[0]}."
        if self.is_special:
            return "Save its content as a regular file, and use that instead."
        return "Name a file." if self.is_folder else "Check the path and the file's permissions."


class PictureLeftOut(Diagnostic):
    """A picture beside a graph that its package's README cannot show."""

    code = "picture-left-out"
    severity = Severity.WARNING
    problem: str

    reason = Text("The picture beside the graph is not in the package's README: {problem}.")
    remedy = Text("Put a PNG or JPEG file of at most 2 MB in its place, or move it away.")


class LeadsOut(Diagnostic):
    """A file that is read because it stands beside a graph, and is a link to one elsewhere."""

    code = "link-leads-out"

    reason = Text("This is a link that leads out of the graph's folder, so it is not read.")
    remedy = Text("Put the file itself in its place, if it belongs to the graph; or remove the link.")


class CannotUse(Diagnostic):
    """A path that the system does not accept: a name that is too long, a cycle of links, a folder without access."""

    code = "cannot-use-path"
    problem: str

    reason = Text("The path cannot be used: {problem}.")
    remedy = Text("Check the path, its length and the permissions of the folders in it.")


class CannotWrite(Diagnostic):
    """A folder or file that cannot be written."""

    code = "cannot-write"
    problem: str
    # Something exists where a file or folder would be made; other permissions would not help.
    taken: bool = False
    # Whether other permissions would help, and whether more room on the disk would.
    forbidden: bool = True
    full: bool = False
    # A file that always stands beside its graph: no option names another place.
    beside: bool = False

    reason = Text("The place cannot be written: {problem}. Nothing was changed.")

    @Text
    def remedy(self) -> str:
        elsewhere = _elsewhere(beside=self.beside)
        if self.taken:
            return f"{elsewhere}, or move away what is there."
        if self.full:
            return f"{elsewhere}, or make room on the disk."
        if self.forbidden:
            return f"{elsewhere}, or change the permissions."
        return f"{elsewhere}: nothing can be made there."


# So many files are named.
_MOST_NAMED = 20


class NotOurs(Diagnostic):
    """Something that exists where our output would be written, and that we did not write."""

    code = "not-ours"
    what: str
    # Whether even --force lets it alone.
    remains: bool = False
    # As in CannotWrite.
    beside: bool = False

    reason = Text("The output path is taken: {what}. Nothing was changed.")

    @Text
    def remedy(self) -> str:
        other = f"{_elsewhere(beside=self.beside)}, or move away what is there."
        if self.remains:
            return other
        return f"{other} Or use --force, which replaces only the files that are written and keeps all others."


class ChangedByHand(Diagnostic):
    """Files that would be replaced, and that were changed since we wrote them."""

    code = "changed-by-hand"
    changed: tuple[str, ...] = ()
    # Those that we never wrote.
    foreign: tuple[str, ...] = ()

    @Text
    def reason(self) -> str:
        parts = [f"changed since they were written: {_named(self.changed)}"] if self.changed else []
        parts += [f"not written by comfy2runpod: {_named(self.foreign)}"] if self.foreign else []
        return f"Files would be replaced and lost: {'; '.join(parts)}. Nothing was changed."

    remedy = Text(
        "Move what you want to keep to files with other names, which are never replaced; then --force replaces these."
    )


class PackageDrifted(Diagnostic):
    """A package that is not what its graph gives."""

    code = "package-drifted"
    graph: str
    lacking: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    obsolete: tuple[str, ...] = ()
    # The options as they are typed; `compiled_with` only where they are others than those of the comparison.
    checked_with: str = ""
    compiled_with: str | None = None

    @Text
    def reason(self) -> str:
        parts = [f"different: {_named(self.changed)}"] if self.changed else []
        parts += [f"missing: {_named(self.lacking)}"] if self.lacking else []
        parts += [f"no longer generated: {_named(self.obsolete)}"] if self.obsolete else []
        return f"The package is not what {self.graph} compiles to: {'; '.join(parts)}."

    @Text
    def remedy(self) -> str:
        if self.compiled_with is None:
            return "Compile the graph again without --check, and commit the result."
        first, second = self.compiled_with or "no options", self.checked_with or "none"
        return (
            f"The package was compiled with {first}, and is compared with {second}: give --check the same, or compile "
            "the graph again without --check, and commit the result."
        )


class NotCleared(Diagnostic):
    """Old files that could not be removed after the new folder was put in their place."""

    code = "old-files-not-cleared"
    problem: str
    place: str

    reason = Text("The new files are in place, but the old ones could not all be removed: {problem}.")
    remedy = Text("Run it again to finish. Until then, files of yours that are missing are in {place}.")


class NotProvenOurs(Diagnostic):
    """A hidden folder that says that a killed run left it, which anybody could have written."""

    code = "work-folder-not-ours"

    reason = Text(
        "This hidden folder says that a killed run of comfy2runpod left it, but nothing proves that it was a run of "
        "yours on this machine: it may have come with a download. Nothing was written."
    )
    remedy = Text(
        "If you downloaded it, delete it. If a run of yours was killed here (with another home, or in a copy of this "
        "folder), first move out what you miss: it is in its folders `new` and `old`."
    )


class StillThere(Diagnostic):
    """Files that are no longer generated, and were changed by hand."""

    severity = Severity.WARNING
    code = "changed-file-kept"
    files: tuple[str, ...]

    @Text
    def reason(self) -> str:
        return f"No longer generated, but kept because they were changed by hand: {_named(self.files)}."

    remedy = Text("Remove them if they are not needed.")


class Overwritten(Diagnostic):
    """Files that --force replaced."""

    severity = Severity.WARNING
    code = "changed-file-replaced"
    files: tuple[str, ...]

    @Text
    def reason(self) -> str:
        return f"--force replaced files that were changed by hand or not written by comfy2runpod: {_named(self.files)}."

    remedy = Text("If you still need one, restore it from version control or a backup.")


class SameName(Diagnostic):
    """Two graphs that would become one package."""

    code = "package-named-twice"
    name: str
    other: Locus = also("makes the same package")

    reason = Text("This graph and {other.file} both make the package {name}. Nothing was written.")
    remedy = Text("Give one of them another `name` in its note, or compile them into two folders (-o).")


class SamePrompt(Diagnostic):
    """Two graphs whose prompts would become one file."""

    code = "prompt-named-twice"
    name: str
    other: Locus = also("makes the same file")

    reason = Text("The prompts of this graph and of {other.file} would both be {name}. Nothing was written.")
    remedy = Text("Convert them into two folders (-o), or give one of them another file name.")


class PromptLeft(Diagnostic):
    """The prompt of an earlier run, of a graph that is refused now."""

    severity = Severity.WARNING
    code = "old-prompt-kept"
    graph: str

    reason = Text("This is the prompt of an earlier run, kept though {graph} is refused now.")
    remedy = Text("Remove it, or mend the graph and convert it again.")


def _elsewhere(*, beside: bool) -> str:
    return "Move the graph to another folder" if beside else "Choose another output (-o)"


def _named(files: tuple[str, ...]) -> str:
    more = f" and {len(files) - _MOST_NAMED:,} more" if len(files) > _MOST_NAMED else ""
    return ", ".join(files[:_MOST_NAMED]) + more


class CannotRun(Diagnostic):
    """A package whose handler cannot be run."""

    code = "cannot-run"
    problem: str

    reason = Text("The package cannot be run: {problem}.")
    remedy = Text(
        "Name the folder of a compiled package, as `compile` prints it; compile its graph again if necessary."
    )


class BadInputArgument(Diagnostic):
    """An --input that is not JSON."""

    code = "bad-input-argument"
    # Nothing, if it is empty.
    problem: str

    @Text
    def reason(self) -> str:
        return f"The input is not JSON: {self.problem}." if self.problem else "The input is empty."

    remedy = Text(
        'Give the input of the job as JSON text, such as \'{{"prompt": "a cat"}}\', or as a file, @request.json.'
    )


class NoGraphs(Diagnostic):
    """A folder without graphs."""

    code = "no-graphs"

    reason = Text(
        "The folder contains no graphs: it has no .json files except locks and files that comfy2runpod wrote."
    )
    remedy = Text(
        "Name graphs, or a folder that directly contains graphs, such as graphs/; subfolders are not searched."
    )


class NoInputFile(Diagnostic):
    """An --input that is neither JSON nor an existing file."""

    code = "no-input-file"
    problem: str

    reason = Text("The input file cannot be read: {problem}.")
    remedy = Text('Check the path, or give the input itself as JSON text, such as \'{{"prompt": "a cat"}}\'.')


class JobFailed(Diagnostic):
    """A job that the worker answered with an error."""

    code = "job-failed"
    fault: str
    message: str
    details: tuple[str, ...]
    api_page: str
    # Of media fields whose text names a file that is here: the field and the file.
    files: tuple[tuple[str, str], ...] = ()

    @Text
    def reason(self) -> str:
        return "\n".join([f"{self.message.rstrip('.')} ({self.fault}).", *self.details])

    @Text
    def remedy(self) -> str:
        if self.fault == "invalid_input" and self.files:
            return " ".join(f'To send the file, write "{field}": "@{file}".' for field, file in self.files)
        if self.fault == "invalid_input":
            return f"{self.api_page} lists the fields and their values."
        if self.fault == "comfyui_unavailable":
            return "Check that the ComfyUI given by --comfyui is running and can be reached."
        return f"{self.api_page} explains the code; --verbose shows the worker's log."


class NotAPackage(Diagnostic):
    """A folder that is not a compiled package."""

    code = "not-a-package"
    problem: str

    reason = Text("This is not a compiled package: {problem}.")
    remedy = Text(
        "Name the folder of a compiled package, or a folder that contains packages (`diff` takes graphs too); compile "
        "the graph again if necessary."
    )


class OtherVersion(Diagnostic):
    """A package that another version of the compiler made."""

    code = "package-of-another-version"
    found: str
    ours: str

    reason = Text("This package was compiled by {found}; this is {ours}.")
    remedy = Text("Compile its graph again, or omit the package.")


class CannotListen(Diagnostic):
    """An address that the server cannot listen on."""

    code = "cannot-listen"
    problem: str

    reason = Text("Cannot listen on the address: {problem}.")
    remedy = Text("Choose another --port (0 takes any free one) or --host, or stop the process that uses it.")
