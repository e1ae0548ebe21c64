"""How a model file is read over a disk that is far away: mapped, copied by `--disable-mmap`, or read.

    python benchmarks/model_reading.py [--megabytes N] [--latency MS]… [--bandwidth MB] [--readahead KIB]

Linux, with /dev/fuse and fusermount3, and in this Python mfusepy 3.1, which nothing else here needs. The far disk is a
file system of our own in a process of its own: each request of the kernel waits for a latency, and the bytes of all
requests share a bandwidth. A file of tensors in the safetensors format lies on it. Each way of reading has a
fresh process and a fresh mount, so that no page is cached. What each way does is what ComfyUI 0.20 and 0.33 do, read in
`comfy/utils.py`, by numpy:

- whole: the file from its beginning to its end, as a measure.
- mapped: `safe_open` maps the file, tensors are views of it, and pages come when a weight is used, in that order.
- copied (`--disable-mmap`): the same mapping, and each tensor is copied at once, in the order of the file's keys.
- read (dynamic VRAM): each weight is read with `readinto` at its place in the file, when it is used.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

HEADING = "## Model files on a far disk"
LATENCIES_MS = (0.2, 1.0, 5.0)
_MB = 1_000_000
_TENSOR_SIZES = (64_000, 4_000_000, 16_000_000)
_READ_BYTES = 16 << 20
_WAIT_SECONDS = 20
_NAME = "model.safetensors"


def write_model(file: Path, size: int) -> None:
    """A file of tensors of bytes, of about `size` bytes: many small ones between few large ones, as models have."""
    draw, header, end = random.Random(3), {}, 0
    while end < size:
        length = draw.choice(_TENSOR_SIZES)
        name = f"model.layer{len(header):04}.weight"
        header[name] = {"dtype": "U8", "shape": [length], "data_offsets": [end, end + length]}
        end += length
    text = json.dumps(header).encode()
    with file.open("wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for entry in header.values():
            begin, stop = entry["data_offsets"]
            out.write(draw.randbytes(stop - begin))


# -- the far disk, a process ------------------------------------------------------------


@dataclass(frozen=True)
class FarDisk:
    """How far it is.

    Attributes:
        latency: seconds that each read waits, several at a time.
        bandwidth: bytes a second, of all together.
        readahead: how many bytes the kernel may ask for before they are used.
        cached: whether what is read stays in the kernel's cache; if not, only what is mapped does.
    """

    latency: float
    bandwidth: float
    readahead: int
    cached: bool


def serve_disk(source: str, mount: str, report: str, far: FarDisk) -> None:
    """Mounts a folder read-only, until it is unmounted; reports how many reads it was asked for, and their bytes."""
    import mfusepy  # noqa: PLC0415 - only this process needs it

    asked = {"reads": 0, "bytes": 0}
    line, lock = [0.0], threading.Lock()

    class Disk(mfusepy.Operations):
        use_ns = True

        def init_with_config(self, conn_info: mfusepy.fuse_conn_info, config_3: mfusepy.fuse_config) -> None:
            conn_info.max_readahead = min(conn_info.max_readahead, far.readahead)
            config_3.direct_io = not far.cached

        def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:  # noqa: ARG002 - mfusepy's
            status = os.lstat(source + path)
            return {key: getattr(status, key) for key in ("st_mode", "st_size", "st_nlink")}

        def open(self, path: str, flags: int) -> int:
            return os.open(source + path, flags)

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:  # noqa: ARG002 - mfusepy's
            data = os.pread(fh, size, offset)
            with lock:
                asked["reads"] += 1
                asked["bytes"] += len(data)
                begin = max(time.monotonic() + far.latency, line[0])
                line[0] = begin + len(data) / far.bandwidth
                until = line[0]
            time.sleep(max(0.0, until - time.monotonic()))
            return data

        def destroy(self, path: str) -> None:  # noqa: ARG002 - mfusepy's
            Path(report).write_text(json.dumps(asked))

    mfusepy.FUSE(Disk(), mount, foreground=True, ro=True)


@contextmanager
def far_disk(source: Path, folder: Path, far: FarDisk) -> Iterator[Path]:
    """Such a disk; at its end `folder/report` has been written."""
    mount, report = folder / "mount", folder / "report"
    mount.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    order = [str(source), str(mount), str(report), json.dumps(asdict(far))]
    server = subprocess.Popen([sys.executable, __file__, "--serve", *order])
    try:
        wait_for(lambda: mount.is_mount() or server.poll() is not None)
        if server.poll() is not None:
            raise SystemExit("The disk is not mounted: are /dev/fuse, fusermount3 and mfusepy there?")
        yield mount
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(mount)], check=False)
        server.wait(_WAIT_SECONDS)


def wait_for(what: Callable[[], object]) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while not what():
        if time.monotonic() > until:
            raise SystemExit("The disk is not mounted in time.")
        time.sleep(0.02)


# -- ways of reading, each in a process ------------------------------------------------------------


def places(file: Path, order: str) -> list[tuple[int, int]]:
    """Where each tensor begins and ends, in the order in which it is used."""
    with file.open("rb") as model:
        length = int.from_bytes(model.read(8), "little")
        header = json.loads(model.read(length))
    found = [(8 + length + begin, 8 + length + end) for begin, end in (one["data_offsets"] for one in header.values())]
    if order == "drawn":
        random.Random(4).shuffle(found)
    return found


def mapped(file: Path, order: str) -> None:
    with file.open("rb") as model:
        view = np.frombuffer(mmap.mmap(model.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ), np.uint8)
    for begin, end in places(file, order):
        # A weight is used: it goes to the GPU, or to a copy of another type.
        np.array(view[begin:end])


def copied(file: Path, _order: str) -> None:
    # Whatever the model's order: all are copied before the first is used.
    mapped(file, "file")


def read(file: Path, order: str) -> None:
    with file.open("rb", buffering=0) as model:
        for begin, end in places(file, order):
            weight = np.empty(end - begin, np.uint8)
            got = 0
            model.seek(begin)
            while got < len(weight):
                got += model.readinto(memoryview(weight)[got:])


def whole(file: Path, _order: str) -> None:
    with file.open("rb", buffering=0) as model:
        while model.read(_READ_BYTES):
            pass


WAYS: dict[str, Callable[[Path, str], None]] = {way.__name__: way for way in (mapped, copied, read, whole)}
CASES = (("whole", "file"), ("mapped", "file"), ("copied", "file"), ("read", "file"),
         ("mapped", "drawn"), ("read", "drawn"))  # fmt: skip


def measure(source: Path, folder: Path, case: tuple[str, str], far: FarDisk) -> dict[str, float]:
    """Seconds, requests and bytes of one way on a fresh mount."""
    with far_disk(source, folder, far) as mount:
        command = [sys.executable, __file__, "--read", *case, str(mount / _NAME)]
        seconds = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {"seconds": seconds, **json.loads((folder / "report").read_text())}


def section(megabytes: int, disks: list[FarDisk], rounds: int) -> str:
    """The results as Markdown."""
    first = disks[0]
    how = (
        f"A file of {megabytes} MB on a FUSE file system of ours, {first.bandwidth / _MB:.0f} MB/s, "
        f"{first.readahead // 1024} KiB read ahead, {'cached' if first.cached else 'not cached'}; how long each way "
        f"takes, as a multiple of reading the file whole at the same latency; the lower median of {rounds}."
    )
    columns = "| latency of a request | way | order of use | times as long | requests | of so many kB |"
    lines = [HEADING, "", how, "", columns, "| --- | --- | --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = folder / "source"
        source.mkdir()
        write_model(source / _NAME, megabytes * _MB)
        for far in disks:
            base = 0.0
            for way, order in CASES:
                runs = [measure(source, folder, (way, order), far) for _ in range(rounds)]
                run = statistics.median_low([one["seconds"] for one in runs])
                base = base or run
                reads, size = runs[0]["reads"], runs[0]["bytes"] / runs[0]["reads"] / 1000
                lines.append(
                    f"| {far.latency * 1000:g} ms | {way} | {order} | {run / base:.2f} | {reads} | {size:.0f} |"
                )
                print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        source, mount, report, far = sys.argv[2:]
        serve_disk(source, mount, report, FarDisk(**json.loads(far)))
        return
    if sys.argv[1:2] == ["--read"]:
        way, order, file = sys.argv[2:]
        begin = time.monotonic()
        WAYS[way](Path(file), order)
        print(time.monotonic() - begin)
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--latency", type=float, action="append", metavar="MS")
    parser.add_argument("--bandwidth", type=float, default=400, metavar="MB", help="a second")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readahead", type=int, default=128, metavar="KIB", help="by the kernel; 0 for none")
    parser.add_argument("--uncached", action="store_true", help="what is read does not stay in the kernel's cache")
    options = parser.parse_args()
    disks = [
        FarDisk(latency / 1000, options.bandwidth * _MB, options.readahead * 1024, not options.uncached)
        for latency in options.latency or LATENCIES_MS
    ]
    text = section(options.megabytes, disks, options.rounds)
    print(text)


if __name__ == "__main__":
    main()
