"""`comfy2runpod lock` against a hub on loopback: what it writes beside the graph, and what it says when it cannot."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfy2runpod.hub import SECONDS_FOR_A_FILE, lock_models
from tests.cli.hostile_server import answering, plain, says
from tests.runtime.hub_standin import COMMIT, HubStandIn, serving

from .command import Done
from .command import comfy2runpod as in_process

GRAPH = Path(__file__).parents[2] / "graphs" / "t2v_ltx2.json"
FILES = (
    "ltx-2-19b-dev-fp8.safetensors",
    "gemma_3_12B_it_fp4_mixed.safetensors",
    "ltx-2-19b-distilled-lora-384.safetensors",
    "ltx-2-spatial-upscaler-x2-1.0.safetensors",
)


@pytest.fixture
def hub() -> Iterator[HubStandIn]:
    with serving(HubStandIn(files={name: name.encode() * 10 for name in FILES})) as running:
        yield running


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    copy = tmp_path / "t2v_ltx2.json"
    copy.write_bytes(GRAPH.read_bytes())
    return copy


def comfy2runpod(hub: HubStandIn, *arguments: str | Path) -> Done:
    with pytest.MonkeyPatch.context() as patch:
        # The library reads HF_ENDPOINT once, when it is imported.
        patch.setattr(lock_models, "__defaults__", (hub.url, SECONDS_FOR_A_FILE))
        return in_process(*arguments)


def test_the_hub_is_the_one_that_the_environment_names(hub: HubStandIn, graph: Path) -> None:
    command = [sys.executable, "-m", "comfy2runpod", "lock", str(graph)]
    environment = {**os.environ, "HF_ENDPOINT": hub.url}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(graph.with_suffix(".lock.json").read_text("utf-8"))) == {"version", "files"}


def test_the_lock_holds_commit_size_and_sha256_of_every_file_and_the_package_takes_them(
    hub: HubStandIn, graph: Path, tmp_path: Path
) -> None:
    done = comfy2runpod(hub, "lock", graph)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 files locked" in done.stdout
    assert comfy2runpod(hub, "compile", graph, "-o", tmp_path / "out").returncode == 0
    models = json.loads((tmp_path / "out" / "t2v_ltx2" / "models.lock.json").read_text())["models"]
    assert {model["file"]: (model["revision"], model["size"], model["sha256"]) for model in models} == {
        name: (COMMIT, len(name) * 10, hashlib.sha256(name.encode() * 10).hexdigest()) for name in FILES
    }


@pytest.mark.parametrize(
    ("answer", "exit_code", "code", "remedy"),
    [
        ((403, "GatedRepo"), 1, "gated-model", "Accept the licence"),
        ((404, "EntryNotFound"), 1, "missing-model", "Correct the URL"),
        ((500, "Down"), 3, "hub-unreachable", "Check the network"),
    ],
)
def test_a_file_that_cannot_be_locked_is_named_and_nothing_is_written(
    hub: HubStandIn, graph: Path, answer: tuple[int, str], exit_code: int, code: str, remedy: str
) -> None:
    hub.refused[FILES[0]] = answer
    done = comfy2runpod(hub, "lock", graph)
    assert done.returncode == exit_code
    assert f"error[{code}]: {FILES[0]}" in done.stderr
    assert remedy in done.stderr
    assert not graph.with_suffix(".lock.json").exists()


GOOD = {"revision": "c0ffee" + "0" * 34, "size": 10, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        (b"[]", "expected an object"),
        (b"\xff\xfe", "decode"),
        (b'{"version": 1, "files": ' + b"[" * 100_000, "nested too deeply"),
        ({"version": 99, "files": {}}, "version 99; this comfy2runpod reads version 1"),
        ({"files": {}}, "version null"),
        ({"version": True, "files": {}}, "version true"),
        ({"version": 1, "files": []}, "expected an object with"),
        ({"version": 1, "files": {"https://a/b": []}}, "https://a/b: expected an object, found array"),
        ({"version": 1, "files": {"https://a/\x1b[2J": GOOD}}, "the URL of entry 1 is refused"),
        (
            {"version": 1, "files": {"javascript:x": GOOD}},
            "entry 1 is refused: This is not the URL of a file: it does not",
        ),
        ({"version": 1, "files": {"https://a/b": GOOD, "file:///etc/passwd": GOOD}}, "the URL of entry 2 is refused"),
        ({"version": 1, "files": {"https://a/b?token=hf_secret": GOOD}}, "It contains credentials, in `token`)."),
        ({"version": 1, "files": {"http://[::ffff:7f00:1]/b": GOOD}}, "Its host [::ffff:7f00:1] is a reserved address"),
        ({"version": 1, "files": {"": GOOD}}, "the URL of entry 1 is refused"),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "size": -1}}}, "https://a/b: size is -1"),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "size": 0}}}, "https://a/b: size is 0"),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "size": True}}}, "https://a/b: size is true"),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "size": "10"}}}, 'https://a/b: size is "10"'),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "size": 10**30}}}, "https://a/b: size is 1000000"),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "size": float("nan")}}}, "NaN is not a JSON value"),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "sha256": "none"}}}, 'https://a/b: sha256 is "none"'),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "sha256": 7}}}, "https://a/b: sha256 is 7"),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "revision": "$(id)"}}}, 'https://a/b: revision is "$(id)"'),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "revision": "main"}}}, 'https://a/b: revision is "main"'),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "licence": 7}}}, "https://a/b: licence is 7"),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "licence": "a\nb"}}}, "https://a/b: licence is"),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "licence": ""}}}, "https://a/b: licence is"),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "licence": "x" * 201}}}, "https://a/b: licence is"),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "gated": "yes"}}}, 'https://a/b: gated is "yes"'),
        ({"version": 1, "files": {"https://a/b": {**GOOD, "gated": 1}}}, "https://a/b: gated is 1"),
        ({"version": 1, "files": {f"https://a/{i}": GOOD for i in range(10_001)}}, "10,001 files; 10,000 are read"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else None,
)
def test_an_invalid_lock_is_refused_with_what_is_wrong_in_it(
    graph: Path, tmp_path: Path, lock: bytes | dict[str, object], said: str
) -> None:
    data = lock if isinstance(lock, bytes) else json.dumps(lock).encode()
    graph.with_suffix(".lock.json").write_bytes(data)
    done = in_process("compile", graph, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "error[bad-lock]" in done.stderr
    assert said in done.stderr
    assert "hf_secret" not in done.stderr
    assert not (tmp_path / "out").exists()


def _told(**more: str | None) -> bytes:
    """The head of a hub's answer; None leaves a header out."""
    headers = {
        "X-Repo-Commit": COMMIT, "ETag": '"' + "a" * 64 + '"', "X-Linked-Size": "10",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }  # fmt: skip
    return plain(b"", "200 OK", *(f"{name}: {value}" for name, value in headers.items() if value is not None))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_told(X_Repo_Commit="main"), "it names no commit"),
        (_told(X_Repo_Commit="c0ffee"), "it names no commit"),
        (_told(X_Repo_Commit="b" * 39 + "_"), "it names no commit"),
        (_told(X_Repo_Commit=None), "it names no commit"),
        *(
            (_told(X_Linked_Size=size), "it does not tell a size that a file can have")
            for size in ("0", "1_0", "-5", "+5", "0x10", "5.0", "9" * 5000, "9" * 16, "ten")
        ),
        (_told(X_Linked_Size=None), "it does not tell a size that a file can have"),
    ],
    ids=lambda value: value[60:110].decode() if isinstance(value, bytes) else None,
)
def test_what_is_not_a_commit_or_a_size_is_not_locked(graph: Path, answer: bytes, said: str) -> None:
    with answering(says(answer)) as url:
        done = comfy2runpod(HubStandIn(url=url), "lock", graph)
    assert done.returncode == 1
    assert f"error[bad-hub-answer]: {FILES[0]}" in done.stderr
    assert said in done.stderr
    assert not graph.with_suffix(".lock.json").exists()


