"""The page as a file, without a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from .packages import OUR_GRAPHS, write_hostile, write_ours

SIZE = 150_000


@pytest.mark.parametrize("name", OUR_GRAPHS)
def test_it_is_small_and_names_nothing_outside_but_runpod(packages: dict[str, Path], name: str) -> None:
    text = (packages[name] / "docs" / "index.html").read_text("utf-8")
    assert len(text.encode()) < SIZE
    assert not re.search(r"(?:src|href)=\"?(?:https?:)?//", text)
    assert set(re.findall(r"https?://[a-z0-9.:-]+", text)) <= {
        "https://api.runpod.ai",
        "http://127.0.0.1:8000",
        # The name of a dialect, not an address.
        "https://json-schema.org",
    }


def test_compiling_twice_gives_the_same_page(packages: dict[str, Path], tmp_path: Path) -> None:
    for write, name in (
        (lambda: write_ours("t2v_ltx2", tmp_path), "t2v_ltx2"),
        (lambda: write_hostile(tmp_path), "hostile"),
    ):
        assert (write() / "docs/index.html").read_bytes() == (packages[name] / "docs/index.html").read_bytes()


@pytest.mark.parametrize("name", [*OUR_GRAPHS, "every_kind", "hostile"])
def test_its_policy_names_exactly_the_script_and_style_that_are_in_it(packages: dict[str, Path], name: str) -> None:
    text = (packages[name] / "docs" / "index.html").read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    for tag, directive in (('script type="module"', "script-src"), ("style", "style-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag.split()[0]}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<[^>]+\son[a-z]+=", text.partition("<script")[0])


@pytest.mark.parametrize("name", [*OUR_GRAPHS, "every_kind", "hostile"])
def test_the_schema_in_it_is_the_packages_own(packages: dict[str, Path], name: str) -> None:
    docs = packages[name] / "docs"
    (data,) = re.findall(r'id="package">(.*?)</script>', (docs / "index.html").read_text("utf-8"), re.DOTALL)
    assert data.isascii()
    assert json.loads(data)["schema"] == json.loads((docs / "input.schema.json").read_text("utf-8"))
