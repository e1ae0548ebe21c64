"""A process for each image: its resource limits, its environment, and how it ends. Stand-ins replace its program."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import select
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Annotated

import pytest
from PIL import Image
from pydantic import BaseModel

from comfy2runpod_runtime.errors import InvalidInput
from comfy2runpod_runtime.inputs import decoder_pool as module
from comfy2runpod_runtime.inputs import oom_kills
from comfy2runpod_runtime.inputs.decoder_pool import DecodeLimitExceeded, DecoderPool, DecoderUnavailable
from comfy2runpod_runtime.inputs.fetch import FetchPolicy
from comfy2runpod_runtime.inputs.file_input import DecodeLimits
from comfy2runpod_runtime.inputs.input_errors import MediaRefused
from comfy2runpod_runtime.inputs.kinds.image import ImageInput
from comfy2runpod_runtime.inputs.media_inputs import MediaInputLimits, load_media
from tests.processes import below, left_of, started

pytestmark = pytest.mark.slow

LIMITS = ImageInput(max_bytes=20_000_000, max_pixels=4_000_000, max_aspect=50, formats=("png", "jpeg", "webp"))
RULES = DecodeLimits(cpu_seconds=20, seconds=120, memory_bytes=1_000_000_000)


def image(size: tuple[int, int] = (40, 30)) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, "red").save(out, "JPEG", progressive=True)
    return out.getvalue()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a stand-in's code in the place of the decoder's."""

    def put(code: str) -> None:
        file = tmp_path / "program.py"
        file.write_text(f"import os, sys, time\n{code}")
        monkeypatch.setattr(module, "PROGRAM", file)

    return put


async def of(data: bytes, rules: DecodeLimits = RULES) -> bytes | MediaRefused:
    found = await DecoderPool(ImageInput.kind, rules).decode(data, LIMITS, rules.cpu_seconds)
    return found.written


async def test_an_image_comes_back_as_a_png() -> None:
    png = await of(image())
    assert isinstance(png, bytes)
    with Image.open(BytesIO(png)) as opened:
        assert (opened.format, opened.size, opened.getpixel((5, 5))) == ("PNG", (40, 30), (254, 0, 0))


async def test_a_refusal_comes_back_in_words() -> None:
    refused = await of(b"GIF89a")
    assert str(refused) == "is a GIF (which can hold several images); it must be a PNG, JPEG or WebP image"
    assert not isinstance(refused, DecodeLimitExceeded)


async def test_a_process_decodes_one_image_and_the_next_one_waits() -> None:
    decoders = DecoderPool(ImageInput.kind, RULES)
    await decoders.prepare()
    ours = os.getpid()
    first = started(ours, "decoder_process.py")
    assert isinstance((await decoders.decode(image(), LIMITS, 20)).written, bytes)
    second = started(ours, "decoder_process.py")
    assert first != second
    assert not first.alive
    decoders.close()
    assert left_of([second]) == []


async def test_one_that_ended_while_it_waited_is_no_images_fault() -> None:
    decoders = DecoderPool(ImageInput.kind, RULES)
    await decoders.prepare()
    waiting = started(os.getpid(), "decoder_process.py")
    os.kill(waiting.pid, 9)
    assert isinstance((await decoders.decode(image(), LIMITS, 20)).written, bytes)
    decoders.close()


@pytest.mark.parametrize("number", [9, 15])
async def test_one_that_was_killed_when_it_was_ready_is_no_images_fault(number: int) -> None:
    decoders = DecoderPool(ImageInput.kind, RULES)
    await decoders.prepare()
    waiting = started(os.getpid(), "decoder_process.py")
    spare = decoders._spare
    assert spare is not None
    # It has reported that it is ready, and the report was not read.
    assert select.select([spare._stdout], [], [], 60)[0]
    os.kill(waiting.pid, number)
    assert isinstance((await decoders.decode(image(), LIMITS, 20)).written, bytes)
    decoders.close()


@pytest.mark.parametrize("given", ["", "P", "Pxxxx", "M"])
async def test_one_that_is_killed_while_it_decodes_is_tried_once_more(
    program: Callable[[str], None], tmp_path: Path, given: str
) -> None:
    real = Path(module.__file__).with_name("decoder_process.py")
    once = tmp_path / "once"
    program(
        f"if os.path.exists({str(once)!r}):\n"
        f"    sys.path[:0] = [{str(real.parent)!r}]\n    import decoder_process as program\n"
        "    program.main()\n    os._exit(0)\n"
        f"os.write(1, b'+')\nos.read(0, 1)\nopen({str(once)!r}, 'w').close()\n"
        f"os.write(1, {given.encode()!r})\nos.kill(os.getpid(), 9)\n"
    )
    assert isinstance(await of(image()), bytes)
    assert once.exists()


@pytest.fixture
def oom_counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the kernel's file that counts out-of-memory kills."""
    counter = tmp_path / "memory.events"
    counter.write_text("oom 7\noom_kill 3\n")
    monkeypatch.setattr(oom_kills, "_COUNTERS", (tmp_path / "absent", counter))
    return counter


