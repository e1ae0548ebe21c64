"""The page's script: what its modules and the client's give, bundled by the locked tool."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from scripts.bundle_page import BUNDLES, PACKAGE, REFERENCE, Bundle, bundled, check_types, main
from scripts.node_tools import FOLDER, NodeTools
from tests.clients.node_tools import node_or_skip

BUNDLE = PACKAGE / "page" / "bundle.js"


@pytest.fixture(scope="module")
def tools() -> NodeTools:
    return node_or_skip()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the sources."""
    for folder in ("page", "client_ts", "docs_site/assets"):
        shutil.copytree(PACKAGE / folder, tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.path)
def test_what_is_committed_is_well_typed_and_what_the_sources_give(tools: NodeTools, bundle: Bundle) -> None:
    check_types(tools, PACKAGE, bundle)
    assert bundled(tools, PACKAGE, bundle) == (PACKAGE / bundle.path).read_text("utf-8"), "run `make page`"


def test_a_change_of_the_page_or_of_the_client_changes_it(tools: NodeTools, sources: Path) -> None:
    bundle = bundled(tools, sources)
    for path, old, new in (
        ("page/run.ts", "Waiting for a worker.", "Waiting."),
        ("client_ts/flow.ts", "the answer for job", "an answer for job"),
    ):
        text = (sources / path).read_text("utf-8")
        assert text.count(old) == 1, path
        (sources / path).write_text(text.replace(old, new), "utf-8")
        changed = bundled(tools, sources)
        assert changed != bundle, path
        bundle = changed


def test_types_of_the_page_and_the_client_are_checked_together(tools: NodeTools, sources: Path) -> None:
    path = sources / "client_ts" / "text.ts"
    text = path.read_text("utf-8")
    assert text.count("count(number: number)") == 1
    path.write_text(text.replace("count(number: number)", "count(number: Date)"), "utf-8")
    with pytest.raises(ValueError, match=r"(?s)not well typed.*TS2345"):
        check_types(tools, sources)


def test_types_of_the_references_script_are_checked(tools: NodeTools, sources: Path) -> None:
    path = sources / REFERENCE.entry
    text = path.read_text("utf-8")
    assert text.count('expandResponses: "200"') == 1
    path.write_text(text.replace('expandResponses: "200"', "expandResponses: 200"), "utf-8")
    with pytest.raises(ValueError, match=r"(?s)reference\.js are not well typed.*TS2322"):
        check_types(tools, sources, REFERENCE)


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.path)
def test_a_script_that_its_sources_do_not_give_is_a_drift(
    tools: NodeTools, sources: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del tools
    monkeypatch.setattr("scripts.bundle_page.PACKAGE", sources)
    (sources / bundle.path).unlink()
    assert main(["--check"]) == 1
    assert f"{bundle.path} is not what its sources give" in capsys.readouterr().out
    assert main([]) == 0
    assert (sources / bundle.path).read_bytes() == (PACKAGE / bundle.path).read_bytes()


def test_a_stale_script_is_reported_and_written_anew(
    tools: NodeTools, sources: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scripts.bundle_page.PACKAGE", sources)
    stale = sources / "page" / "bundle.js"
    stale.write_text(stale.read_text("utf-8").replace("Waiting for a worker.", "Waiting."), "utf-8")
    assert main(["--check"]) == 1
    said = capsys.readouterr().out
    assert "run `make page`" in said
    assert '+      say("Waiting for a worker.");' in said
    assert main([]) == 0
    assert stale.read_bytes() == BUNDLE.read_bytes()


def test_without_node_it_is_left_alone_unless_node_is_required(
    sources: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("scripts.bundle_page.PACKAGE", sources)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    for required, code in (("", 0), ("1", 1)):
        monkeypatch.setenv("NODE_REQUIRED", required)
        assert main(["--check"]) == code
        assert "node and npm are not installed" in capsys.readouterr().err
    assert (sources / "page" / "bundle.js").read_bytes() == BUNDLE.read_bytes()


def test_it_is_one_readable_script_that_loads_nothing() -> None:
    text = BUNDLE.read_text("utf-8")
    assert text.isascii()
    assert len(text) < 100_000
    assert max(map(len, text.splitlines())) < 400
    assert not re.search(r"^\s*(?:import|export)\b|\bimport\(|\brequire\(|\beval\(|new Function", text, re.MULTILINE)
    # What ends or opens an element of HTML wherever it stands.
    assert not re.search(r"</script|<!--", text, re.IGNORECASE)
    # What needs a file system is another entry of the client.
    assert '"node:' not in text


def test_every_tool_is_locked_by_its_hash() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))["packages"]
    wanted = json.loads((FOLDER / "package.json").read_text("utf-8"))["devDependencies"]
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(one["integrity"].startswith("sha512-") for path, one in lock.items() if path)