@pytest.mark.parametrize("etag", ['"' + "a" * 40 + '"', '"abc"', '"' + "z" * 64 + '"', None])
def test_a_file_without_a_sha256_is_locked_and_named(graph: Path, etag: str | None) -> None:
    with answering(says(_told(ETag=etag))) as url:
        done = comfy2runpod(HubStandIn(url=url), "lock", graph)
    assert done.returncode == 0, done.stderr
    for name in FILES:
        assert f"{name}: the hub tells no sha256" in done.stdout
    files = json.loads(graph.with_suffix(".lock.json").read_text())["files"]
    assert {entry["sha256"] for entry in files.values()} == {None}


# What the hub says of the repositories.

KLEIN = Path(__file__).parents[2] / "graphs" / "i2i_klein_9b.json"
UNSAID = """```yaml
name: unsaid
outputs:
  image: {from: 3}
```"""


def unsaid(folder: Path) -> Path:
    """A graph whose author said nothing of its model's licence."""

    def node(number: int, kind: str, values: list[object], **more: object) -> dict[str, object]:
        head = {"id": number, "type": kind, "pos": [0, 0], "mode": 0, "inputs": [], "outputs": [], "properties": {}}
        return {**head, "widgets_values": values, **more}

    url = "https://huggingface.co/org/name/resolve/main/a.safetensors"
    told = {"models": [{"name": "a.safetensors", "directory": "vae", "url": url}]}
    graph = {
        "last_node_id": 9,
        "last_link_id": 3,
        "nodes": [
            node(
                1, "VAELoader", ["a.safetensors"], properties=told,
                outputs=[{"name": "VAE", "type": "VAE", "links": [1]}],
            ),
            node(4, "EmptyLatentImage", [64, 64, 1], outputs=[{"name": "LATENT", "type": "LATENT", "links": [2]}]),
            node(
                2, "VAEDecode", [],
                inputs=[
                    {"name": "samples", "type": "LATENT", "link": 2},
                    {"name": "vae", "type": "VAE", "link": 1},
                ],
                outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [3]}],
            ),
            node(3, "SaveImage", ["x"], inputs=[{"name": "images", "type": "IMAGE", "link": 3}]),
            node(9, "MarkdownNote", [UNSAID], title="comfy2runpod"),
        ],
        "links": [[1, 1, 0, 2, 1, "VAE"], [2, 4, 0, 2, 0, "LATENT"], [3, 2, 0, 3, 0, "IMAGE"]],
        "extra": {"frontendVersion": "1.43.18"},
        "version": 0.4,
    }  # fmt: skip
    place = folder / "unsaid.json"
    place.write_text(json.dumps(graph))
    return place


