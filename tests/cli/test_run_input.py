"""`run --input`: JSON that all parsers read alike, or an error with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from .command import ROOT, comfy2runpod

PACKAGE = ROOT / "generated" / "t2i_klein_4b"
BAD = {
    '{"seed": NaN}': "line 1, column 10: NaN is not a JSON value",
    '{"seed": -Infinity}': "-Infinity is not a JSON value",
    '{"seed": 1e999}': "line 1, column 10: a number is too large",
    '{"seed": ' + "9" * 5000 + "}": "a number is too large",
    '{"prompt": "\\ud800"}': "$.prompt holds half of a surrogate pair",
    "[" * 100_000: "nested too deeply",
    '{"prompt": "\x1b[2J": }': "Invalid control character",
    "{": "Expecting",
}


@pytest.mark.parametrize("given", BAD, ids=lambda text: text[:20])
def test_an_input_that_is_not_json_is_refused_with_its_place(given: str, tmp_path: Path) -> None:
    done = comfy2runpod("run", PACKAGE, "--input", given, "-o", tmp_path)
    assert done.returncode == 1
    assert "error[bad-input-argument]: --input" in done.stderr
    assert BAD[given] in done.stderr
    assert "\x1b" not in done.stderr


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "input.json"
    path.write_bytes(b'{"prompt": "\xff"}')
    done = comfy2runpod("run", PACKAGE, "--input", f"@{path}", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "byte 12 is no UTF-8 text" in done.stderr
