"""What makes a package's folder a repository: README, .env.example, .gitignore, and the workflow's own steps, run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from comfy2runpod.stages.emit.repository import NOT_KNOWN, download_text, size_text
from comfy2runpod.worker_settings import worker_settings
from comfy2runpod.write import Chosen, Source, write_package
from comfy2runpod_contract.texts import one_line
from comfy2runpod_runtime.settings import Settings, with_kinds
from tests.cli.command import comfy2runpod
from tests.rendering.hostile import POLYGLOT
from tests.rendering.interfaces import bare, several

from .variants import ABOUT, BY_HAND, GATED, MODELS, PUBLIC, UNLOCKED, files_of, variants, with_texts

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent for path in ROOT.glob("generated/*/handler.py"))
GRAPHS = sorted(path for path in ROOT.glob("graphs/*.json") if not path.name.endswith(".lock.json"))
WORKFLOW = ".github/workflows/docker-build.yml"
_MARKDOWN = MarkdownIt("commonmark").enable(["table"])


def test_every_graph_has_its_package_and_every_package_its_graph() -> None:
    sources = {json.loads((path / ".comfy2runpod.json").read_text("utf-8"))["graph"]["name"] for path in PACKAGES}
    assert sources == {path.name for path in GRAPHS}
    assert len(PACKAGES) == len(GRAPHS)


# README.md


def readme(**more: Any) -> str:
    return str(files_of(replace(several(), **more))["README.md"])


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a document, as rows of cells, as a reader sees them."""
    found: list[list[list[str]]] = []
    for token in _MARKDOWN.parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and found[-1] and token.level >= 3:
            children = token.children or ()
            found[-1][-1].append("".join(one.content for one in children if one.type != "link_open"))
    return found


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_readme_names_every_field_output_and_model(package: Path) -> None:
    text = (package / "README.md").read_text("utf-8")
    fields = json.loads((package / "docs" / "input.schema.json").read_text("utf-8"))
    models = json.loads((package / "models.lock.json").read_text("utf-8"))["models"]
    inputs, outputs, files, *_ = tables(text)
    reserved = {"output", "outputs", "allow_partial", "timings"}
    assert [row[0] for row in inputs[1:]] == [name for name in fields["properties"] if name not in reserved]
    assert [row[0] for row in inputs[1:] if row[2] == "yes"] == fields["required"]
    answer = json.loads((package / "docs" / "output.schema.json").read_text("utf-8"))
    assert {row[0] for row in outputs[1:]} <= answer["properties"].keys()
    assert [(row[0], row[1], row[3]) for row in files[1:]] == [
        (model["file"], model["directory"], model["licence"]) for model in models
    ]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_what_a_readme_links_to_is_there(package: Path) -> None:
    text = (package / "README.md").read_text("utf-8")
    titles = re.findall("^## (.+)$", text, re.MULTILINE)
    headings = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert (package / target).is_file(), target
    rows = re.findall(r"^\| (`.*?) \|", text.partition("## Files")[2], re.MULTILINE)
    # By the manifest: git ignores the wheels of the packages in this repository.
    made = json.loads((package / ".comfy2runpod.json").read_text("utf-8"))["files"]
    for name in re.findall(r"`([^`]+)`", " ".join(rows)):
        folder = name if name.endswith("/") else f"{name}/"
        assert (package / name).exists() or any(path == name or path.startswith(folder) for path in made), name


def test_numbers_in_cells_are_written_without_escapes() -> None:
    text = (ROOT / "generated" / "i2i_klein_9b" / "README.md").read_text("utf-8")
    assert "| 0.25 to 4.0 | 1.0 |" in text


def test_what_a_readme_says_of_trying_it_without_a_gpu_works(tmp_path: Path) -> None:
    package = shutil.copytree(ROOT / "generated" / "t2i_klein_4b", tmp_path / "anything")
    text = (package / "README.md").read_text("utf-8")
    # There is no release to install by its name.
    assert "pip install comfy2runpod" not in text
    assert "`pip install .` in a checkout of [comfy2runpod]" in text
    commands = text.partition("## Try it")[2].partition("```sh\n")[2].partition("```")[0].splitlines()
    assert [line.split()[:2] for line in commands] == [["comfy2runpod", "run"], ["comfy2runpod", "serve"]]
    done = comfy2runpod(*shlex.split(commands[0])[1:], cwd=package)
    assert done.returncode == 0, done.stderr
    assert (package / "results" / "image.png").is_file()


