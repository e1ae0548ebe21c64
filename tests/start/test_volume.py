"""The volume: missing, not writable, full, shared by two; and models that cannot be had."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.runtime.hub_standin import HubStandIn
from tests.standins.runpod_queue import RunPodQueue

from .conftest import CONTENT, Run, entry_of
from .container import MODEL, Place

# In the place of the volume's folder.
VOLUME = "{volume}"
READ_ONLY = (("--bind", VOLUME, VOLUME), ("-o", "remount,bind,ro", VOLUME))


def tmpfs(size: int) -> tuple[tuple[str, ...], ...]:
    return (("-t", "tmpfs", "-o", f"size={size}", "tmpfs", VOLUME),)


@dataclass(frozen=True)
class Case:
    """A disk or a hub with which a worker cannot start: the code with which it ends, and what it says."""

    name: str
    code: int
    says: str
    mounts: tuple[tuple[str, ...], ...] | None = None
    entry: dict[str, Any] = field(default_factory=dict)
    hub: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case("missing", 13, "no volume is mounted at", mounts=()),
    Case("read-only", 14, "Read-only file system", mounts=READ_ONLY),
    Case("too-small", 15, "more bytes are needed", mounts=tmpfs(1 << 20)),
    Case("gone", 12, "is not at its URL (HTTP 404)", hub={"files": {}}),
    Case("denied", 12, "HF_TOKEN", hub={"refused": {MODEL: (401, "GatedRepo")}}),
    Case("other-bytes", 12, "it was deleted", hub={"wrong": {MODEL: bytes(len(CONTENT))}}),
    Case("bad-lock", 12, "models.lock.json", entry={"size": "many"}),
)  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(one, id=one.name, marks=pytest.mark.slice if one.name in ("missing", "read-only") else ())
        for one in CASES
    ],
)
def test_a_worker_without_its_models_ends(
    case: Case, run: Run, place: Place, queue: RunPodQueue, hub: HubStandIn
) -> None:
    place.write_lock({**entry_of(CONTENT), **case.entry})
    for name, value in case.hub.items():
        setattr(hub, name, value)
    mounts = None if case.mounts is None else [
        [part.replace(VOLUME, str(place.volume)) for part in mount] for mount in case.mounts
    ]  # fmt: skip
    queue.submit("first", {"prompt": "a cat"})
    with run(below=True, mounts=mounts) as container:
        assert container.exit_code() == case.code, container.log[-4000:]
        assert container.left() == []
        assert case.says in container.log
    assert queue.taken == {}
    assert not list(place.volume.rglob("*.safetensors"))
    if case.name == "bad-lock":
        # Nothing was begun that could tell RunPod.
        return
    assert len(queue.unhealthy) == 1


@pytest.mark.usefixtures("locked")
def test_a_volume_that_another_fills_ends_the_worker(
    run: Run, place: Place, queue: RunPodQueue, hub: HubStandIn
) -> None:
    hub.seconds_per_megabyte = 20.0
    mounts = [[part.replace(VOLUME, str(place.volume)) for part in mount] for mount in tmpfs(6 << 20)]
    with run(below=True, mounts=mounts) as container:
        container.provisioning()
        with suppress(OSError), container.inside(place.volume / "other.bin").open("wb", buffering=0) as other:
            while other.write(bytes(1 << 16)):
                pass
        hub.seconds_per_megabyte = 0.0
        assert container.exit_code() == 15, container.log[-4000:]
        assert container.left() == []
        assert "No space left on device" in container.log
    assert queue.taken == {}


@pytest.mark.usefixtures("locked")
def test_a_read_only_volume_with_all_files_is_enough(run: Run, place: Place) -> None:
    with run() as container:
        container.idle()
    mounts = [[part.replace(VOLUME, str(place.volume)) for part in mount] for mount in READ_ONLY]
    with run(mounts=mounts, name="again") as container:
        container.answers("next")


@pytest.mark.usefixtures("locked")
def test_without_a_volume_and_models_dir_the_models_are_comfyuis(run: Run, place: Place) -> None:
    with run(mounts=(), MODELS_DIR="") as container:
        container.answers("next")
    assert (place.main.parent / "models" / "checkpoints" / MODEL).read_bytes() == CONTENT


@pytest.mark.usefixtures("locked")
def test_without_models_dir_a_volume_is_used(run: Run, place: Place) -> None:
    with run(MODELS_DIR="") as container:
        container.answers("next")
        link = next(place.folder.glob("tmp/comfy2runpod-start-*/models"))
        assert link.is_symlink()
    assert place.model.read_bytes() == CONTENT


@pytest.mark.usefixtures("locked")
def test_comfyui_is_shown_no_folder_before_all_files_are_whole(run: Run, place: Place, hub: HubStandIn) -> None:
    hub.seconds_per_megabyte = 20.0
    with run() as container:
        container.provisioning()
        container.booting()
        assert not list(place.folder.glob("tmp/comfy2runpod-start-*/models"))
        hub.seconds_per_megabyte = 0.0
        container.idle()
        (link,) = place.folder.glob("tmp/comfy2runpod-start-*/models")
        assert (link / "checkpoints" / MODEL).read_bytes() == CONTENT


@pytest.mark.slice
@pytest.mark.usefixtures("locked")
def test_two_containers_share_a_volume(run: Run, place: Place, queue: RunPodQueue, hub: HubStandIn) -> None:
    hub.seconds_per_megabyte = 0.5
    with run(name="one") as one, run(name="two") as two:
        one.idle()
        two._reached(lambda: queue.polls > 1, "a poll of both")
        one.answers("first")
        two.answers("second")
    assert len(hub.downloads()) == 1
    assert place.model.read_bytes() == CONTENT


@pytest.mark.usefixtures("locked")
def test_the_second_container_finishes_what_the_first_began(run: Run, place: Place, hub: HubStandIn) -> None:
    hub.seconds_per_megabyte = 20.0
    with run(name="one") as one:
        one.provisioning()
        with run(name="two") as two:
            two.booting()
            one.one.send(9)  # type: ignore[arg-type]
            hub.seconds_per_megabyte = 0.0
            two.answers("first")
    assert place.model.read_bytes() == CONTENT
    assert str(hub.downloads()[-1]).startswith("bytes=")
