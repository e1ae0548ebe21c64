"""Descriptions without HTML, and what only looks like it."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest

from comfy2runpod.stages.annotate.plain_text import plain_text


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Width in <b>pixels</b>.", "Width in pixels ."),
        ("a<br/>b", "a b"),
        ('<form action="https://evil.example"><input name="key"><button>Send</button></form>', "Send"),
        ("<div style='position:fixed;inset:0'>All is well</div>", "All is well"),
        ("<img src=x onerror=evil()>", ""),
        ("<script>evil()</script>text", "text"),
        ("<SCRIPT type=x>evil()</sCRIPT >text", "text"),
        ("<style>* { display: none }</style>text", "text"),
        ("<svg onload=evil()><a href=x>y</a></svg>text", "text"),
        ("<!-- hidden -->text", "text"),
        ("<!doctype html>text", "text"),
        ("From 1 to <1024 and >3.", "From 1 to <1024 and >3."),
        ("Write <prompt> or <lora:ink:0.8>.", "Write <prompt> or <lora:ink:0.8>."),
        ("a < b > c", "a < b > c"),
        ("two\n lines", "two lines"),
    ],
)
def test_html_goes_and_the_rest_stays(said: str, read: str) -> None:
    assert plain_text(said) == read


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)


@pytest.mark.parametrize(
    "text", ["<" * 20_000, "<b " * 10_000, "<script>" * 5_000, "<!--" * 10_000, "<svg><svg" * 5_000, "<a>" * 20_000]
)
def test_no_description_takes_long(text: str) -> None:
    start = time.monotonic()
    parser = _Tags()
    parser.feed(plain_text(text))
    assert "form" not in parser.found
    assert time.monotonic() - start < 20
