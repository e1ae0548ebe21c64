"""docs/image-inputs.md is made of the cases that are tried: a case that comes, goes or changes makes it stale."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import test_image_urls as urls
from .test_image_inputs import REFUSED

PAGE = Path(__file__).parents[2] / "docs" / "image-inputs.md"
_HEAD = """# What an image field refuses

Each row is a case that the tests send to a package's real handler (`tests/end_to_end/test_image_inputs.py` and
`test_image_urls.py`). A test compares this page with them; `make goldens` writes it anew. Each case is answered with
the code `invalid_input` on the field, within seconds, and nothing is queued. After each, ComfyUI's input
folder and the folder of temporary files are as they were. The limits of the field that is tried: 2 MB, 4 megapixels,
PNG, JPEG or WebP.
"""


def cases(function: Any) -> Iterator[tuple[str, str]]:
    """The first two arguments of each case that a test is given."""
    (mark,) = [mark for mark in function.pytestmark if mark.name == "parametrize"]
    yield from mark.args[1]


def table(title: str, first: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| `{case}` | {reason} | `invalid_input` |" for case, reason in rows]
    return "\n".join(
        [f"## {title}", "", f"| {first} | what the message says | code |", "| --- | --- | --- |", *lines, ""]
    )


def test_the_page_has_every_case() -> None:
    sent = [(case, reason) for case, (_, reason) in REFUSED.items()]
    served = list(cases(urls.test_a_fetch_that_fails_says_at_which_step))
    redirected = list(cases(urls.test_a_redirect_leads_nowhere_that_a_url_may_not))
    assert len(sent) + len(served) + len(redirected) >= 60
    page = "\n".join(
        [
            _HEAD,
            table("Values", "what is sent", sent),
            table("Servers that misbehave", "what the server does, by the path asked for", served),
            table("Redirects", "where a public server redirects to", redirected),
        ]
    )
    if os.environ.get("ACCEPT_GOLDENS"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text("utf-8") == page
