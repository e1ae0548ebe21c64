"""The repository around the code: pinned workflows with few permissions, and no binaries."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from comfy2runpod import __version__
from comfy2runpod.stages.emit.runtime_wheel import runtime_wheel

from .environments import ROOT, VERSIONS, environment, ran, tool

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def steps(workflow: Path) -> Iterator[tuple[str, dict[str, object]]]:
    for name, job in yaml.safe_load(workflow.read_text())["jobs"].items():
        for step in job["steps"]:
            yield name, step


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_pinned_and_may_do_little(workflow: Path) -> None:
    for use in re.findall(r"uses: (.+)", workflow.read_text()):
        assert re.fullmatch(r"(actions|docker|pypa)/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", use)
    parsed = yaml.safe_load(workflow.read_text())
    assert parsed["permissions"] == {}
    for job in parsed["jobs"].values():
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            assert "setup-python" not in step.get("uses", "") or step["with"]["python-version"]


def test_an_action_has_one_version_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    generated = ROOT.glob("generated/*/.github/workflows/*.yml")
    for workflow in (*WORKFLOWS, *generated):
        for name, pin in re.findall(r"uses: ([\w/-]+)@(.+)", workflow.read_text()):
            pins.setdefault(name, set()).add(pin)
    assert {name: len(found) for name, found in pins.items() if len(found) > 1} == {}


def test_what_is_tried_is_what_the_project_says_that_it_is_for() -> None:
    classified = {name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", name)}
    assert classified == set(VERSIONS)
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    for name in ("test", "install"):
        assert jobs[name]["strategy"]["matrix"]["python"] == list(VERSIONS)
    assert jobs["whole"]["steps"][-1]["run"].endswith(" .ci/run")
    assert PROJECT["requires-python"] == f">={VERSIONS[0]}"
    assert PROJECT["version"] == __version__


def test_a_release_is_built_without_rights_and_published_without_a_token() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert rights["build"] == {"contents": "read"}
    assert rights["publish"] == {"id-token": "write"}
    assert [name for name, job in workflow["jobs"].items() if "environment" in job] == ["publish"]
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text()
    # Who may publish runs no code of the repository.
    for job in ("attest", "publish", "github"):
        assert not [step for step in workflow["jobs"][job]["steps"] if "checkout" in step.get("uses", "")]
    (sbom,) = [step["with"]["sbom-path"] for step in workflow["jobs"]["attest"]["steps"] if "sbom-path" in step["with"]]
    made = subprocess.run(["make", "-n", "dist"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"--output-file build/{sbom}" in made
    assert "hatchling build --directory dist\n" in made


def test_the_other_files_of_github_are_read_by_it() -> None:
    ours = [*ROOT.glob(".github/*.yml"), *ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")]
    for path in [*ours, ROOT / ".pre-commit-config.yaml"]:
        assert yaml.safe_load(path.read_text()), path
    for path in ROOT.glob(".github/ISSUE_TEMPLATE/*.yml"):
        form = yaml.safe_load(path.read_text())
        if path.stem != "config":
            assert {"name", "description", "body"} <= form.keys()
            ids = [part["id"] for part in form["body"]]
            assert len(ids) == len(set(ids))
    # A hook runs a command that is there.
    for hook in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]:
        command = hook["entry"].split()
        assert command[0] == "make" or tool(Path(command[0]).name)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "check_files.py", tmp_path / "scripts")
    script = tmp_path / "scripts" / "check_files.py"
    allowed = 'ALLOWED = {"ok.bin": "a reason"}'
    script.write_text(re.sub(r"ALLOWED = \{.*?\n\}", allowed, script.read_text(), flags=re.DOTALL))
    (tmp_path / "ok.bin").write_bytes(b"\0\xff")
    (tmp_path / ".gitignore").write_text("ignored.*\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.py", b"x = 1\n", None),
        ("empty", b"", None),
        ("ignored.whl", b"PK\x03\x04\0", None),
        ("million.json", b" " * 1_000_000, None),
        ("large.json", b" " * 1_000_001, "1,000,001 bytes"),
        ("a.whl", b"PK\x03\x04\0\xff", "is no text"),
        ("nul.txt", b"a\0b", "NUL bytes"),
        ("image.png", b"\x89PNG\r\n", "is no text"),
        ("deep/földer/latin.txt", b"\xe9", "is no text"),
    ],
)
@pytest.mark.parametrize("added", [True, False])
def test_binaries_and_large_files_are_kept_out(
    name: str, content: bytes, fault: str | None, added: bool, repository: Path
) -> None:
    (repository / name).parent.mkdir(parents=True, exist_ok=True)
    (repository / name).write_bytes(content)
    if added:
        subprocess.run(["git", "add", "."], cwd=repository, check=True)
    command = [sys.executable, "scripts/check_files.py"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert (done.returncode, fault or "") == (0 if fault is None else 1, fault or "")
    assert (fault or "") in done.stdout
    assert (f"{name}: " in done.stdout) is (fault is not None)


def test_an_exception_that_is_gone_is_reported(repository: Path) -> None:
    (repository / "ok.bin").unlink()
    command = [sys.executable, "scripts/check_files.py"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ok.bin: is an exception in scripts/check_files.py" in done.stdout


def test_this_repository_keeps_none(tmp_path: Path) -> None:
    ran([sys.executable, "scripts/check_files.py"], ROOT, environment(tmp_path))
    assert "check_files.py" in ran(["make", "-n", "lint"], ROOT, environment(tmp_path))


# How `make` finds its Python.


def found(tmp_path: Path, pythons: dict[str, str], **variables: str) -> subprocess.CompletedProcess[str]:
    """What find_python.sh says where PATH has these and no others; a script a name."""
    place = tmp_path / "bin"
    place.mkdir()
    for name, script in pythons.items():
        (place / name).write_text(f"#!/bin/sh\n{script}\n")
        (place / name).chmod(0o755)
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "find_python.sh")],
        env={"PATH": str(place), "HOME": str(tmp_path), **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def works(name: str) -> str:
    return f"case $2 in '') exit 0;; esac; echo {name}"


# Runs, but has no ensurepip: it only says nothing to an empty program.
PARTS = "case $2 in '') exit 0;; esac; exit 1"
SHIM = "echo 'pyenv: command not found' >&2; exit 127"


def test_make_takes_the_newest_python_that_is_there(tmp_path: Path) -> None:
    done = found(tmp_path, {"python3.11": works("eleven"), "python3.12": works("twelve"), "python3.14": works("last")})
    assert (done.returncode, done.stdout, done.stderr) == (0, "twelve\n", "")


def test_make_passes_by_a_shim_of_a_version_that_is_not_chosen(tmp_path: Path) -> None:
    done = found(tmp_path, {"python3.13": SHIM, "python3.12": PARTS, "python3.11": works("eleven")})
    assert (done.returncode, done.stdout) == (0, "eleven\n")


def test_make_looks_among_pyenvs_versions(tmp_path: Path) -> None:
    place = tmp_path / ".pyenv" / "versions" / "3.13.9" / "bin"
    place.mkdir(parents=True)
    (place / "python").write_text(f"#!/bin/sh\n{works('pyenv')}\n")
    (place / "python").chmod(0o755)
    done = found(tmp_path, {"python3.13": SHIM, "python3.11": works("eleven")})
    assert (done.returncode, done.stdout) == (0, "pyenv\n")


def test_make_says_what_is_missing_where_there_is_no_python(tmp_path: Path) -> None:
    done = found(tmp_path, {})
    assert (done.returncode, done.stdout) == (1, "")
    assert "No Python from 3.11 to 3.14 was found" in done.stderr
    assert "help: install one" in done.stderr


def test_make_says_what_is_missing_on_a_debian_without_venv(tmp_path: Path) -> None:
    done = found(tmp_path, {"python3.11": PARTS})
    assert (done.returncode, done.stdout) == (1, "")
    assert "python3.11 is there, but cannot make an environment" in done.stderr
    assert "apt-get install python3.11-venv" in done.stderr


def test_make_takes_the_python_that_is_named_or_none(tmp_path: Path) -> None:
    named = {"python3.13": works("thirteen"), "mine": works("mine")}
    assert found(tmp_path, named, PYTHON="mine").stdout == "mine\n"
    (tmp_path / "again").mkdir()
    wrong = found(tmp_path / "again", named, PYTHON="python2")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "PYTHON=python2 does not run" in wrong.stderr


# How `make` makes an environment: from a lock, telling how far it is.


def made(tmp_path: Path, digest: str) -> subprocess.CompletedProcess[str]:
    """An environment of the runtime's wheel alone, from a folder in the place of an index."""
    wheel = runtime_wheel()
    (tmp_path / "index").mkdir(exist_ok=True)
    (tmp_path / "index" / wheel.name).write_bytes(wheel.data)
    lock = tmp_path / "a.lock"
    lock.write_text(f"comfy2runpod-runtime=={__version__} \\\n    --hash=sha256:{digest}\n")
    env = environment(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path / "index"))
    script = ROOT / "scripts" / "make_environment.py"
    command = [sys.executable, str(script), str(tmp_path / "venv"), str(lock), "--alone"]
    return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)


def test_an_environment_is_created_from_a_lock_and_updated_in_place(tmp_path: Path) -> None:
    first = made(tmp_path, runtime_wheel().sha256)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(f"[1/3] environment {tmp_path / 'venv'} of Python {sys.version.split()[0]}")
    assert "[2/3] packages of" in first.stdout
    assert "is ready" in first.stdout
    (site,) = (tmp_path / "venv").glob("lib/*/site-packages")
    (tmp_path / "venv" / "kept").touch()
    shutil.rmtree(site / "comfy2runpod_runtime")
    shutil.rmtree(site / f"comfy2runpod_runtime-{__version__}.dist-info")
    assert made(tmp_path, runtime_wheel().sha256).returncode == 0
    assert (site / "comfy2runpod_runtime" / "__init__.py").is_file()
    assert (tmp_path / "venv" / "kept").is_file()


def test_an_environment_that_cannot_be_made_says_what_pip_said(tmp_path: Path) -> None:
    done = made(tmp_path, "0" * 64)
    assert done.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr
    assert "is ready" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
