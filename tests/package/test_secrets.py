"""No secret of the author's is in a package: not of the graph, not of what lies beside it, not of the environment."""

from __future__ import annotations

import base64
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import ERRORS, comfy2runpod

SECRETS = {
    "hub": "hf_" + "NoBodysTokenAtAll0123456789abcdef",
    "login": "opensesame-4711",
    "key": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj",
    "ordinary": "xyzzy-plugh-words",
}
LOGIN = f"https://me:{SECRETS['login']}@example.org/a"


def graph() -> dict[str, Any]:
    """A small graph without a fault."""
    raw: dict[str, Any] = json.loads((ERRORS / "surprises" / "windows_separator.json").read_text())
    for node in raw["nodes"]:
        if node["type"] == "CheckpointLoaderSimple":
            node["widgets_values"] = ["base.safetensors"]
        if node["type"] == "MarkdownNote":
            node["widgets_values"] = ["models:\n  base.safetensors: {url: 'https://example.org/base.safetensors'}\n"]
    return raw


def with_secrets(raw: dict[str, Any]) -> dict[str, Any]:
    """The graph with secrets wherever the prompt and the interface do not come from."""
    told = json.dumps([*SECRETS.values(), LOGIN])
    like = next(node for node in raw["nodes"] if node["type"] == "CLIPTextEncode")
    raw["nodes"] += [
        {**raw["nodes"][-1], "id": 201, "type": "Note", "title": "my accounts", "widgets_values": [told]},
        {**like, "id": 202, "mode": 2, "inputs": [], "outputs": [], "title": told, "widgets_values": [told]},
    ]
    raw["extra"] = {"ds": {"scale": 1, "offset": [0, 0]}, "mine": told, "info": {"token": SECRETS["hub"]}}
    raw["groups"] = [{"title": told, "bounding": [0, 0, 10, 10], "color": "#3f789e"}]
    raw["config"] = {"mine": told}
    like["properties"] = {"Node name for S&R": told, "mine": told}
    like["color"] = told
    return raw


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a graph, and with files such as an author has beside it."""
    monkeypatch.setenv("HF_TOKEN", f"{SECRETS['hub']}\n")
    monkeypatch.setenv("BUCKET_SECRET_ACCESS_KEY", SECRETS["ordinary"])
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "made.json").write_text(json.dumps(with_secrets(graph())))
    for place in (tmp_path, tmp_path / "graphs"):
        keep(place)
    return tmp_path


def keep(place: Path) -> None:
    (place / ".env").write_text(f"HF_TOKEN={SECRETS['hub']}\nPASSWORD={SECRETS['ordinary']}\n")
    (place / "id_rsa").write_text(f"-----BEGIN PRIVATE KEY-----\n{SECRETS['key']}\n-----END PRIVATE KEY-----\n")
    (place / ".netrc").write_text(f"machine example.org login me password {SECRETS['login']}\n")


def contents(package: Path) -> Iterator[tuple[str, bytes]]:
    """Each file of a package, and each in its archives, unpacked."""
    for path in sorted(package.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            yield str(path.relative_to(package)), content
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    yield from ((f"{path.name}/{name}", archive.read(name)) for name in archive.namelist())


def holding(package: Path) -> list[tuple[str, str]]:
    """Which files hold which secret, as it is or in base64."""
    forms = {
        name: (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"=")[:-1]) for name, secret in SECRETS.items()
    }
    return [
        (file, name)
        for file, content in contents(package)
        for name, written in forms.items()
        if any(form in content for form in written)
    ]


def test_a_package_has_none_of_the_graphs_other_texts_and_of_the_files_beside_it(folder: Path) -> None:
    done = comfy2runpod("compile", "graphs/made.json", "-o", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert len(list(contents(folder / "out" / "made"))) > 30
    assert holding(folder / "out" / "made") == []
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS.values())


def test_what_the_author_put_into_the_package_stays_and_goes_into_no_other_file(folder: Path) -> None:
    assert comfy2runpod("compile", "graphs/made.json", "-o", "out", cwd=folder).returncode == 0
    package = folder / "out" / "made"
    keep(package)
    done = comfy2runpod("compile", "graphs/made.json", "-o", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert {file for file, _ in holding(package)} == {".env", "id_rsa", ".netrc"}


@pytest.mark.parametrize("format_", ["text", "json", "github", "sarif"])
@pytest.mark.parametrize("case", ["secrets/in_values", "secrets/in_a_title", "secrets/in_the_note"])
def test_a_refusal_does_not_show_the_secret(tmp_path: Path, case: str, format_: str) -> None:
    shutil.copy(ERRORS / f"{case}.json", tmp_path / "made.json")
    done = comfy2runpod("compile", "made.json", "-o", "out", "--format", format_, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "secret-in-graph" in done.stdout + done.stderr
    for secret in (SECRETS["hub"], "NoBodysToken", "opensesame"):
        assert secret not in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()


def test_another_error_does_not_show_a_secret_either(tmp_path: Path) -> None:
    raw = graph()
    for node in raw["nodes"]:
        if node["type"] == "KSampler":
            node["widgets_values"][4] = SECRETS["hub"]
        if node["type"] == "CLIPTextEncode":
            node["type"] = f"No{SECRETS['hub']}Class {LOGIN}"
    (tmp_path / "made.json").write_text(json.dumps(raw))
    done = comfy2runpod("compile", "made.json", "-o", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert SECRETS["login"] not in done.stdout + done.stderr
