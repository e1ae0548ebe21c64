"""docs/architecture/README.md names every module and folder of the three packages, in the order of their layers, and
nothing that does not exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "architecture"
README = (PAGES / "README.md").read_text("utf-8")
COMPILER = ROOT / "compiler" / "comfy2runpod"
CONTRACT = ROOT / "contract" / "comfy2runpod_contract"
RUNTIME = ROOT / "runtime" / "comfy2runpod_runtime"
# The folders that the page's paths are relative to.
BASES = (ROOT, COMPILER, COMPILER / "stages", CONTRACT, RUNTIME)
# The tables, by the folder in their head.
TREES = {"compiler/comfy2runpod/": COMPILER, "stages/": COMPILER / "stages", "runtime/comfy2runpod_runtime/": RUNTIME}


def paths(text: str) -> list[str]:
    """What the page names as files and folders."""
    named = re.findall(r"`([^`\s]+)`", text)
    return [name for name in named if name.endswith("/") or re.search(r"\.(py|json|ts|md|toml)$", name)]


def table(folder: str) -> str:
    """The table whose head names a folder."""
    found = re.search(rf"^\| `{re.escape(folder)}` \|[^\n]*\n\| ---.*?(?:\n\n|\Z)", README, re.MULTILINE | re.DOTALL)
    assert found is not None, folder
    return found[0]


def modules(folder: Path) -> set[str]:
    """The modules and folders of a package, as the page writes them."""
    files = {path.name for path in folder.glob("*.py")} - {"__init__.py", "__main__.py"}
    return files | {f"{path.name}/" for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"}


def test_every_path_exists() -> None:
    assert len(paths(README)) > 50
    missing = []
    for line in README.splitlines():
        # A line may name files of the folder that it is about.
        named = paths(line)
        bases = (*BASES, *(base / name for base in BASES for name in named if name.endswith("/")))
        missing += [name for name in named if not any((base / name).exists() for base in bases)]
    assert not missing


@pytest.mark.parametrize("folder", TREES)
def test_every_module_and_folder_has_its_line(folder: str) -> None:
    assert modules(TREES[folder]) - set(paths(table(folder))) == set()


def test_every_folder_of_the_repository_has_its_line() -> None:
    named = {name.partition("/")[0] for name in paths(README)}
    tracked = {"compiler", "contract", "runtime", "graphs", "generated", "tests", "parity", "scripts", "docs"}
    assert {*tracked, "benchmarks", "requirements"} <= named


@pytest.mark.parametrize("folder", ["compiler/comfy2runpod/", "runtime/comfy2runpod_runtime/"])
def test_every_layer_says_what_it_must_never_know(folder: str) -> None:
    for line in table(folder).splitlines()[2:]:
        if line.startswith("|"):
            _, name, what, unknown, _ = re.split(r"(?<!\\)\|", line)
            assert what.strip(), name
            assert unknown.strip(), name


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_every_page_is_linked_and_every_link_leads_to_a_file(page: Path) -> None:
    assert page.name == "README.md" or f"]({page.name})" in README
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_it_has_a_picture_of_the_flow_of_data() -> None:
    assert "```mermaid\nflowchart" in README


@pytest.mark.parametrize(
    ("folder", "container", "reverse"),
    [
        ("compiler/comfy2runpod/", "comfy2runpod", False),
        ("stages/", "comfy2runpod.stages", True),
        ("runtime/comfy2runpod_runtime/", "comfy2runpod_runtime", False),
    ],
)
def test_the_rows_have_the_order_of_the_import_contracts(folder: str, container: str, *, reverse: bool) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one.get("containers") == [container]]
    level = {name: at for at, layer in enumerate(layers) for name in re.findall(r"\w+", layer)}
    rows = re.findall(r"^\| `([^`]+)` \|", table(folder), re.MULTILINE)[1:]
    # What is no Python package is in no contract.
    order = [level[name] for row in rows if (name := row.removesuffix("/").removesuffix(".py")) in level]
    assert len(order) >= len(level) - 1
    assert order == sorted(order, reverse=reverse)
