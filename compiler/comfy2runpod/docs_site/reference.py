"""A package's reference page: its OpenAPI document, drawn by Redoc, which is told of nothing outside the site."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources

from comfy2runpod.docs_site.package import PackageDocs
from comfy2runpod.quoting import markdown
from comfy2runpod.stages.emit.environment import environment
from comfy2runpod_contract.json_types import Json

# Redoc's side menu shows its logo from a CDN: the one thing that it loads by itself.
_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_LOGO = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
_SOURCE_MAP = "//# sourceMappingURL=redoc.standalone.js.map"
# Keys of an OpenAPI document whose texts are Markdown, and those under which a package's own values stand.
_MARKDOWN = ("description",)
_DATA = ("const", "default", "enum", "example", "examples", "mapping")
_ACTIVE = re.compile(r"[<>\[\]&@]|://|www\.|mailto:|xmpp:", re.IGNORECASE)


def reference_page(package: PackageDocs) -> str:
    """The page. The document stands in it: from file:// nothing can be fetched."""
    document = _harmless(package.openapi)
    return environment().get_template("site-reference.html.j2").render(package=package, document=document)


def _harmless(value: Json, key: str = "") -> Json:
    """A document whose Markdown has no HTML, link or image in it, untrusted or not; what it describes stays.

    Redoc lets forms and styles through: it only keeps scripts out.
    """
    match value:
        case dict():
            return {name: item if name in _DATA else _harmless(item, name) for name, item in value.items()}
        case list():
            return [_harmless(item, key) for item in value]
        case str() if key in _MARKDOWN and _is_active(value):
            return markdown(value)
    return value


def _is_active(text: str) -> bool:
    """Whether a text may be more than letters, lists, code and emphasis to a reader of Markdown."""
    # Within code a backslash escapes nothing, so what stands where is not looked at in a text with both.
    bare = text if "`" in text else re.sub(r"\\[!-/:-@\[-`{-~]", "", text)
    return _ACTIVE.search(bare) is not None


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
