"""Model files: complete under their names or absent, whatever the network, the disk or another worker does."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from comfy2runpod_runtime.errors import ModelUnavailable
from comfy2runpod_runtime.models.lock import ModelLock, read_lock
from comfy2runpod_runtime.models.provision import provision
from tests.cli.hostile_server import answering, goes_on, plain, says
from tests.patience import HANG_SECONDS

from .hub_standin import HubStandIn, serving

CONTENT = random.Random(1).randbytes(3 << 20)
NAME = "model.safetensors"
TOKEN = "hf_secret"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    monkeypatch.setattr("comfy2runpod_runtime.models.hub._FIRST_PAUSE_SECONDS", 0.001)
    with serving(HubStandIn(files={NAME: CONTENT})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


def entry(name: str = NAME, **more: Any) -> dict[str, Any]:
    return {
        "file": name,
        "directory": "checkpoints",
        "repo": "org/name",
        "path": name,
        "revision": "main",
        "url": f"https://huggingface.co/org/name/resolve/main/{name}",
        "size": None,
        "approximate_size": 3_000_000,
        "sha256": None,
        **more,
    }


def lock(*entries: dict[str, Any]) -> ModelLock:
    return ModelLock.model_validate({"version": 1, "models": entries or (entry(),)})


def locked(content: bytes = CONTENT) -> dict[str, Any]:
    return entry(size=len(content), sha256=hashlib.sha256(content).hexdigest())


def files(folder: Path) -> list[str]:
    """What there is, less the notes."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


@pytest.mark.parametrize("known", [entry(), locked()])
def test_a_file_is_downloaded_checked_and_never_asked_for_again(
    hub: HubStandIn, tmp_path: Path, known: dict[str, Any]
) -> None:
    provision(lock(known), tmp_path)
    assert (tmp_path / "checkpoints" / NAME).read_bytes() == CONTENT
    assert files(tmp_path) == [NAME]
    asked = len(hub.asked)
    provision(lock(known), tmp_path)
    assert len(hub.asked) == asked