def test_a_licence_and_a_size_that_nobody_told_are_said_to_be_unknown() -> None:
    (row,) = next(table for table in tables(readme(models=(UNLOCKED,))) if table[0][0] == "file")[1:]
    assert row[2:] == [NOT_KNOWN.replace("`", ""), NOT_KNOWN.replace("`", ""), "not known"]
    (row,) = next(table for table in tables(readme(models=(GATED,))) if table[0][0] == "file")[1:]
    assert row[2:] == ["7.00 GB", "apache-2.0", "yes"]
    assert "Models" not in re.findall("^## (.+)$", readme(models=()), re.MULTILINE)


@pytest.mark.parametrize(
    ("models", "text"),
    [
        ((), ""),
        ((BY_HAND,), ""),
        ((PUBLIC,), "1 file, 7.0 GB"),
        ((PUBLIC, ABOUT), "2 files, 34.1 GB"),
        ((PUBLIC, UNLOCKED, UNLOCKED), "3 files, 7.0 GB and 2 of unknown size"),
        ((UNLOCKED,), "1 file of unknown size"),
    ],
)
def test_what_is_downloaded_in_words(models: Any, text: str) -> None:
    assert download_text(models) == text


def test_a_size_in_words() -> None:
    assert [size_text(one) for one in (PUBLIC, ABOUT, UNLOCKED)] == ["7.00 GB", "about 27.10 GB", NOT_KNOWN]


def test_hostile_texts_read_as_they_were_and_make_nothing() -> None:
    text = str(files_of(with_texts(POLYGLOT))["README.md"])
    tokens = _MARKDOWN.parse(text)
    assert not [token for token in tokens if token.type == "html_block"]
    inline = [child for token in tokens for child in token.children or ()]
    assert not [child for child in inline if child.type in ("html_inline", "image")]
    links = {child.attrs["href"] for child in inline if child.type == "link_open"}
    assert not [link for link in links if "evil" in str(link)]
    title = next(token for number, token in enumerate(tokens) if tokens[number - 1].type == "heading_open")
    assert "".join(child.content for child in title.children or ()) == one_line(POLYGLOT)


# .env.example


def variables(text: str) -> dict[str, str]:
    """A file of variables as Docker reads it: no quotes, and a comment is a whole line."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*=.*", line) for line in lines)
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("name", ["several", "models all", "kind text", "bare"])
def test_every_setting_stands_in_the_example_without_a_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = variables(str(files_of(variants()[name])[".env.example"]))
    tokens = {"models all": {"HF_TOKEN", "CIVITAI_TOKEN"}, "several": {"HF_TOKEN"}}.get(name, set())
    assert found.keys() == {"RUNPOD_INIT_TIMEOUT", *tokens, *(key.upper() for key in with_kinds().model_fields)}
    assert [key for key, value in found.items() if value] == ["RUNPOD_INIT_TIMEOUT"]
    # As it is, it changes nothing.
    unset = Settings.read()
    for key, value in found.items():
        monkeypatch.setenv(key, value)
    assert Settings.read() == unset


def test_a_settings_secrets_choices_and_defaults_are_the_workers_own() -> None:
    settings = worker_settings()
    assert list(settings) == [key.upper() for key in with_kinds().model_fields]
    assert settings["BUCKET_SECRET_ACCESS_KEY"].secret
    assert settings["OUTPUT_DELIVERY"].choices == ("inline", "url")
    assert (settings["COMFYUI_PORT"].kind, settings["COMFYUI_PORT"].default) == ("number", "8188")
    assert (settings["FETCH_ALLOW_HTTP"].kind, settings["FETCH_ALLOW_HTTP"].default) == ("boolean", "false")


# .gitignore


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A package in a repository of its own, with its graph, committed whole."""
    graph = tmp_path / "graphs" / "several.json"
    graph.parent.mkdir()
    graph.write_text("{}\n")
    source = Source(graph.name, hashlib.sha256(graph.read_bytes()).hexdigest())
    write_package(files_of(several()), tmp_path / "package", graph=source)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.excludesFile=/dev/null", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_git_takes_every_file_of_a_package_and_no_secret(repository: Path) -> None:
    package = repository / "package"
    manifest = json.loads((package / ".comfy2runpod.json").read_text("utf-8"))["files"]
    listed = set(git(package, "ls-files").splitlines())
    assert listed == {*manifest, ".comfy2runpod.json"}
    secrets = (".env", ".env.local", "id_rsa", "id_ed25519", "key.pem", "models/a.safetensors", "output/image.png")
    for name in secrets:
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text("secret\n")
    assert git(package, "status", "--porcelain", "--untracked-files=all").count("?? ") == 0


