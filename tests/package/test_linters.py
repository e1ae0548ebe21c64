"""hadolint, shellcheck, actionlint, zizmor and yamllint, each with its own rules, on all that is generated and on ours.

Each tool is started once, for all packages.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from comfy2runpod.quoting import NotQuotable
from comfy2runpod.write import package_files

from .variants import files_of, variants

ROOT = Path(__file__).parents[2]
GENERATED = sorted(path.parent for path in ROOT.glob("generated/*/Dockerfile"))
OURS = sorted(
    path
    for pattern in (".github/**/*.yml", ".pre-commit-config.yaml", "scripts/*.sh", ".ci/run")
    for path in ROOT.glob(pattern)
)
LINTED = ("Dockerfile", "entrypoint.sh", ".github/workflows/docker-build.yml")
ZIZMOR = ("--offline", "--no-progress", "--persona=auditor", "--no-config")


def tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # Beside this Python, wherever it is a link to.
    program = Path(sys.executable).with_name(name)
    command = [str(program), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def clean(name: str, *arguments: str | Path) -> None:
    done = tool(name, *arguments)
    assert done.returncode == 0, (done.stdout + done.stderr)[:4000]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every generated package, and variants whose linted files are like no other's."""
    folder, seen = tmp_path_factory.mktemp("packages"), set[tuple[bytes, ...]]()
    found, refused = list(GENERATED), 0
    for number, (name, interface) in enumerate(variants().items()):
        try:
            files = package_files(files_of(interface))
        except NotQuotable:
            refused += 1
            continue
        linted = tuple(files[path] for path in LINTED)
        if linted in seen:
            continue
        seen.add(linted)
        place = folder / f"{number:03} {name.split()[0]}"
        found.append(place)
        for path in LINTED:
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            # hadolint's parser takes no escaped backslash in a quoted word.
            (place / path).write_bytes(files[path].replace(rb"\\", b"/"))
    print(f"{len(found)} packages, {refused} refused")
    assert len(found) > len(GENERATED) + 60
    return found


def each(packages: Sequence[Path], path: str) -> list[Path]:
    return [package / path for package in packages]


def test_dockerfiles(packages: list[Path]) -> None:
    clean("hadolint", "--no-color", *each(packages, "Dockerfile"))


def test_shell_scripts(packages: list[Path]) -> None:
    scripts = [path for path in OURS if path.suffix in (".sh", "")]
    assert len(scripts) >= 5
    clean("shellcheck", *each(packages, "entrypoint.sh"), *scripts)


def test_yaml(packages: list[Path]) -> None:
    ours = [path for path in OURS if path.suffix in (".yml", ".yaml")]
    assert len(ours) >= 8
    clean("yamllint", "--strict", "-d", "default", *each(packages, LINTED[2]), *ours)


def test_workflows_are_safe(packages: list[Path]) -> None:
    clean("zizmor", *ZIZMOR, *each(packages, LINTED[2]), ROOT / ".github")


def test_workflows_are_workflows(packages: list[Path]) -> None:
    ours = [path for path in OURS if path.parent.name == "workflows"]
    assert len(ours) == 4
    clean("actionlint", *each(packages, LINTED[2]), *ours)


FAULTS = {
    "hadolint": ("Dockerfile", "FROM debian\nRUN cd /tmp\n"),
    "shellcheck": ("entrypoint.sh", "#!/bin/bash\ncat $1\n"),
    "yamllint": ("a.yml", "a:   1\n"),
    "zizmor": ("a.yml", "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n"),
    "actionlint": ("a.yml", "on: push\njobs:\n  a:\n    runs-on: ubuntu-16.04\n    steps:\n      - run: cat $1\n"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_tool_finds_a_fault(name: str, tmp_path: Path) -> None:
    file, text = FAULTS[name]
    place = tmp_path / ".github" / "workflows" / file
    place.parent.mkdir(parents=True)
    place.write_text(text)
    options = ZIZMOR if name == "zizmor" else ()
    assert tool(name, *options, place).returncode != 0