def terms(tmp_path: Path, said: bytes | None) -> tuple[dict[str, object], dict[str, object], str]:
    """What the lock and the package say of a model of whose repository the hub says this, and what is printed."""
    place = unsaid(tmp_path)
    told = {} if said is None else {"org/name": said}
    with serving(HubStandIn(files={"a.safetensors": b"a" * 10}, terms=told)) as hub:
        done = comfy2runpod(hub, "lock", place)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(place.with_suffix(".lock.json").read_text("utf-8"))["files"].values()
    made = in_process("compile", place, "-o", tmp_path / "out")
    assert made.returncode == 0, made.stderr
    assert "private-model-url" not in made.stderr
    (model,) = json.loads((tmp_path / "out" / "unsaid" / "models.lock.json").read_text("utf-8"))["models"]
    return entry, model, done.stdout


@pytest.mark.parametrize(
    ("said", "licence", "gated"),
    [
        ({"cardData": {"license": "apache-2.0"}, "gated": False}, "apache-2.0", False),
        ({"cardData": {"license": "other", "license_name": "flux-non-commercial"}, "gated": "auto"},
         "flux-non-commercial", True),
        ({"cardData": {"license": "mit"}, "gated": "manual"}, "mit", True),
        ({"cardData": {"license": "other"}, "gated": True}, None, True),
        ({"cardData": None, "gated": False}, None, False),
        ({}, None, None),
        ([], None, None),
        ({"cardData": ["mit"], "gated": "maybe"}, None, None),
        ({"cardData": {"license": ["mit"], "license_name": {}}, "gated": 1}, None, None),
        ({"cardData": {"license": "a\nb"}, "gated": None}, None, None),
        ({"cardData": {"license": "\u001b[2J"}, "gated": []}, None, None),
        ({"cardData": {"license": "\u202emit"}, "gated": {}}, None, None),
        ({"cardData": {"license": "x" * 201}}, None, None),
        ({"cardData": {"license": ""}}, None, None),
    ],
)  # fmt: skip
def test_the_lock_holds_the_licence_and_whether_a_repository_is_gated(
    tmp_path: Path, said: object, licence: str | None, gated: bool | None
) -> None:
    entry, model, printed = terms(tmp_path, json.dumps(said).encode())
    assert (entry["licence"], entry["gated"]) == (model["licence"], model["gated"]) == (licence, gated)
    assert ("org/name is gated; a worker needs HF_TOKEN" in printed) is bool(gated)