def test_the_token_goes_to_the_hub_and_not_to_where_it_redirects(hub: HubStandIn, tmp_path: Path) -> None:
    provision(lock(), tmp_path)
    assert {(host, token) for _, host, _, token in hub.asked} == {
        ("127.0.0.1", f"Bearer {TOKEN}"),
        ("localhost", None),
    }


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> str:
    """A public name, as far as can be seen from it, of this machine."""
    resolve = socket.getaddrinfo

    def local(host: object, *arguments: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if host in ("models.example", b"models.example") else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", local)
    return "models.example"


def test_the_token_goes_to_no_other_site(
    hub: HubStandIn, public: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    hub.linked = False
    provision(lock(entry(url=f"{hub.url.replace('127.0.0.1', public)}/somewhere/{NAME}")), tmp_path)
    assert {token for *_, token in hub.asked} == {None}
    assert files(tmp_path) == [NAME]


@pytest.mark.parametrize("known", [entry(), locked()])
def test_a_public_site_does_not_lead_into_the_workers_network(
    hub: HubStandIn, public: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: dict[str, Any]
) -> None:
    # The stand-in redirects to localhost for the bytes.
    monkeypatch.setenv("HF_ENDPOINT", hub.url.replace("127.0.0.1", public))
    with pytest.raises(
        ModelUnavailable, match=r"models\.example redirects to localhost, which is not a public address"
    ):
        provision(lock(known), tmp_path)
    assert hub.downloads() == []


def test_a_model_comes_from_an_address_of_a_private_network_that_is_plain_alone(
    hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.linked = False
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    hidden = hub.url.replace("127.0.0.1", "0x7f.1")
    with pytest.raises(ModelUnavailable, match=r"its URL is refused\. Its host 0x7f\.1 is a reserved address"):
        provision(lock(entry(url=f"{hidden}/somewhere/{NAME}")), tmp_path)
    assert hub.asked == []
    provision(lock(entry(url=f"{hub.url}/somewhere/{NAME}")), tmp_path)
    assert files(tmp_path) == [NAME]


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data", "http://0x7f.1/x"])
def test_no_server_leads_to_a_clouds_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setattr("comfy2runpod_runtime.models.hub._FIRST_PAUSE_SECONDS", 0.001)
    with (
        answering(says(plain(b"", "302 Found", f"Location: {target}"))) as url,
        pytest.raises(ModelUnavailable, match="which is not a public address"),
    ):
        provision(lock(entry(url=f"{url}/{NAME}")), tmp_path)


def test_a_download_that_breaks_off_resumes_where_it_stopped(hub: HubStandIn, tmp_path: Path) -> None:
    hub.drop_after = [2 << 20]
    provision(lock(), tmp_path)
    assert hub.downloads() == [None, f"bytes={2 << 20}-"]
    assert (tmp_path / "checkpoints" / NAME).read_bytes() == CONTENT


def test_a_download_that_advances_is_not_abandoned_however_often_it_breaks(hub: HubStandIn, tmp_path: Path) -> None:
    hub.files[NAME] = content = random.Random(2).randbytes(12 << 20)
    hub.drop_after = [1 << 20] * 11
    provision(lock(), tmp_path)
    assert (tmp_path / "checkpoints" / NAME).read_bytes() == content


def test_a_download_that_brings_nothing_ends_and_keeps_its_part(hub: HubStandIn, tmp_path: Path) -> None:
    hub.drop_after = [1 << 20] + [0] * 50
    with pytest.raises(ModelUnavailable, match=r"after 1,048,576 bytes, RemoteProtocolError"):
        provision(lock(), tmp_path)
    assert files(tmp_path) == [f"{NAME}.part"]


def test_a_server_without_ranges_starts_again_from_its_beginning(hub: HubStandIn, tmp_path: Path) -> None:
    hub.drop_after, hub.ranges = [2 << 20], False
    provision(lock(), tmp_path)
    assert (tmp_path / "checkpoints" / NAME).read_bytes() == CONTENT


def test_a_server_that_fails_now_and_then_is_asked_again(hub: HubStandIn, tmp_path: Path) -> None:
    hub.status[NAME] = [503, 429, 500]
    provision(lock(), tmp_path)
    assert files(tmp_path) == [NAME]


@pytest.mark.parametrize("kind", ["a link to a file", "a link to nothing", "a pipe"])
@pytest.mark.parametrize("own", [f".{NAME}.lock", f"{NAME}.part", f".{NAME}.checked", f".{NAME}.link"])
def test_nothing_is_written_through_what_others_left_beside_a_model(
    hub: HubStandIn, tmp_path: Path, own: str, kind: str
) -> None:
    place, other, nothing = tmp_path / "models" / "checkpoints" / own, tmp_path / "other", tmp_path / "nothing"
    place.parent.mkdir(parents=True)
    other.write_bytes(b"not a model")
    if kind == "a pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(other if kind == "a link to a file" else nothing)
    for _ in range(2):
        provision(lock(entry()), tmp_path / "models")
    assert (tmp_path / "models" / "checkpoints" / NAME).read_bytes() == CONTENT
    assert other.read_bytes() == b"not a model"
    assert not nothing.exists()


def _command(folder: Path, tmp_path: Path, *entries: dict[str, Any]) -> list[str]:
    path = tmp_path / "models.lock.json"
    path.write_text(json.dumps({"version": 1, "models": entries or (entry(),)}))
    return [sys.executable, "-m", "comfy2runpod_runtime.models.provision", str(path), "--models-dir", str(folder)]


def test_a_killed_download_is_resumed_by_the_next_process(hub: HubStandIn, tmp_path: Path) -> None:
    hub.seconds_per_megabyte = 1.0
    process = subprocess.Popen(_command(tmp_path / "models", tmp_path))
    part = tmp_path / "models" / "checkpoints" / f"{NAME}.part"
    deadline = time.monotonic() + HANG_SECONDS
    while not (part.exists() and part.stat().st_size >= 1 << 20):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    have = part.stat().st_size
    assert not part.with_suffix("").exists()
    hub.seconds_per_megabyte = 0.0
    subprocess.run(_command(tmp_path / "models", tmp_path), check=True)
    assert hub.downloads() == [None, f"bytes={have}-"]
    assert part.with_suffix("").read_bytes() == CONTENT


def test_two_workers_on_one_volume_download_a_file_once(hub: HubStandIn, tmp_path: Path) -> None:
    hub.seconds_per_megabyte = 0.2
    command = _command(tmp_path / "models", tmp_path)
    workers = [subprocess.Popen(command) for _ in range(2)]
    assert [worker.wait(30) for worker in workers] == [0, 0]
    assert len(hub.downloads()) == 1
    assert (tmp_path / "models" / "checkpoints" / NAME).read_bytes() == CONTENT


def test_the_wait_for_another_worker_has_an_end(hub: HubStandIn, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    with (tmp_path / "checkpoints" / f".{NAME}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ModelUnavailable, match=r"is being downloaded by another worker for over 0\.1 s"):
            provision(lock(), tmp_path, wait_seconds=0.1)


@pytest.mark.parametrize("known", [entry(), locked()])
def test_a_file_with_another_hash_is_deleted(hub: HubStandIn, tmp_path: Path, known: dict[str, Any]) -> None:
    hub.wrong[NAME] = wrong = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    got, expected = hashlib.sha256(wrong).hexdigest(), hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(ModelUnavailable, match=f"has the sha256 {got}, expected {expected}; it was deleted"):
        provision(lock(known), tmp_path)
    assert files(tmp_path) == []


def test_a_file_of_another_size_is_deleted(hub: HubStandIn, tmp_path: Path) -> None:
    hub.wrong[NAME] = CONTENT + b"more"
    with pytest.raises(ModelUnavailable, match=r"has 3,145,732 bytes, expected 3,145,728"):
        provision(lock(locked()), tmp_path)
    assert files(tmp_path) == []


def test_a_partial_download_of_another_revision_is_ignored(hub: HubStandIn, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    for stale in (b"another revision" * 1000, b"longer" * (1 << 20)):
        (tmp_path / "checkpoints" / f"{NAME}.part").write_bytes(stale)
        provision(lock(), tmp_path)
        assert (tmp_path / "checkpoints" / NAME).read_bytes() == CONTENT
        (tmp_path / "checkpoints" / NAME).unlink()


def test_a_file_that_is_there_already_is_checked_and_kept(hub: HubStandIn, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / NAME).write_bytes(CONTENT)
    provision(lock(), tmp_path)
    assert hub.downloads() == []


@pytest.mark.parametrize("broken", [CONTENT[:-5], CONTENT[:-1] + b"?"])
def test_a_broken_file_under_the_final_name_is_replaced(hub: HubStandIn, tmp_path: Path, broken: bytes) -> None:
    provision(lock(), tmp_path)
    target = tmp_path / "checkpoints" / NAME
    target.write_bytes(broken)
    provision(lock(), tmp_path)
    assert target.read_bytes() == CONTENT


def test_everything_the_hub_refuses_is_reported_before_anything_is_downloaded(hub: HubStandIn, tmp_path: Path) -> None:
    hub.files["gated.safetensors"] = b"x"
    hub.status["gated.safetensors"] = [401]
    with pytest.raises(ModelUnavailable) as caught:
        provision(lock(entry(), entry("gated.safetensors"), entry("gone.safetensors")), tmp_path)
    assert "gated.safetensors: 127.0.0.1 refuses access (HTTP 401). Accept the model's licence" in caught.value.message
    assert "gone.safetensors is not at its URL (HTTP 404)" in caught.value.message
    assert TOKEN not in caught.value.message
    assert hub.downloads() == []


def test_a_hub_that_cannot_be_reached_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comfy2runpod_runtime.models.hub._FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelUnavailable, match=r"model\.safetensors: 127\.0\.0\.1:9 cannot be reached: ConnectError"):
        provision(lock(), tmp_path)


def test_a_disk_that_is_too_small_is_reported_before_the_download(
    hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(10, 9, 1_000))
    with pytest.raises(ModelUnavailable, match=r"3,145,728 more bytes are needed .* the disk has 1,000 free"):
        provision(lock(), tmp_path)
    assert hub.downloads() == []


def test_a_folder_that_cannot_be_written_is_reported(hub: HubStandIn, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ModelUnavailable, match="models cannot be written"):
        provision(lock(), tmp_path / "models")


@pytest.mark.parametrize(
    "more",
    [
        {"directory": "../elsewhere"},
        {"directory": "/etc"},
        {"directory": "custom_nodes"},
        {"directory": "nonsense"},
        {"file": "../x"},
        {"file": "LTX\\x"},
        {"file": "nodes.py"},
        {"file": ""},
    ],
)
def test_a_lock_with_a_model_elsewhere_is_refused(hub: HubStandIn, tmp_path: Path, more: dict[str, str]) -> None:
    with pytest.raises(ModelUnavailable, match=r"models\.lock\.json: the path of a model is refused"):
        provision(lock(entry(**more)), tmp_path)
    assert hub.asked == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "more",
    [
        {"file": f"{NAME}/inside.safetensors"},
        {"url": "https://example.com/another.safetensors"},
        {"file": NAME.upper(), "url": "https://example.com/another.safetensors"},
    ],
)
def test_a_lock_of_two_files_at_one_place_is_refused(tmp_path: Path, more: dict[str, str]) -> None:
    path = tmp_path / "models.lock.json"
    path.write_text(json.dumps({"version": 1, "models": [entry(), entry(**more)]}))
    with pytest.raises(ModelUnavailable, match="the paths of two models conflict"):
        read_lock(path)
    path.write_text(json.dumps({"version": 1, "models": [entry(), entry()]}))
    assert len(read_lock(path).models) == 2


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "https://huggingface.co/org/name/tree/main", "https://example.com/x.bin?token=secret-word"],
)
def test_a_lock_with_another_url_is_refused_without_showing_a_secret(hub: HubStandIn, tmp_path: Path, url: str) -> None:
    with pytest.raises(ModelUnavailable, match="its URL is refused") as refused:
        provision(lock(entry(url=url)), tmp_path)
    assert "secret-word" not in refused.value.message
    assert hub.asked == []


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"file": f"LTX/{NAME}"}, f"checkpoints/LTX/{NAME}"),
        ({"directory": "loras/ink"}, f"loras/ink/{NAME}"),
        ({"directory": "ultralytics/bbox"}, f"ultralytics/bbox/{NAME}"),
    ],
)
def test_a_model_lies_in_a_folder_below_its_model_folder(
    hub: HubStandIn, tmp_path: Path, more: dict[str, str], place: str
) -> None:
    provision(lock(entry(**more)).model_copy(update={"folders": ("ultralytics",)}), tmp_path)
    assert (tmp_path / place).read_bytes() == CONTENT


