"""How commands find and read compiled packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from comfy2runpod import __version__
from comfy2runpod.diagnostics import CompileError, Diagnostic, Locus, UnreachableError
from comfy2runpod.docs_site import ASSETS, NEEDED, PackageDocs, package_docs
from comfy2runpod.errors.files import CannotRead, NotAPackage, OtherVersion
from comfy2runpod.package_folder import files_below, package_name, read_in
from comfy2runpod.read_files import shown
from comfy2runpod_contract.texts import is_plain, one_line
from comfy2runpod_contract.version import CONTRACT

# The file by which a package is recognised when reading. It does not allow us to overwrite the folder.
MARKER = "workflow_api.json"
_DOCS = "docs"
# A folder with one of these files is meant to be a package, whatever else it lacks.
_TRACES = (MARKER, *NEEDED)


def package_folders(path: Path) -> tuple[Path, ...]:
    """A package's folder itself, or those of the packages in a folder, by name.

    Raises:
        CompileError: there are none.
        UnreachableError: it cannot be read.
    """
    try:
        if _is_meant(path):
            return (path,)
        folders = tuple(
            folder for folder in sorted(path.iterdir()) if not folder.name.startswith(".") and _is_meant(folder)
        )
        place = path.resolve()
        if led := next((folder for folder in folders if not folder.resolve().is_relative_to(place)), None):
            problem = f"it is a link that leads out of {shown(path)}; name the package itself"
            raise CompileError([NotAPackage(at=Locus(shown(led)), problem=problem)])
    except NotADirectoryError:
        raise CompileError(
            [NotAPackage(at=Locus(shown(path)), problem="it is a file, and a package is a folder")]
        ) from None
    except OSError as error:
        raise UnreachableError(CannotRead(at=Locus(shown(path)), problem=error.strerror or str(error))) from error
    if not folders:
        raise CompileError([NotAPackage(at=Locus(shown(path)), problem=f"neither it nor a folder in it has {MARKER}")])
    return folders


def read_docs(paths: Sequence[Path], *, any_version: bool = False) -> tuple[PackageDocs, ...]:
    """The documents of packages, and of those in folders of packages. A package that is named twice counts once.

    Args:
        paths: the folders.
        any_version: whether packages of another version of the compiler are taken.

    Raises:
        CompileError: packages are broken or of another version, all of them told; or there are none.
        UnreachableError: a file cannot be read.
    """
    found, wrong = list[PackageDocs](), list[Diagnostic]()
    for name, folder in named_folders(paths).items():
        try:
            package = package_docs(_files(folder), name, shown(folder))
            wrong += [] if any_version else _other_version(package, folder)
            found.append(package)
        except CompileError as error:
            wrong += error.diagnostics
    if wrong:
        raise CompileError(wrong)
    return tuple(found)


def named_folders(paths: Sequence[Path]) -> dict[str, Path]:
    """Packages, and those in folders of packages, by their names in URLs, in the order given.

    A package has the name that it was compiled with, as in its clients. If several have one, the others have their
    folders' names.
    """
    folders = {folder.resolve(): folder for path in paths for folder in package_folders(path)}
    names = {place: package_name(place) for place in folders}
    given: dict[str, Path] = {}
    # The folder that has the name too comes first.
    for place in sorted(folders, key=lambda place: names[place] != place.name):
        name = next((one for one in (names[place], place.name) if one not in given), None)
        if name is None:
            other = folders[given[place.name]]
            raise click.BadParameter(
                f"two packages are named {place.name}: {shown(other)} and {shown(folders[place])}; name one of them, "
                "or rename its folder.",
                param_hint="PACKAGES",
            )
        if not is_plain(name) or {"{", "}"} & set(name):
            problem = f"the name of {one_line(shown(folders[place]))} cannot be part of a URL: rename the folder."
            raise click.BadParameter(problem, param_hint="PACKAGES")
        if name == ASSETS:
            raise click.BadParameter(f"no package can be named {ASSETS}: rename its folder.", param_hint="PACKAGES")
        given[name] = place
    by_place = {place: name for name, place in given.items()}
    return {by_place[place]: folder for place, folder in folders.items()}


def named_otherwise(packages: Mapping[str, Path]) -> Iterator[str]:
    """A line for each package that does not have the name that it was compiled with."""
    for name, folder in packages.items():
        if (own := package_name(folder)) != name:
            yield f"{shown(folder)} is named {name} here, after its folder: another package is named {own}."


def _is_meant(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _TRACES)


def _files(folder: Path) -> dict[str, bytes]:
    """The files from which the documents are made. What links lead to is not in the package: it is never published."""
    needed = {name: data for name in NEEDED if (data := read_in(folder, name)) is not None}
    return {**needed, **dict(files_below(folder, _DOCS))}


def _other_version(package: PackageDocs, folder: Path) -> list[Diagnostic]:
    if (package.version, package.contract) == (__version__, CONTRACT):
        return []
    found = f"comfy2runpod {package.version} (contract {package.contract})"
    return [OtherVersion(at=Locus(shown(folder)), found=found, ours=f"{__version__} (contract {CONTRACT})")]
