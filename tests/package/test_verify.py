"""What was emitted is read back: each kind of fault is found, and then nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfy2runpod import pipeline
from comfy2runpod.stages.emit.verify import PackageFault, verify
from tests.cli.command import GRAPH, comfy2runpod

FAULTS: dict[str, tuple[str, str | bytes]] = {
    "syntax": ("patch.py", "def f(:\n"),
    "a NUL": ("patch.py", "x = 1\x00\n"),
    "two returns": ("patch.py", "return 1\n"),
    "an escape that is none": ("patch.py", 'x = "\\d"\n'),
    "a name of a float": ("schema.py", "x = nan\n"),
    "a name that nothing defines": ("handler.py", "from schema import Input\nx = Inputs\n"),
    "bounds the wrong way round": ("schema.py", "from pydantic import Field\nx = Field(ge=5, le=-5)\n"),
    "lengths the wrong way round": ("schema.py", "from pydantic import Field\nx = Field(min_length=5, max_length=4)\n"),
    "NaN": ("docs/input.schema.json", '{"a": NaN}'),
    "a number beyond a double": ("models.lock.json", '{"a": 1e999}'),
    "no JSON": ("test_input.json", "{"),
    "half a character": ("test_input.json", '"\\ud800"'),
    "no YAML": (".github/workflows/docker-build.yml", "a: [\n"),
    "no TOML": ("clients/python/pyproject.toml", "a = \n"),
    "an escape code": ("docs/API.md", "\x1b[2J"),
    "text that is turned round": ("Dockerfile", "# \u202e"),
    "half a character raw": ("entrypoint.sh", "# \ud800"),
    "no archive": ("wheels/a.whl", b"PK"),
    "a path out of it": ("../a.py", ""),
    "an absolute path": ("/tmp/a.py", ""),
    "a path that cannot be seen": ("a\u202e.py", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_its_file_named(fault: str) -> None:
    name, content = FAULTS[fault]
    with pytest.raises(PackageFault) as found:
        verify({name: content})
    assert ascii(name)[1:-1] in str(found.value)


def test_valid_values_are_accepted() -> None:
    module = (
        "from __future__ import annotations\nimport os.path as p\n\n\nclass A:\n    def f(self, *a, **k):\n"
        "        try:\n            return [p, a, k, *(b for b in a)]\n        except OSError as error:\n"
        "            match a:\n                case [first, *rest] if first:\n"
        "                    return error, rest, __name__\n"
    )
    verify({"a.py": module, "b.json": "[1]", "c.yml": "a: 1", "d.toml": "a = 1", "e.md": "é 💥\n\t"})


def test_a_package_that_was_made_wrong_is_a_bug_and_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object) -> dict[str, str | bytes]:
        return {**emit(*given), "patch.py": "def patch(:\n"}

    emit = pipeline.emit
    monkeypatch.setattr(pipeline, "emit", broken)
    done = comfy2runpod("compile", GRAPH, "-o", tmp_path / "out")
    assert done.returncode == 4
    assert "patch.py: SyntaxError" in done.stderr
    assert not list(tmp_path.rglob("*.py"))