def test_comfyui_is_told_of_the_folders(tmp_path: Path) -> None:
    models = tmp_path / "models $HOME"
    told = lock(entry(directory="loras/ink"), entry(file=f"SDXL/{NAME}")).extra_model_paths(models)
    (volume,) = yaml.safe_load(told).values()
    assert volume.pop("base_path") == str(models)
    assert volume["checkpoints"].split("\n") == ["checkpoints"]
    assert volume["loras"].split("\n") == ["loras", "loras/ink"]
    assert volume["text_encoders"] == "text_encoders"
    assert "custom_nodes" not in volume


def _cached(tmp_path: Path, content: bytes, digest: str) -> Path:
    """A repository in RunPod's cache, laid out as huggingface_hub does."""
    repo = tmp_path / "cache" / "models--org--name"
    blob, link = repo / "blobs" / digest, repo / "snapshots" / "c0ffee" / NAME
    for path in (blob, link):
        path.parent.mkdir(parents=True)
    blob.write_bytes(content)
    link.symlink_to(os.path.relpath(blob, link.parent))
    return tmp_path / "cache"


def test_a_cached_repository_is_linked_and_needs_no_download(hub: HubStandIn, tmp_path: Path) -> None:
    cache = _cached(tmp_path, CONTENT, hashlib.sha256(CONTENT).hexdigest())
    for _ in range(2):
        provision(lock(locked()), tmp_path / "models", cache)
        target = tmp_path / "models" / "checkpoints" / NAME
        assert target.is_symlink()
        assert target.read_bytes() == CONTENT
    assert hub.asked == []


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[::-1]])
def test_another_revision_in_the_cache_is_not_linked(hub: HubStandIn, tmp_path: Path, content: bytes) -> None:
    cache = _cached(tmp_path, content, hashlib.sha256(content).hexdigest())
    provision(lock(locked()), tmp_path / "models", cache)
    target = tmp_path / "models" / "checkpoints" / NAME
    assert not target.is_symlink()
    assert target.read_bytes() == CONTENT


