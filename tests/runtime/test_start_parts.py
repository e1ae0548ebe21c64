"""The parts of a start that need no process: mounts, flags, the graph of tasks, who holds a connection."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import CycleError
from pathlib import Path

import pytest

from comfy2runpod_runtime.comfyui.client import ComfyUIClient
from comfy2runpod_runtime.comfyui.model_loading import compiler_caches, loading_arguments
from comfy2runpod_runtime.comfyui.peers import is_held_by, peers_are_known
from comfy2runpod_runtime.errors import ComfyUINotOurs, VolumeFault
from comfy2runpod_runtime.exit_codes import ExitCode
from comfy2runpod_runtime.models.mounts import Mount, mount_of, read_mounts
from comfy2runpod_runtime.models.volume import check_mounted, models_dir, volume_of, write_fault
from comfy2runpod_runtime.operations.worker_status import StatusReader, WorkerState, WorkerStatus
from comfy2runpod_runtime.settings import Settings
from comfy2runpod_runtime.start.tasks import Task, TaskGraph, TaskState

ROOT = Path(__file__).parents[2]
TABLE = """\
22 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c
23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw
40 22 0:40 /vol /runpod-volume rw,relatime shared:7 master:1 - fuse.juicefs JuiceFS:x rw,user_id=0
41 40 0:41 / /runpod-volume/read\\040only ro,relatime - ext4 /dev/sda1 rw
42 22 0:42 / /mnt rw - nfs4 server:/export rw,vers=4.2
43 22 0:43 / /mnt rw,noexec - tmpfs tmpfs ro
broken
"""


@pytest.fixture
def mounts(tmp_path: Path) -> tuple[Mount, ...]:
    (tmp_path / "mountinfo").write_text(TABLE)
    return read_mounts(tmp_path / "mountinfo")


def test_each_mount_has_its_place_type_and_options(mounts: tuple[Mount, ...]) -> None:
    assert [str(mount.point) for mount in mounts] == [
        "/", "/proc", "/runpod-volume", "/runpod-volume/read only", "/mnt", "/mnt",
    ]  # fmt: skip
    assert [mount.over_network for mount in mounts] == [False, False, True, False, True, False]
    assert [mount.read_only for mount in mounts] == [False, False, False, True, False, True]


@pytest.mark.parametrize(
    ("path", "point", "file_system"),
    [
        ("/etc/x", "/", "overlay"),
        ("/runpod-volume/models/x", "/runpod-volume", "fuse.juicefs"),
        ("/runpod-volume-2/models", "/", "overlay"),
        ("/runpod-volume/read only/x", "/runpod-volume/read only", "ext4"),
        # The last of two at one place hides the first.
        ("/mnt/models", "/mnt", "tmpfs"),
    ],
)
def test_a_path_lies_on_the_innermost_mount(mounts: tuple[Mount, ...], path: str, point: str, file_system: str) -> None:
    found = mount_of(Path(path), mounts)
    assert found is not None
    assert (str(found.point), found.file_system) == (point, file_system)


def test_a_system_that_lists_no_mounts_has_none(tmp_path: Path) -> None:
    assert read_mounts(tmp_path / "absent") == ()
    assert mount_of(Path("/x"), ()) is None
    check_mounted(Path("/runpod-volume/models"), Settings(), ())


def test_this_systems_mounts_are_read() -> None:
    assert mount_of(Path("/proc"), read_mounts()) is not None


@pytest.mark.parametrize(
    ("file_system", "network"),
    [
        ("ext4", False), ("overlay", False), ("tmpfs", False), ("xfs", False), ("zfs", False), ("btrfs", False),
        ("fuse", True), ("fuse.mfs", True), ("fuse.s3fs", True), ("fuse.juicefs", True), ("nfs", True), ("nfs4", True),
        ("ceph", True), ("9p", True), ("virtiofs", True), ("cifs", True), ("lustre", True), ("mfs", True),
    ],
)  # fmt: skip
def test_model_files_are_not_mapped_over_a_network(file_system: str, network: bool) -> None:
    mount = Mount(Path("/v"), file_system, frozenset({"rw"}))
    assert loading_arguments(mount, []) == (("--disable-mmap",) if network else ())
    for chosen in ("--disable-mmap", "--mmap-torch-files", "--fast-disk"):
        assert loading_arguments(mount, ["--lowvram", chosen]) == ()


def test_without_a_known_mount_nothing_is_said_of_mapping() -> None:
    assert loading_arguments(None, []) == ()


def test_compiled_code_is_kept_on_a_volume_that_can_hold_it() -> None:
    volume = Mount(Path("/v"), "fuse", frozenset({"rw"}))
    caches = compiler_caches(volume, {"TRITON_CACHE_DIR": "/mine"})
    assert caches == {"TORCHINDUCTOR_CACHE_DIR": "/v/comfy2runpod-cache/torchinductor"}
    assert set(compiler_caches(volume, {})) == {"TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"}
    assert compiler_caches(None, {}) == {}
    for option in ("ro", "noexec"):
        assert compiler_caches(Mount(Path("/v"), "fuse", frozenset({option})), {}) == {}


def test_models_lie_where_they_are_told_to_else_on_the_volume_else_in_comfyui(mounts: tuple[Mount, ...]) -> None:
    assert models_dir(Settings(models_dir=Path("/x/models")), mounts) == Path("/x/models")
    assert models_dir(Settings(), mounts) == Path("/runpod-volume/models")
    assert models_dir(Settings(), mounts[:1]) == Path("/opt/comfyui/models")
    assert models_dir(Settings(comfyui_dir=Path("/c"), volume_dir=Path("/none")), mounts) == Path("/c/models")


def test_a_volume_is_a_mount_at_its_own_place(mounts: tuple[Mount, ...]) -> None:
    found = volume_of(Settings(), mounts)
    assert found is not None
    assert found.file_system == "fuse.juicefs"
    # RunPod's cache of repositories is a mount below a folder that is none.
    cache = Mount(Path("/runpod-volume/huggingface-cache"), "overlay", frozenset())
    assert volume_of(Settings(), (mounts[0], cache)) is None
    check_mounted(Path("/runpod-volume/huggingface-cache/x"), Settings(), (mounts[0], cache))


@pytest.mark.parametrize("folder", ["/runpod-volume", "/runpod-volume/models", "/runpod-volume/a/../models"])
def test_a_folder_of_a_volume_that_is_not_mounted_is_an_error(mounts: tuple[Mount, ...], folder: str) -> None:
    check_mounted(Path(folder), Settings(), mounts)
    with pytest.raises(VolumeFault, match="no volume is mounted at /runpod-volume") as raised:
        check_mounted(Path(folder), Settings(), mounts[:1])
    assert raised.value.exit_code is ExitCode.VOLUME_MISSING


@pytest.mark.parametrize(
    ("number", "code"),
    [(30, 14), (13, 14), (1, 14), (28, 15), (122, 15), (5, 12)],
)
def test_each_fault_of_the_disk_has_its_exit_code(number: int, code: int) -> None:
    fault = write_fault(OSError(number, os.strerror(number), "/v/models/checkpoints/a.part"), Path("/v/models"))
    assert (fault.exit_code, "a.part cannot be written below /v/models" in fault.message) == (code, True)


# The graph of tasks.


def test_tasks_run_side_by_side_and_after_what_they_need() -> None:
    order: list[str] = []
    met = threading.Barrier(2, timeout=60)

    def meets(name: str) -> None:
        met.wait()
        order.append(name)

    graph = TaskGraph([
        Task("c", lambda: order.append("c"), needs=("a", "b")),
        Task("a", lambda: meets("a")),
        Task("b", lambda: meets("b")),
    ])  # fmt: skip
    graph.start()
    graph.result()
    assert (set(order[:2]), order[2]) == ({"a", "b"}, "c")
    assert set(graph.states.values()) == {TaskState.DONE}


def test_a_task_that_fails_ends_the_wait_and_drops_what_needs_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    ran: list[str] = []
    goes_on = threading.Event()

    def fails() -> None:
        raise ValueError("no")

    graph = TaskGraph([
        Task("models", fails),
        Task("link", lambda: ran.append("link"), needs=("models",)),
        Task("comfyui", lambda: goes_on.wait(60) and None),
    ])  # fmt: skip
    graph.start()
    with pytest.raises(ValueError, match="no"):
        graph.result()
    assert graph.states["models"] is TaskState.FAILED
    assert graph.states["comfyui"] is TaskState.RUNNING
    goes_on.set()
    with pytest.raises(ValueError, match="no"):
        graph.result()
    assert ran == []
    assert "start: models failed" in caplog.text


def test_a_graph_that_cannot_end_is_refused() -> None:
    with pytest.raises(CycleError):
        TaskGraph([Task("a", print, needs=("b",)), Task("b", print, needs=("a",))])
    with pytest.raises(KeyError):
        TaskGraph([Task("a", print, needs=("gone",))])


# What process 1 is told.


def test_the_last_state_and_the_first_reason_count() -> None:
    read, write = os.pipe()
    status = WorkerStatus(write)
    for state in (WorkerState.IDLE, WorkerState.BUSY, WorkerState.BUSY):
        status.change(state)
    status.failed(20)
    status.failed(21)
    os.close(write)
    data = os.read(read, 4096)
    os.close(read)
    assert data == b"idle\nbusy\nfailed 20\nfailed 21\n"
    reader = StatusReader()
    for byte in data + b"other\nfailed x\n":
        reader.feed(bytes([byte]))
    assert (reader.state, reader.exit_code) == (WorkerState.BUSY, 20)


def test_a_status_that_nobody_reads_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    WorkerStatus(write).change(WorkerState.IDLE)
    os.close(write)
    WorkerStatus().failed(1)


# Who holds the other end of a connection.

SERVER = """
import os, socket, sys
server = socket.create_server((sys.argv[1], 0), family=getattr(socket, sys.argv[2]))
if sys.argv[3] == "child" and os.fork() == 0:
    sys.stdin.read(); os._exit(0)