@pytest.mark.parametrize("number", [9, 15])
async def test_one_that_the_kernel_or_an_operator_kills_each_time_is_our_fault(
    program: Callable[[str], None], oom_counter: Path, number: int
) -> None:
    counted = f"open({str(oom_counter)!r}, 'w').write(f'oom_kill {{time.monotonic_ns()}}\\n')"
    program(f"os.write(1, b'+')\nos.read(0, 1)\n{counted if number == 9 else 'pass'}\nos.kill(os.getpid(), {number})")
    with pytest.raises(DecoderUnavailable, match="killed"):
        await of(image())


async def test_one_that_is_killed_each_time_where_nobody_counts_is_our_fault(
    program: Callable[[str], None], oom_counter: Path
) -> None:
    oom_counter.unlink()
    program("os.write(1, b'+')\nos.read(0, 1)\nos.kill(os.getpid(), 9)")
    with pytest.raises(DecoderUnavailable, match="killed"):
        await of(image())


@pytest.mark.usefixtures("oom_counter")
async def test_one_that_kills_itself_each_time_is_its_images_fault(program: Callable[[str], None]) -> None:
    program("os.write(1, b'+')\nos.read(0, 1)\nos.kill(os.getpid(), 9)")
    assert str(await of(image())).startswith("cannot be decoded: it crashed the decoder")


async def test_one_that_its_own_limit_killed_is_its_images_fault(program: Callable[[str], None]) -> None:
    program("os.write(1, b'+')\nwhile time.process_time() < 0.6: pass\nos.kill(os.getpid(), 9)")
    refused = await of(image(), DecodeLimits(0.5, 120, 1_000_000_000))
    assert str(refused).startswith("takes more than 0.5 s of CPU time")


def test_none_is_left_when_the_loop_has_ended() -> None:
    asyncio.run(of(image()))
    assert [one.command for one in below(os.getpid()) if "decoder_process.py" in one.command] == []


async def test_it_brings_pillow_alone_and_knows_no_secret(
    program: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUCKET_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    told = tmp_path / "told.json"
    real = Path(module.__file__).with_name("decoder_process.py")
    program(
        f"sys.path[:0] = [{str(real.parent)!r}]\nimport decoder_process, json\n"
        "bound = decoder_process._apply_limits\n"
        "def noted(request):\n"
        f"    with open({str(told)!r}, 'w') as out:\n"
        "        json.dump({'environment': dict(os.environ), 'modules': sorted({n.split('.')[0] for n in sys.modules}),"
        " 'folder': os.getcwd(), 'files': sorted(os.listdir('/proc/self/fd'))}, out)\n"
        "    bound(request)\n"
        "decoder_process._apply_limits = noted\ndecoder_process.main()\n"
    )
    assert isinstance(await of(image()), bytes)
    seen = json.loads(told.read_text())
    assert set(seen["environment"]) <= {"LC_CTYPE", "LD_LIBRARY_PATH"}
    ours = {"comfy2runpod_contract", "comfy2runpod_runtime", "PIL", "decoder_process"}
    assert {name for name in seen["modules"] if name not in sys.stdlib_module_names and name != "__main__"} <= ours
    assert "asyncio" not in seen["modules"]
    assert seen["folder"] == "/"
    # In, nothing, errors, the answer; and this test's file and listing.
    assert len(seen["files"]) <= 6


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os.write(1, b'+')\nwhile True: pass", "takes longer than 2 s"),
        ("os.write(1, b'+')\ntime.sleep(600)", "takes longer than 2 s"),
        # Deaf from the first byte: what it is given is more than a pipe holds.
        ("import signal\nsignal.pthread_sigmask(0, range(1, 65))\nos.write(1, b'+')\ntime.sleep(600)", "longer than 2"),
        ("os.write(1, b'+')\nwhile True: os.write(1, b'x' * 65536)", "cannot be decoded"),
        ("os.write(1, b'+')\nos._exit(0)", "cannot be decoded"),
        ("os.write(1, b'+')\nos.kill(os.getpid(), 11)", "cannot be decoded"),
        ("sys.stdin.close()\nos.close(0)\nos.write(1, b'+')\nos._exit(0)", "cannot be decoded"),
        ("os.write(1, b'+P' + bytes(8))", "cannot be decoded"),
        ("os.write(1, b'+P' + bytes(7) + b'\\x09' + b'no PNG at')", "cannot be decoded"),
        ("os.write(1, b'+M')", "needs more than 1000 MB of memory"),
        ("os.write(1, b'+Rhas ' + b'x' * 9000)", "has xxx"),
        # A child that keeps the answer open when its parent has ended.
        ("os.write(1, b'+')\nif os.fork() == 0: time.sleep(600)\nos._exit(1)", "takes longer than 2 s"),
    ],
)
async def test_one_that_goes_wrong_costs_its_image(program: Callable[[str], None], code: str, reason: str) -> None:
    program(code)
    before = below(os.getpid())
    files = len(list(Path("/proc/self/fd").iterdir()))
    refused = await of(image((4000, 900)) * 20, DecodeLimits(20, 2, 1_000_000_000))
    assert isinstance(refused, MediaRefused)
    assert reason in str(refused)
    assert len(str(refused)) <= 400
    started = [one for one in below(os.getpid()) if one not in before]
    # The next one waits already, or has ended as this one did.
    assert len(started) <= 1
    assert len(list(Path("/proc/self/fd").iterdir())) <= files + 2 + 1