GOOD = {"file": "a.safetensors", "directory": "loras", "url": "http://127.0.0.1:9/a.safetensors"}


@pytest.mark.parametrize(
    ("more", "place", "reason"),
    [
        ({"size": -5}, "models.0.size", "greater than 0"),
        ({"size": 0}, "models.0.size", "greater than 0"),
        ({"size": "5"}, "models.0.size", "valid integer"),
        ({"size": 5.0}, "models.0.size", "valid integer"),
        ({"size": True}, "models.0.size", "valid integer"),
        ({"size": 10**16}, "models.0.size", "less than or equal to"),
        ({"size": 10**30}, "models.0.size", "less than or equal to"),
        ({"size": [5]}, "models.0.size", "valid integer"),
        ({"size": float("nan")}, "models.0.size", "integer"),
        ({"sha256": "zz"}, "models.0.sha256", "expected 64 hex digits, or null"),
        ({"sha256": ""}, "models.0.sha256", "expected 64 hex digits, or null"),
        ({"sha256": "0" * 63}, "models.0.sha256", "expected 64 hex digits, or null"),
        ({"sha256": "0" * 64 + "\n"}, "models.0.sha256", "expected 64 hex digits, or null"),
        ({"sha256": 7}, "models.0.sha256", "valid string"),
        ({"file": 7}, "models.0.file", "valid string"),
        ({"url": None}, "models.0.url", "valid string"),
    ],
    ids=str,
)
def test_a_lock_that_no_file_can_fit_is_refused_with_place_and_reason(
    tmp_path: Path, more: dict[str, Any], place: str, reason: str
) -> None:
    file = tmp_path / "models.lock.json"
    file.write_text(json.dumps({"version": 1, "models": [{**GOOD, **more}]}))
    with pytest.raises(ModelUnavailable, match=re.escape(place)) as refused:
        read_lock(file)
    assert reason in refused.value.message