print(server.getsockname()[1], flush=True)
if sys.argv[3] == "accepts":
    taken = server.accept()
sys.stdin.read()
"""


@contextmanager
def server(host: str, family: str, how: str) -> Iterator[tuple[int, socket.socket]]:
    """A program that listens: its process id, and a connection to it."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SERVER, host, family, how], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection(("::1" if host == "::1" else "127.0.0.1", port)) as client:
            yield process.pid, client
        process.communicate(timeout=60)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a socket")
@pytest.mark.parametrize("how", ["accepts", "waits", "child"])
@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "AF_INET"), ("0.0.0.0", "AF_INET"), ("::1", "AF_INET6")])
def test_the_other_end_of_a_connection_is_known(host: str, family: str, how: str) -> None:
    assert peers_are_known()
    with server(host, family, how) as (pid, client):
        ends = client.getsockname()[:2], client.getpeername()[:2]
        assert is_held_by(pid, *ends)
        # Of a process above it, too; of another, or of no other end, not.
        assert is_held_by(os.getpid(), *ends)
        with server(host, family, how) as (other, _):
            assert not is_held_by(other, *ends)
        assert not is_held_by(pid, ends[0], (ends[1][0], 1))


async def test_another_program_is_sent_no_byte() -> None:
    """Neither over HTTP nor over the websocket, however often it is tried."""
    sent: list[bytes] = []

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.append(await reader.read(1))
        writer.close()

    async with await asyncio.start_server(answers, "127.0.0.1", 0) as server:
        url = "http://{}:{}".format(*server.sockets[0].getsockname())
        async with ComfyUIClient(url, 5.0, lambda local, remote: False) as client:
            with pytest.raises(ComfyUINotOurs):
                await client.history("1")
            by_http = len(sent)
            # It tries to connect again as long as the job runs.
            async with client.events() as events:
                while len(sent) < by_http + 2:
                    assert await events.next(0.05) is None
    assert set(sent) == {b""}


def test_every_exit_code_has_its_line_in_the_docs() -> None:
    page = (ROOT / "docs" / "worker-start.md").read_text("utf-8")
    for code in ExitCode:
        assert f"| {int(code)} | {code.reason}" in page, code