@pytest.mark.parametrize("code", ["os._exit(1)", "raise SystemExit", "os.write(1, b'?')\ntime.sleep(600)"])
async def test_one_that_does_not_start_is_our_fault_and_not_the_images(
    program: Callable[[str], None], code: str
) -> None:
    program(code)
    with pytest.raises(DecoderUnavailable):
        await of(image())


async def test_computing_and_memory_are_bounded_by_the_kernel() -> None:
    from tests.faults.media import scans  # noqa: PLC0415 - with numpy

    began = time.process_time()
    large = ImageInput(max_bytes=20_000_000, max_pixels=32_000_000, max_aspect=50, formats=("jpeg",))
    found = await DecoderPool(ImageInput.kind, RULES).decode(scans(5600, 5600, 490), large, 1)
    assert str(found.written).startswith("takes more than 1 s of CPU time")
    assert found.cpu_seconds < 4
    # Nothing of it is ours.
    assert time.process_time() - began < 10
    # As small as no image of this size fits into.
    small = DecodeLimits(20, 120, 30_000_000)
    assert isinstance(await of(image((2000, 2000)), small), MediaRefused)


async def test_a_job_that_is_stopped_stops_its_decoder(program: Callable[[str], None]) -> None:
    program("os.write(1, b'+')\ntime.sleep(600)")
    before = below(os.getpid())
    task = asyncio.create_task(of(image()))
    await asyncio.sleep(0.5)
    started = below(os.getpid()) - before
    assert started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left_of(started) == []


async def test_many_images_at_once_are_decoded_by_few_processes() -> None:
    decoders, most = DecoderPool(ImageInput.kind, RULES), 0
    tasks = [asyncio.create_task(decoders.decode(image((900, 900)), LIMITS, 20)) for _ in range(12)]
    while not all(task.done() for task in tasks):
        most = max(most, sum("decoder_process.py" in one.command for one in below(os.getpid())))
        await asyncio.sleep(0.01)
    assert all(isinstance(task.result().written, bytes) for task in tasks)
    # Four at work, and one that waits.
    assert most <= 5
    decoders.close()


class Many(BaseModel):
    """A request of several images."""

    a: Annotated[str, LIMITS]
    b: Annotated[str, LIMITS]
    c: Annotated[str, LIMITS]
    d: Annotated[str, LIMITS]


def many(*images: bytes) -> Many:
    return Many(**dict(zip("abcd", (base64.b64encode(one).decode() for one in images), strict=True)))


TAKE = MediaInputLimits(20_000_000, FetchPolicy(5))


async def test_all_images_of_a_request_are_decoded_and_all_faults_reported() -> None:
    decoders = DecoderPool(ImageInput.kind, RULES)
    taken = await load_media(many(*[image()] * 4), TAKE, [decoders])
    assert list(taken) == ["a", "b", "c", "d"]
    with pytest.raises(InvalidInput) as refused:
        await load_media(many(image(), b"GIF89a", image(), b""), TAKE, [decoders])
    assert [fault.field for fault in refused.value.details] == ["b", "d"]
    decoders.close()


async def test_a_request_whose_image_costs_too_much_costs_no_more(program: Callable[[str], None]) -> None:
    # Each would take its whole time; two are at work at once, and the first that is given up ends all.
    program("os.write(1, b'+')\nwhile True: pass")
    began = time.monotonic()
    with pytest.raises(InvalidInput) as refused:
        await load_media(many(*[image()] * 4), TAKE, [DecoderPool(ImageInput.kind, DecodeLimits(60, 3, 1_000_000_000))])
    assert 1 <= len(refused.value.details) <= 2
    assert "takes longer than 3 s" in str(refused.value)
    assert time.monotonic() - began < 3 * 2 + 20
    await asyncio.sleep(0)


async def test_images_of_a_request_share_their_computing_time(program: Callable[[str], None]) -> None:
    # Each takes a good second of the two that it may; together they may take four, and the last gets none.
    program(
        "os.write(1, b'+')\nwhile time.process_time() < 1.4: pass\n"
        "os.write(1, b'Ris not taken, in the end')\nos._exit(0)"
    )
    with pytest.raises(InvalidInput) as refused:
        await load_media(
            many(*[image()] * 4), TAKE, [DecoderPool(ImageInput.kind, DecodeLimits(2, 120, 1_000_000_000))]
        )
    assert "more than 4 s of CPU time to decode, together" in str(refused.value)