@pytest.mark.parametrize("version", [0, 2, 99, True, "1", None, 1.0])
def test_a_lock_of_another_version_is_refused(tmp_path: Path, version: object) -> None:
    file = tmp_path / "models.lock.json"
    file.write_text(json.dumps({"version": version, "models": [GOOD]}))
    with pytest.raises(ModelUnavailable, match=r"version: (expected 1,|input should be a valid integer)"):
        read_lock(file)


def test_a_lock_with_many_faults_tells_the_first(tmp_path: Path) -> None:
    file = tmp_path / "models.lock.json"
    file.write_text(json.dumps({"version": 1, "models": [{**GOOD, "size": -1}] * 1000}))
    with pytest.raises(ModelUnavailable, match=r"models\.4\.size: .*; and 995 more\.$"):
        read_lock(file)


def test_a_hash_in_capitals_is_the_same_hash(hub: HubStandIn, tmp_path: Path) -> None:
    file = tmp_path / "models.lock.json"
    known = locked()
    file.write_text(json.dumps({"version": 1, "models": [{**known, "sha256": known["sha256"].upper()}]}))
    provision(read_lock(file), tmp_path / "models")
    assert (tmp_path / "models" / "checkpoints" / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (plain(b"<html>log in", "200 OK", "Content-Type: text/HTML; charset=utf-8"), "answered with a web page"),
        (plain(b"", "204 No Content"), "HTTP 204, which contains no file"),
        (plain(b"half", "203 Non-Authoritative"), "HTTP 203, which contains no file"),
        (plain(b""), "sent an empty file"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf", "sends neither the file's size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "could not be downloaded completely"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_not_a_file_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, reason: str
) -> None:
    monkeypatch.setattr("comfy2runpod_runtime.models.hub._FIRST_PAUSE_SECONDS", 0.001)
    with answering(says(answer)) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        with pytest.raises(ModelUnavailable, match=reason):
            provision(lock(entry(url=f"{url}/{NAME}")), tmp_path)
    assert NAME not in files(tmp_path)


def test_a_file_that_nobody_knows_anything_of_is_taken_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    with answering(says(whole)) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        provision(lock(entry(url=f"{url}/{NAME}")), tmp_path)
    assert (tmp_path / "checkpoints" / NAME).read_bytes() == b"hello"
    assert "neither its size nor its sha256 is known" in caplog.text


def test_a_file_without_an_end_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comfy2runpod_runtime.models.hub._MAX_BYTES", 5_000_000)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    endless = goes_on(head, b"40000\r\n" + bytes(0x40000) + b"\r\n", 0.0)
    with answering(endless) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        with pytest.raises(ModelUnavailable, match="without an end"):
            provision(lock(entry(url=f"{url}/{NAME}")), tmp_path)
    assert files(tmp_path) == []


def test_the_command_tells_what_is_missing_and_fails(hub: HubStandIn, tmp_path: Path) -> None:
    command = _command(tmp_path / "models", tmp_path, entry("gone.safetensors"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 12
    assert done.stderr.startswith("model_unavailable: gone.safetensors is not at its URL (HTTP 404)")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "models.lock.json is not a model lock"),
        (
            '{"version": 1, "models": [{"file": "x"}]}',
            "models.0.directory: field required; models.0.url: field required",
        ),
    ],
)
def test_a_broken_lock_is_reported(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "models.lock.json").write_text(text)
    with pytest.raises(ModelUnavailable, match=message):
        read_lock(tmp_path / "models.lock.json")
