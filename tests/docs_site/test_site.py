"""`docs`: the content of the site, what is refused, and that a refusal changes nothing on disk."""

from __future__ import annotations

import hashlib
import html
import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt

from comfy2runpod import __version__
from comfy2runpod.docs_site import NEEDED, package_docs
from comfy2runpod.quoting import plain
from comfy2runpod_contract.texts import one_line
from tests.cli.command import ROOT, comfy2runpod

GENERATED = ROOT / "generated"
REDOC = ROOT / "compiler" / "comfy2runpod" / "docs_site" / "redoc"
NAMES = sorted(folder.name for folder in GENERATED.iterdir())
WAY_BACK = b"""<nav aria-label="Site">
<ul>
<li><a href="../index.html">All endpoints</a></li>
<li><a href="reference.html">Reference</a></li>
</ul>
</nav>
"""


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy to break."""
    folder = tmp_path / "packages" / "t2v_ltx2"
    shutil.copytree(GENERATED / "t2v_ltx2", folder)
    return folder


def test_every_package_is_in_it_with_all_of_its_documents(site: Path) -> None:
    files = tree(site)
    for name in NAMES:
        docs = tree(GENERATED / name / "docs")
        assert {path: files[f"{name}/{path}"].replace(WAY_BACK, b"") for path in docs} == docs
        assert docs["index.html"] != files[f"{name}/index.html"]
        assert f"{name}/reference.html" in files
    listed = json.loads(files["comfy2runpod-site.json"])
    assert listed["comfy2runpod"] == __version__
    assert [package["name"] for package in listed["packages"]] == NAMES


def test_the_index_says_what_a_package_takes_gives_and_weighs(site: Path) -> None:
    listed = {
        package["name"]: package for package in json.loads((site / "comfy2runpod-site.json").read_text())["packages"]
    }
    assert listed["t2v_ltx2"]["inputs"] == {"text": 2, "number": 3, "seed": 1}
    assert listed["t2v_ltx2"]["required"] == ["prompt"]
    assert listed["t2v_ltx2"]["outputs"] == [{"name": "video", "media_type": "video/mp4", "many": False}]
    assert listed["i2i_klein_9b"]["inputs"]["image"] == 3
    assert len(listed["i2i_multiangle"]["outputs"]) == 8
    lock = json.loads((GENERATED / "t2v_ltx2" / "models.lock.json").read_text())["models"]
    total = sum(model["size"] or model["approximate_size"] for model in lock)
    assert (listed["t2v_ltx2"]["models"]["files"], listed["t2v_ltx2"]["models"]["bytes"]) == (len(lock), total)
    page = (site / "index.html").read_text()
    assert "LTX-2 19B text to video" in page
    assert f"about {total / 1e9:.1f} GB in {len(lock)} files" in page


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value is not None]


def links(page: Path) -> Iterator[str]:
    parser = Links()
    parser.feed(page.read_text())
    yield from parser.found


def test_every_link_is_relative_and_leads_to_a_file_of_the_site(site: Path) -> None:
    of_packages = [site / name / page for name in NAMES for page in ("index.html", "reference.html")]
    pages = [site / "index.html", *of_packages]
    checked = 0
    for page in pages:
        for link in links(page):
            if link == "data:," or link.startswith("#"):
                continue
            parts = urlsplit(link)
            assert (parts.scheme, parts.netloc) == ("", ""), f"{page}: {link}"
            assert not parts.path.startswith("/"), f"{page}: {link}"
            assert (page.parent / unquote(parts.path)).is_file(), f"{page}: {link}"
            checked += 1
    assert checked >= 7 * len(NAMES)


def test_nothing_of_a_cdn_is_left_and_redoc_is_what_npm_has(site: Path) -> None:
    vendored = (REDOC / "redoc.standalone.js").read_bytes()
    assert hashlib.sha256(vendored).hexdigest() in (REDOC / "README.md").read_text()
    ours = (site / "site-assets" / "redoc.standalone.js").read_bytes()
    # The rest is byte for byte the same.
    assert len(vendored) - 100 < len(ours) < len(vendored) + 100
    assert vendored.count(b"cdn.redoc.ly") == 1
    for path, data in tree(site).items():
        assert b"cdn." not in data, path
        assert b"sourceMappingURL=redoc.standalone" not in data, path
    notices = {path.name for path in (site / "site-assets").glob("*.LICENSE.txt")}
    assert {"redoc.LICENSE.txt", "redoc.standalone.js.LICENSE.txt"} <= notices


def test_making_it_again_gives_the_same_bytes_whatever_the_order(site: Path, tmp_path: Path) -> None:
    folders = [GENERATED / name for name in reversed(NAMES)]
    done = comfy2runpod("docs", *folders, "-o", tmp_path / "again")
    assert done.returncode == 0
    assert tree(tmp_path / "again") == tree(site)


def test_a_sites_own_files_are_replaced_and_others_stay(package: Path, tmp_path: Path) -> None:
    comfy2runpod("docs", GENERATED, "-o", tmp_path / "site")
    (tmp_path / "site" / "stray.html").write_text("mine")
    done = comfy2runpod("docs", package, "-o", tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "site").iterdir()} == {
        ".comfy2runpod.json", "comfy2runpod-site.json", "index.html", "site-assets", "stray.html", "t2v_ltx2",
    }  # fmt: skip
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_foreign_folder_is_refused_and_left(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    done = comfy2runpod("docs", GENERATED, "-o", tmp_path / "mine")
    assert done.returncode == 1
    assert "not a site of comfy2runpod" in done.stderr
    assert tree(tmp_path / "mine") == {"thesis.txt": b"years"}


def test_a_package_is_no_site(package: Path) -> None:
    before = tree(package)
    assert comfy2runpod("docs", GENERATED, "-o", package).returncode == 1
    assert tree(package) == before


BREAKS = {
    "docs/openapi.json": ("{", "docs/openapi.json is not JSON"),
    "docs/input.schema.json": ("[]", "docs/input.schema.json is not a JSON object"),
    "docs/output.schema.json": ("{}", "properties is missing"),
    "models.lock.json": ('{"models": [1]}', "models.lock.json: models.0: input should be an object"),
    "handler.py": ("", "handler.py names no contract"),
    "docs/API.md": (None, "docs/API.md is missing"),
}


def test_all_broken_packages_are_named_and_the_old_site_stays(tmp_path: Path) -> None:
    comfy2runpod("docs", GENERATED, "-o", tmp_path / "site")
    before = tree(tmp_path / "site")
    for number, (path, (text, _)) in enumerate(BREAKS.items()):
        folder = tmp_path / "packages" / f"broken_{number}"
        shutil.copytree(GENERATED / "t2v_ltx2", folder)
        (folder / path).unlink()
        if text is not None:
            (folder / path).write_text(text)
    done = comfy2runpod("docs", tmp_path / "packages", "-o", tmp_path / "site")
    assert done.returncode == 1
    for number, (_, said) in enumerate(BREAKS.values()):
        assert re.search(rf"packages/broken_{number}\b.*?{re.escape(said)}", done.stderr, re.DOTALL)
    assert done.stderr.count("error[not-a-package]") == len(BREAKS)
    assert tree(tmp_path / "site") == before


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("docs/openapi.json", f'"version": "{__version__}"', '"version": "0.0.7"', "comfy2runpod 0.0.7 (contract "),
        ("handler.py", "contract=", "contract=9", f"comfy2runpod {__version__} (contract 9"),
    ],
)
def test_a_package_of_another_version_is_named(package: Path, path: str, old: str, new: str, said: str) -> None:
    text = (package / path).read_text()
    assert text.count(old) == 1
    (package / path).write_text(text.replace(old, new))
    done = comfy2runpod("docs", package.parent, "-o", package.parent.parent / "site")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Compile its graph again" in done.stderr
    assert not (package.parent.parent / "site").exists()


def test_wrong_usage_is_reported(package: Path, tmp_path: Path) -> None:
    for arguments, code, said in (
        ((), 2, "PACKAGES"),
        ((GENERATED, package), 2, "two packages are named t2v_ltx2"),
        ((tmp_path / "absent",), 3, "absent"),
        ((tmp_path / ("long" * 100),), 3, "longlong"),
        ((ROOT / "README.md",), 1, "README.md"),
        ((tmp_path,), 1, "neither it nor a folder in it"),
    ):
        done = comfy2runpod("docs", *arguments, "-o", tmp_path / "site")
        assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    (package / ".runpod" / "tests.json").unlink()
    renamed = package.rename(package.with_name("site-assets"))
    assert "rename its folder" in comfy2runpod("docs", renamed, "-o", tmp_path / "site").stderr
    assert not (tmp_path / "site").exists()


def test_a_package_is_shown_under_the_name_that_its_clients_have(package: Path, tmp_path: Path) -> None:
    other = shutil.copytree(package, package.with_name("other"))
    done = comfy2runpod("docs", other, "-o", tmp_path / "site")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "site" / "t2v_ltx2" / "index.html").is_file()
    done = comfy2runpod("docs", other, package, "-o", tmp_path / "site")
    assert "other is named other here, after its folder: another package is named t2v_ltx2." in done.stderr
    assert (tmp_path / "site" / "other" / "index.html").is_file()


def test_what_a_link_in_a_package_points_to_is_not_published(package: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden")
    (package / "docs" / "more.txt").symlink_to(secret)
    assert comfy2runpod("docs", package, "-o", tmp_path / "site").returncode == 0
    assert not (tmp_path / "site" / "t2v_ltx2" / "more.txt").exists()


NASTY = "</script><script>alert(1)</script> \"quoted\" & 'so' \ud800"


def test_no_text_of_a_package_ends_the_pages_code(package: Path, tmp_path: Path) -> None:
    document = json.loads((package / "docs" / "openapi.json").read_text())
    document["info"] |= {"title": NASTY, "description": NASTY}
    (package / "docs" / "openapi.json").write_text(json.dumps(document))
    assert comfy2runpod("docs", package, "-o", tmp_path / "site").returncode == 0
    index = (tmp_path / "site" / "index.html").read_text()
    assert "<script" not in index
    assert "&lt;/script&gt;" in index
    reference = (tmp_path / "site" / "t2v_ltx2" / "reference.html").read_text()
    assert "alert(1)</script>" not in reference
    (held,) = re.findall(r'id="document">(.*?)</script>', reference)
    shown = json.loads(held)
    assert shown["info"].pop("title") == document["info"].pop("title")
    assert plain(shown["info"].pop("description")) == one_line(document["info"].pop("description"))
    assert shown == document


# What an untrusted package may contain in the Markdown that Redoc renders; DOMPurify keeps all of it.
ACTIVE = (
    '<form action="https://evil.example"><input name="key"><button>Send</button></form>',
    '<div style="position:fixed;inset:0;background:red">All is well</div>',
    "[the reference](https://evil.example)",
    "![](https://evil.example/seen.png)",
    "<https://evil.example>",
    "Read https://evil.example first",
    "Read www.evil.example first",
    "Write to me@evil.example",
    "[a][b]\n\n[b]: https://evil.example",
    "&lt;b&gt; &#60;form&#62;",
    "`\\`<form>",
    "\\\\<form>",
)


@pytest.mark.parametrize("text", ACTIVE)
def test_no_description_of_a_strangers_package_is_active_in_the_reference(
    package: Path, tmp_path: Path, text: str
) -> None:
    document = json.loads((package / "docs" / "openapi.json").read_text())
    schemas = document["components"]["schemas"]
    for place in (document["info"], schemas["Input"], schemas["Input"]["properties"]["prompt"], document["tags"][0]):
        place["description"] = text
    (package / "docs" / "openapi.json").write_text(json.dumps(document))
    assert comfy2runpod("docs", package, "-o", tmp_path / "site").returncode == 0
    reference = (tmp_path / "site" / "t2v_ltx2" / "reference.html").read_text()
    (held,) = re.findall(r'id="document">(.*?)</script>', reference)
    drawn = list(markdown_in(json.loads(held)))
    assert len(drawn) > 50
    for said in drawn:
        kinds = {token.type for block in MARKDOWN.parse(said) for token in (block, *(block.children or ()))}
        assert not kinds & {"html_block", "html_inline", "link_open", "image"}, said
        assert not re.search(r"(?<!\\)://|www\.|\w@\w", said)


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def markdown_in(value: object) -> Iterator[str]:
    """Every description in a document."""
    if isinstance(value, dict):
        yield from (item for key, item in value.items() if key == "description" and isinstance(item, str))
        yield from (text for item in value.values() for text in markdown_in(item))
    elif isinstance(value, list):
        yield from (text for item in value for text in markdown_in(item))


def test_every_page_says_that_it_sends_no_form_and_has_no_other_base(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 1 + 2 * len(NAMES)
    for page in pages:
        (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page.read_text())
        rules = dict(rule.strip().partition(" ")[::2] for rule in html.unescape(policy).split(";"))
        assert rules["default-src"] == rules["form-action"] == rules["base-uri"] == "'none'"


def media(media_type: str) -> dict[str, object]:
    return {"type": "string", "contentEncoding": "base64", "contentMediaType": media_type}


def test_outputs_are_reported_in_every_form() -> None:
    whole = {path: (GENERATED / "t2v_ltx2" / path).read_bytes() for path in NEEDED}
    properties = {
        "view": {"type": "object", "properties": {"data": media("image/png")}},
        "by_url": {
            "oneOf": [{"properties": {"data": media("video/mp4")}}, {"properties": {"url": {"type": "string"}}}]
        },
        "frames": {"type": "array", "items": {"type": "object", "properties": {"data": media("image/webp")}}},
        "caption": {"type": "object", "properties": {"text": {"type": "string"}}},
        "line": {"type": "string"},
        "failed": {"type": "array", "items": {"type": "object", "properties": {"code": {"type": "string"}}}},
        "seed": {"type": "integer"},
        "prompt_id": {"type": "string"},
    }
    whole["docs/output.schema.json"] = json.dumps({"properties": properties}).encode()
    found = package_docs(whole, "made", "made").outputs
    assert [(output.name, output.media_type, output.many) for output in found] == [
        ("view", "image/png", False),
        ("by_url", "video/mp4", False),
        ("frames", "image/webp", True),
        ("caption", "text", False),
        ("line", "text", False),
    ]


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ([], "none"),
        ([(None, None)], "1 file, size not told"),
        ([(5_000_000, None)], "5 MB in 1 file"),
        ([(5_000_000_000, 1), (None, 1_000_000_000)], "about 6.0 GB in 2 files"),
        ([(5_000_000_000, None), (None, None)], "at least 5.0 GB in 2 files"),
    ],
)
def test_the_models_size_is_as_sure_as_the_lock(sizes: list[tuple[int | None, int | None]], text: str) -> None:
    whole = {path: (GENERATED / "t2v_ltx2" / path).read_bytes() for path in NEEDED}
    file = {"directory": "vae", "file": "a.safetensors", "url": "https://example.com/a.safetensors"}
    entries = [{**file, "size": size, "approximate_size": about} for size, about in sizes]
    whole["models.lock.json"] = json.dumps({"models": entries}).encode()
    assert package_docs(whole, "made", "made").models.text == text
