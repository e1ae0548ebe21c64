"""What can be wrong with the build of an image."""

from __future__ import annotations

from collections.abc import Sequence

from comfy2runpod.diagnostics import Diagnostic, Severity, Text, shorten

_MOST_NAMED, _LONGEST_NAME = 5, 200
# What engines print, and what to do then; the first that is found counts.
_REMEDIES = (
    ("no space left on device", "Free space where the engine keeps images, for example with `docker system prune`."),
    ("permission denied", "Let your user use the engine, or run it with another one (--engine)."),
    ("toomanyrequests", "Log in to the registry, or wait: it has answered too many requests."),
    ("unauthorized", "Log in to the registry first, for example with `docker login`."),
    (
        "denied: ",
        "Log in to the registry first, for example with `docker login`; check that you may push the tag (--tag).",
    ),
    ("no such host", "Check the network: the name of a host cannot be resolved."),
    ("certificate", "Make the build trust your network's certificates, for example with --engine-arg=--volume=…."),
    (
        "do not match the hashes",
        "A downloaded file is not the one in the lock: check your package index and proxies.",
    ),
    ("failed to solve", "Read what the engine says above; -v prints all of it."),
)


class NoEngine(Diagnostic):
    """No container engine that can build."""

    code = "no-container-engine"
    wanted: tuple[str, ...]
    # Those that are installed, and whose daemon does not answer.
    silent: tuple[str, ...] = ()

    @Text
    def reason(self) -> str:
        names = " or ".join(self.wanted)
        if self.silent:
            return f"No image can be built: {' and '.join(self.silent)} is installed, but does not answer."
        return f"No image can be built: {names} is not installed here."

    @Text
    def remedy(self) -> str:
        if "docker" in self.silent:
            return "Start Docker, or install podman or buildah, which need no daemon."
        return "Install docker, podman or buildah; or push the package to GitHub, whose workflow builds it."


class EngineFailed(Diagnostic):
    """A build or a push that the engine ended with an error."""

    code = "build-failed"
    engine: str
    status: int
    doing: str = "build"
    last: tuple[str, ...] = ()

    @Text
    def reason(self) -> str:
        said = "".join(f"\n{shorten(line, 200)}" for line in self.last)
        return f"{self.engine} {self.doing} failed with exit code {self.status}. It last said:{said or ' nothing'}"

    @Text
    def remedy(self) -> str:
        text = "\n".join(self.last).casefold()
        return next((remedy for words, remedy in _REMEDIES if words in text), "Run it again with -v: it prints all.")


class NoPackageToBuild(Diagnostic):
    """A folder that is no package of ours."""

    code = "no-package-to-build"
    problem: str

    reason = Text("There is no package to build: {problem}.")
    remedy = Text("Name the folder of one package, as `comfy2runpod compile` wrote it.")


class PackageIncomplete(Diagnostic):
    """A package that lacks files that were written into it, such as the wheel that git ignored."""

    code = "package-incomplete"
    missing: tuple[str, ...]

    @Text
    def reason(self) -> str:
        return f"The package lacks files that it was written with: {named(self.missing)}. Nothing was built."

    remedy = Text("Compile its graph again; if the package came by git, commit these files too (`git add -f`).")


class PackageIsOlder(Diagnostic):
    """A package that its graph would not be compiled to any more."""

    code = "package-is-older"
    graph: str
    files: tuple[str, ...]
    # What it was compiled with, as it is typed.
    options: str = ""

    @Text
    def reason(self) -> str:
        told = f" with {self.options}" if self.options else ""
        return f"The package is not what {self.graph} compiles to now{told}: {named(self.files)}. Nothing was built."

    @Text
    def remedy(self) -> str:
        told = " with these options" if self.options else ""
        return f"Compile the graph again{told}; or build the package as it is with --force."


class OptionsUnknown(Diagnostic):
    """A package that was compiled with options that this version does not take."""

    code = "options-unknown"
    options: str
    problem: str

    reason = Text("The package was compiled with {options}: {problem}. It is not compared with its graph.")
    remedy = Text("Update comfy2runpod, or compile the graph again; or build the package as it is with --force.")


class BuiltAsChanged(Diagnostic):
    """Files of a package that were changed by hand, and are built as they are."""

    severity = Severity.WARNING
    code = "built-as-changed"
    files: tuple[str, ...]

    @Text
    def reason(self) -> str:
        return f"Files were changed since the package was written, and are built as they are: {named(self.files)}."

    remedy = Text("Compile the graph again with --force to restore them.")


class BaseByTag(Diagnostic):
    """A base that is named by its tag, because its digest is not known."""

    severity = Severity.WARNING
    code = "base-by-tag"
    base: str
    problem: str

    reason = Text("The base {base} is taken by its tag, which may mean another image tomorrow: {problem}.")
    remedy = Text("Nothing has to be done; if the registry can be reached, `build` names the base by its digest.")


class BakeUnlocked(Diagnostic):
    """A model lock that does not tell what would be put into an image."""

    code = "bake-unlocked"
    problem: str

    reason = Text("No model can be put into the image: {problem}.")
    remedy = Text("Run `comfy2runpod lock` on the graph and compile it again; or build without --bake.")


class NothingToBake(Diagnostic):
    """No model of a package is as small as `--bake` says."""

    code = "nothing-to-bake"
    largest: int
    # Its size in bytes, and its file.
    smallest: tuple[int, str] | None

    @Text
    def reason(self) -> str:
        if self.smallest is None:
            return "No model can be put into the image: the package has none."
        size, file = self.smallest
        return (
            f"No model is of {self.largest:,} bytes or less, as --bake says: the smallest, {file}, has {size:,} bytes."
        )

    remedy = Text("Give --bake a size that a model has; or build without it, and each worker gets its models itself.")


def named(files: Sequence[str]) -> str:
    """Some of the names, and how many more there are."""
    more = len(files) - _MOST_NAMED
    some = ", ".join(shorten(file, _LONGEST_NAME) for file in files[:_MOST_NAMED])
    return some + (f" and {more} more" if more > 0 else "")
