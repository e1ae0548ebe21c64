"""A package's reference page: its OpenAPI document, drawn by Redoc, which is told of nothing outside the site."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources

from comfy2runpod.docs_site.package import PackageDocs
from comfy2runpod.emit.environment import environment

# Redoc's side menu shows its logo from a CDN: the one thing that it loads by itself.
_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_LOGO = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
_SOURCE_MAP = "//# sourceMappingURL=redoc.standalone.js.map"


def reference_page(package: PackageDocs) -> str:
    """The page. The document stands in it: from file:// nothing can be fetched."""
    # In a script, only `<` can end it; the two line separators are no JavaScript.
    document = json.dumps(package.openapi, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return environment().get_template("site-reference.html.j2").render(package=package, document=document)


@lru_cache(maxsize=1)
def redoc_files() -> dict[str, bytes]:
    """Redoc and its licences, by file name. The bundle is npm's, less what leads out of the site."""
    folder = resources.files("comfy2runpod.docs_site") / "redoc"
    files = {
        entry.name: entry.read_bytes()
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".LICENSE.txt")
    }
    files["redoc.LICENSE.txt"] = (folder / "LICENSE").read_bytes()
    bundle = (folder / "redoc.standalone.js").read_text("utf-8")
    bundle = bundle.replace(_LOGO, _NO_LOGO).replace(_SOURCE_MAP, "")
    return dict(sorted({**files, "redoc.standalone.js": bundle.encode("utf-8")}.items()))