@pytest.mark.parametrize(
    "said",
    [None, b"", b"<html>", b"[" * 100_000, b'{"gated": NaN}', b"\xff", b'{"gated": "\\ud800"}', b" " * 17_000_000],
)
def test_a_hub_that_says_nothing_of_terms_is_no_error(tmp_path: Path, said: bytes | None) -> None:
    entry, model, _ = terms(tmp_path, said)
    assert (entry["licence"], entry["gated"]) == (model["licence"], model["gated"]) == (None, None)
    assert entry["size"] == 10


def test_a_repository_is_asked_once_and_the_authors_word_is_above_the_hubs(tmp_path: Path) -> None:
    graph = tmp_path / "t2i_klein_4b.json"
    graph.write_bytes((Path(__file__).parents[2] / "graphs" / "t2i_klein_4b.json").read_bytes())
    names = ("flux-2-klein-4b.safetensors", "qwen_3_4b.safetensors", "flux2-vae.safetensors")
    told = {"Comfy-Org/flux2-klein": b'{"cardData": {"license": "mit"}, "gated": "auto"}'}
    with serving(HubStandIn(files=dict.fromkeys(names, b"a"), terms=told)) as hub:
        assert comfy2runpod(hub, "lock", graph).returncode == 0
    assert [method for method, *_ in hub.asked].count("GET") == 2
    assert in_process("compile", graph, "-o", tmp_path / "out").returncode == 0
    lock = json.loads((tmp_path / "out" / "t2i_klein_4b" / "models.lock.json").read_text("utf-8"))
    assert [(one["licence"].partition(" ")[0], one["gated"]) for one in lock["models"]] == [
        ("Apache-2.0", True), ("Apache-2.0", True), ("Apache-2.0", None),
    ]  # fmt: skip
    hub_json = json.loads((tmp_path / "out" / "t2i_klein_4b" / ".runpod" / "hub.json").read_text("utf-8"))
    (token,) = [one["input"] for one in hub_json["config"]["env"] if one["key"] == "HF_TOKEN"]
    assert token["required"]


def test_an_author_may_say_that_a_repository_is_gated(tmp_path: Path) -> None:
    assert in_process("compile", KLEIN, "-o", tmp_path / "out").returncode == 0
    lock = json.loads((tmp_path / "out" / "i2i_klein_9b" / "models.lock.json").read_text("utf-8"))
    assert {one["file"]: one["gated"] for one in lock["models"]} == {
        "flux-2-klein-9b-fp8.safetensors": True,
        "qwen_3_8b_fp8mixed.safetensors": None,
        "full_encoder_small_decoder.safetensors": None,
    }


def test_a_model_in_a_private_network_comes_from_the_hub_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, hub = unsaid(tmp_path), "http://10.0.0.5:8000"
    url = f"{hub}/org/name/resolve/main/a.safetensors"
    graph.write_text(graph.read_text().replace("https://huggingface.co/org/name/resolve/main/a.safetensors", url))
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    told = in_process("compile", graph, "-o", tmp_path / "other")
    assert told.returncode == 0, told.stderr
    assert "warning[private-model-url]" in told.stderr
    monkeypatch.setenv("HF_ENDPOINT", hub)
    graph.with_suffix(".lock.json").write_text(json.dumps({"version": 1, "files": {url: GOOD}}))
    made = in_process("compile", graph, "-o", tmp_path / "out")
    assert made.returncode == 0, made.stderr
    (model,) = json.loads((tmp_path / "out" / "unsaid" / "models.lock.json").read_text("utf-8"))["models"]
    assert (model["url"], model["size"]) == (url, 10)
    assert in_process("compile", "--check", graph, "-o", tmp_path / "out").returncode == 0
    assert url in in_process("inspect", graph).stdout


def test_a_lock_that_cannot_be_written_is_told_with_what_helps(tmp_path: Path, hub: HubStandIn, graph: Path) -> None:
    (tmp_path / "t2v_ltx2.lock.json").write_text('{"lockfileVersion": 3}')
    done = comfy2runpod(hub, "lock", graph)
    assert done.returncode == 1
    # `lock` has no option for another place.
    assert "Move the graph to another folder, or move away what is there." in done.stderr
    assert "(-o)" not in done.stderr
    (tmp_path / "t2v_ltx2.lock.json").unlink()
    (tmp_path / "t2v_ltx2.lock.json").mkdir()
    done = comfy2runpod(hub, "lock", graph)
    assert "(-o)" not in done.stderr
