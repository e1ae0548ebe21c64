"""Packages -> the files of a site, by path. Pure, and the same for the same packages."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from comfy2runpod import __version__
from comfy2runpod.docs_site.package import PackageDocs
from comfy2runpod.docs_site.reference import redoc_files, reference_page
from comfy2runpod.json_text import json_document
from comfy2runpod.stages.emit.environment import environment
from comfy2runpod_contract.json_types import Json, JsonObject

# Says what the site holds, for programs.
_CATALOGUE = "comfy2runpod-site.json"
# No package has such a name: a dash cannot stand in one.
ASSETS = "site-assets"
_OWN_ASSETS = ("reference.js", "site.css")
_VERSION = 1
_GUIDE = "index.html"
_HEADER = b"<header>\n"
_WAY_BACK = (
    b'<nav aria-label="Site">\n<ul>\n<li><a href="../index.html">All endpoints</a></li>\n'
    b'<li><a href="reference.html">Reference</a></li>\n</ul>\n</nav>\n'
)


def site_files(packages: Sequence[PackageDocs]) -> dict[str, bytes]:
    """An index, each package's docs folder and its reference page, and what these load.

    All links are relative; a package's own page has, here alone, those to the index and to its reference.
    """
    ordered = sorted(packages, key=lambda package: package.name)
    index = environment().get_template("site-index.html.j2").render(packages=ordered, version=__version__)
    files = {"index.html": index.encode("utf-8", "replace"), _CATALOGUE: _catalogue(ordered)}
    for package in ordered:
        files |= {f"{package.name}/{path}": data for path, data in package.files.items()}
        files[f"{package.name}/{_GUIDE}"] = _within_site(package.files[_GUIDE])
        files[f"{package.name}/reference.html"] = reference_page(package).encode("utf-8", "replace")
    own = resources.files("comfy2runpod.docs_site") / "assets"
    assets = {**redoc_files(), **{name: (own / name).read_bytes() for name in _OWN_ASSETS}}
    files |= {f"{ASSETS}/{name}": data for name, data in assets.items()}
    return dict(sorted(files.items()))


def _within_site(guide: bytes) -> bytes:
    """A package's own page with the ways out of it; alone on disk it has none, because they would lead nowhere."""
    return guide.replace(_HEADER, _HEADER + _WAY_BACK, 1)


def _catalogue(packages: Sequence[PackageDocs]) -> bytes:
    entries: list[Json] = [_entry(package) for package in packages]
    whole: JsonObject = {"version": _VERSION, "comfy2runpod": __version__, "packages": entries}
    return json_document(whole).encode("utf-8")


def _entry(package: PackageDocs) -> JsonObject:
    models = package.models
    return {
        "name": package.name,
        "title": package.title,
        "description": package.description,
        "inputs": dict(package.inputs),
        "required": list(package.required),
        "outputs": [
            {"name": output.name, "media_type": output.media_type, "many": output.many} for output in package.outputs
        ],
        "models": {"files": models.files, "bytes": models.size, "exact": models.exact, "unknown": models.unknown},
        "openapi": f"{package.name}/openapi.json",
    }
