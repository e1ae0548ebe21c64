"""How commands find and read compiled packages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from comfy2runpod import __version__
from comfy2runpod.diagnostics import CompileError, Diagnostic, Locus, UnreachableError
from comfy2runpod.docs_site import ASSETS, NEEDED, PackageDocs, package_docs
from comfy2runpod.errors.files import CannotRead, NotAPackage, OtherVersion
from comfy2runpod.read_files import read_file, shown
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
    folders = {folder.resolve(): folder for path in paths for folder in package_folders(path)}
    check_names([(resolved.name, folder) for resolved, folder in folders.items()])
    found, wrong = list[PackageDocs](), list[Diagnostic]()
    for resolved, folder in folders.items():
        try:
            package = package_docs(_files(folder), resolved.name, shown(folder))
            wrong += [] if any_version else _other_version(package, folder)
            found.append(package)
        except CompileError as error:
            wrong += error.diagnostics
    if wrong:
        raise CompileError(wrong)
    return tuple(found)


def check_names(packages: Sequence[tuple[str, Path]]) -> None:
    """Refuses two packages of one name, and a name that the site uses itself: names are parts of URLs."""
    seen: dict[str, Path] = {}
    for name, folder in packages:
        other = seen.setdefault(name, folder)
        if other is not folder:
            raise click.BadParameter(
                f"two packages are named {name}: {shown(other)} and {shown(folder)}; name one of them.",
                param_hint="PACKAGES",
            )
    if ASSETS in seen:
        raise click.BadParameter(f"no package can be named {ASSETS}: rename its folder.", param_hint="PACKAGES")


def _is_meant(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _TRACES)


def _files(folder: Path) -> dict[str, bytes]:
    """The files from which the documents are made. Targets of links are not in the package, and are omitted."""
    below = [path for path in sorted((folder / _DOCS).rglob("*")) if path.is_file() and not path.is_symlink()]
    beside = [path for name in NEEDED if (path := folder / name).is_file()]
    return {path.relative_to(folder).as_posix(): read_file(path) for path in dict.fromkeys((*beside, *below))}


def _other_version(package: PackageDocs, folder: Path) -> list[Diagnostic]:
    if (package.version, package.contract) == (__version__, CONTRACT):
        return []
    found = f"comfy2runpod {package.version} (contract {package.contract})"
    return [OtherVersion(at=Locus(shown(folder)), found=found, ours=f"{__version__} (contract {CONTRACT})")]
