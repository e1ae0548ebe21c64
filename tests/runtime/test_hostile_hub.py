"""The worker's downloads from a hostile server in the hub's place: bounded in time, and one kind of error."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest

from comfy2runpod_runtime.errors import ModelUnavailable
from comfy2runpod_runtime.models import hub as hub_module
from comfy2runpod_runtime.models.hub import ExpectedFile, Hub
from tests.cli.hostile_server import WAYS, answering, goes_on, plain, says
from tests.patience import HANG_SECONDS

# A size may be told by anybody; the bytes are held to what the lock says.
NO_REFUSAL = {
    "is a gzip bomb", "is no gzip", "is packed otherwise", "breaks off", "is a log-in page", "nests", "is a list",
    "holds a number of 10,000 digits", "is odd text", "trickles its body", "never ends",
}  # fmt: skip


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_ATTEMPTS", 2)
    monkeypatch.setattr(hub_module, "_FIRST_PAUSE_SECONDS", 0.01)


@pytest.mark.parametrize("way", WAYS)
def test_the_expected_size_and_hash_are_read_or_refused(way: str) -> None:
    with answering(WAYS[way]) as url, Hub(timeout_seconds=1.0) as hub:
        if way not in NO_REFUSAL:
            with pytest.raises(ModelUnavailable, match=r"a\.safetensors"):
                hub.expected(f"{url}/a.safetensors", "a.safetensors")
        else:
            assert hub.expected(f"{url}/a.safetensors", "a.safetensors").sha256 is None


@pytest.mark.parametrize("size", ["9" * 5000, "0", "-1", "1e3", "٣", "0x10", "1_0"])
def test_an_odd_size_is_not_used(size: str) -> None:
    answer = says(f'HTTP/1.1 200 OK\r\nX-Linked-Size: {size}\r\nX-Linked-Etag: W/"none"\r\n\r\n'.encode())
    with answering(answer) as url, Hub(timeout_seconds=1.0) as hub:
        assert hub.expected(f"{url}/a", "a") == ExpectedFile(None, None)


def test_a_file_that_does_not_end_where_it_should_is_not_followed_for_ever(tmp_path: Path) -> None:
    endless = goes_on(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 100_000, 0.0)
    part = tmp_path / "a.part"
    with answering(endless) as url, Hub(timeout_seconds=5.0) as hub:
        hub.download(f"{url}/a", "a", part, size=10)
    assert 10 < part.stat().st_size < 10_000_000


@pytest.mark.parametrize("location", ["http://[::1", "file:///etc/passwd", "http://a b/", "//", "http://\x7f/"])
def test_a_redirect_to_nowhere_is_a_model_that_is_unavailable(tmp_path: Path, location: str) -> None:
    answer = says(plain(b"", "302 Found", f"Location: {location}"))
    with answering(answer) as url, Hub(timeout_seconds=1.0) as hub:
        with pytest.raises(ModelUnavailable):
            hub.download(f"{url}/a", "a", tmp_path / "a.part", size=10)
        with suppress(ModelUnavailable):
            hub.expected(f"{url}/a", "a")


@pytest.mark.parametrize("way", ["says nothing", "trickles its head", "has a head without end"])
def test_a_head_that_does_not_come_is_not_waited_for_for_ever(tmp_path: Path, way: str) -> None:
    began = time.monotonic()
    with answering(WAYS[way]) as url, Hub(timeout_seconds=0.5) as hub:
        with pytest.raises(ModelUnavailable, match="could not be downloaded completely"):
            hub.download(f"{url}/a", "a", tmp_path / "a.part", size=10)
        # Two attempts of half a second; the server sends for as long as it is connected.
        assert time.monotonic() - began < HANG_SECONDS