# The workflow's own steps, as bash runs them there.


def step(folder: Path, job: str, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a step of a package's workflow as a runner does."""
    workflow = yaml.safe_load((folder / environment["PACKAGE"] / WORKFLOW).read_text("utf-8"))
    (script,) = [one["run"] for one in workflow["jobs"][job]["steps"] if one["name"] == name]
    command = ["bash", "--noprofile", "--norc", "-e", "-c", script]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def compiled(repository: Path) -> tuple[int, int, str]:
    """The exit codes of both steps that look for drift, and what they say."""
    (repository / "temporary").mkdir(exist_ok=True)
    environment = {"PACKAGE": "package", "RUNNER_TEMP": str(repository / "temporary")}
    files = step(repository, "compiled", "Every file is the compiler's", **environment)
    graph = step(repository, "compiled", "Its graph, if it lies here, is the one that was compiled", **environment)
    return files.returncode, graph.returncode, files.stdout + files.stderr + graph.stdout + graph.stderr


def test_a_package_as_it_was_compiled_passes(repository: Path) -> None:
    assert compiled(repository) == (0, 0, "")
    # With whichever options: they are not compared, the package's files and its graph are.
    source = Source("several.json", hashlib.sha256(b"{}\n").hexdigest())
    chosen = Chosen("1.58", True, ("OpenAIDalle2",), ("a pack.json",))
    write_package(files_of(several()), repository / "package", graph=source, options=chosen)
    assert compiled(repository) == (0, 0, "")
    (repository / "package" / "mine.txt").write_text("a file of the user's\n")
    assert compiled(repository) == (0, 0, "")


@pytest.mark.parametrize("name", ["Dockerfile", "patch.py", "README.md", "runtime"])
def test_a_file_that_was_changed_or_is_lacking_fails(repository: Path, name: str) -> None:
    place = repository / "package" / name
    if name == "runtime":
        (wheel,) = place.glob("*.whl")
        wheel.unlink()
    else:
        place.write_text(place.read_text("utf-8") + "\n")
    files, graph, said = compiled(repository)
    assert (files, graph) == (1, 0)
    assert name in said
    assert "compile its graph again" in said


def test_a_graph_that_was_changed_fails(repository: Path) -> None:
    (repository / "graphs" / "several.json").write_text('{"changed": true}\n')
    files, graph, said = compiled(repository)
    assert (files, graph) == (0, 1)
    assert "graphs/several.json is not the graph that was compiled" in said
    # Another of its name may be anything, where its own is there.
    (repository / "several.json").write_text("{}\n")
    git(repository, "add", ".")
    assert compiled(repository)[:2] == (0, 0)


def test_a_file_beside_the_graph_that_was_changed_fails(repository: Path) -> None:
    graph, words = repository / "graphs" / "several.json", repository / "graphs" / "lists" / "words.txt"
    words.parent.mkdir()
    words.write_text("one\n")
    sums = {one: hashlib.sha256(one.read_bytes()).hexdigest() for one in (graph, words)}
    source = Source(graph.name, sums[graph], {"lists/words.txt": sums[words]})
    write_package(files_of(several()), repository / "package", graph=source)
    assert compiled(repository) == (0, 0, "")
    words.write_text("two\n")
    files, beside, said = compiled(repository)
    assert (files, beside) == (0, 1)
    assert "lists/words.txt" in said
    assert "Files beside the graph are not those that were compiled" in said
    words.unlink()
    assert compiled(repository)[:2] == (0, 1)


def test_a_repository_without_the_graph_passes(repository: Path) -> None:
    git(repository, "rm", "-q", "--cached", "graphs/several.json")
    assert compiled(repository)[:2] == (0, 0)


@pytest.mark.parametrize(
    "name", ["a b.json", "$(touch pwned).json", "a\nb.json", "*.json", "é.json", "-n.json", "'\".json"]
)
def test_the_name_of_a_graph_is_but_a_name(tmp_path: Path, name: str) -> None:
    graph = tmp_path / name
    graph.write_text("{}")
    write_package(files_of(bare()), tmp_path / "package", graph=Source(name, hashlib.sha256(b"{}").hexdigest()))
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    assert compiled(tmp_path)[:2] == (0, 0)
    graph.write_text("[]")
    assert compiled(tmp_path)[:2] == (0, 1)
    assert not list(tmp_path.glob("**/pwned"))


@pytest.mark.parametrize(
    ("environment", "tags"),
    [
        ({"GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch"}, ("abc", "latest")),
        ({"GITHUB_REF": "refs/heads/x", "GITHUB_REF_NAME": "x", "GITHUB_REF_TYPE": "branch"}, ("abc",)),
        ({"GITHUB_REF": "refs/tags/v1+2", "GITHUB_REF_NAME": "v1+2", "GITHUB_REF_TYPE": "tag"}, ("abc", "v1-2")),
        ({"GITHUB_REF": "refs/tags/main", "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "tag"}, ("abc", "main")),
    ],
)  # fmt: skip
def test_an_image_is_named_for_its_repository_and_commit(
    repository: Path, environment: Mapping[str, str], tags: tuple[str, ...]
) -> None:
    output, summary = repository / "output", repository / "summary"
    more = {
        "GITHUB_REPOSITORY": "Me/My-Repo", "GITHUB_SHA": "abc", "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary), **environment,
    }  # fmt: skip
    done = step(repository, "publish", "Name the image", PACKAGE="package", **more)
    assert done.returncode == 0, done.stderr
    name = "ghcr.io/me/my-repo/several"
    assert output.read_text().splitlines() == [f"name={name}", f"tags={','.join(f'{name}:{tag}' for tag in tags)}"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_pull_request_gets_no_secret_and_no_right(package: Path) -> None:
    text = (package / WORKFLOW).read_text("utf-8")
    workflow = yaml.safe_load(text)
    assert "pull_request_target" not in workflow["on"]
    assert "secrets" not in text.replace("no secret", "")
    assert workflow["permissions"] == {}
    jobs = workflow["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "compiled": {"contents": "read"},
        "build": {"contents": "read"},
        "publish": {"contents": "read", "packages": "write"},
    }
    assert jobs["build"]["if"] == "github.event_name == 'pull_request'"
    assert jobs["publish"]["if"] == "github.event_name != 'pull_request'"
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "compiled": None, "build": "compiled", "publish": "compiled",
    }  # fmt: skip
    (build,), (publish,) = (
        [one["with"] for one in jobs[name]["steps"] if "build-push" in one.get("uses", "")]
        for name in ("build", "publish")
    )
    assert not build["push"]
    assert "token" not in str(jobs["build"])
    assert (publish["push"], publish["provenance"], publish["sbom"]) == (True, "mode=max", True)
    for job in jobs.values():
        (checkout,) = [one for one in job["steps"] if "checkout" in one.get("uses", "")]
        assert checkout["with"]["persist-credentials"] is False


@pytest.mark.parametrize("models", MODELS)
def test_no_address_of_a_token_is_a_value(models: str) -> None:
    for path, text in files_of(replace(several(), models=MODELS[models])).items():
        if isinstance(text, str) and path in (".env.example", ".runpod/hub.json", ".runpod/tests.json"):
            assert "hf_" not in text
