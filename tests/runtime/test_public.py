"""The runtime's public names."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import comfy2runpod_runtime
from comfy2runpod_runtime import JobFailed, errors, round_down, round_up, set_member
from comfy2runpod_runtime.errors import SettingsError, caller_safe
from comfy2runpod_runtime.inputs.file_input import DecodeLimits, InputKind
from comfy2runpod_runtime.inputs.kinds import KINDS
from comfy2runpod_runtime.settings import Settings, with_kinds


def test_every_public_name_is_there() -> None:
    for name in comfy2runpod_runtime.__all__:
        assert getattr(comfy2runpod_runtime, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        importlib.import_module("comfy2runpod_runtime").Nothing  # noqa: B018 - the access is the test


def test_importing_it_loads_no_heavy_library() -> None:
    code = "import sys, comfy2runpod_runtime; print({'av', 'httpx', 'PIL', 'runpod', 'websocket'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_every_error_has_a_code_of_its_own_and_stands_in_the_tree() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, JobFailed)]
    # A kind without a code of its own is one of its parent's, told apart only inside the worker.
    own = [kind for kind in kinds if kind is not JobFailed and "fault" in vars(kind)]
    codes = {kind.fault.value.code for kind in own}
    assert own
    assert len(codes) == len(own)
    assert errors.__doc__ is not None
    assert all(f" {kind.__name__} " in errors.__doc__ for kind in kinds if kind is not JobFailed)


def test_a_setting_that_is_empty_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYUI_URL", "")
    monkeypatch.setenv("COMFYUI_PORT", "")
    assert (Settings.read().comfyui_url, Settings.read().comfyui_port) == (None, 8188)


@pytest.mark.parametrize("kind", [one.kind for one in KINDS], ids=lambda kind: kind.name)
def test_each_kind_of_file_has_its_own_limits_of_decoding(kind: InputKind, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [one.kind for one in KINDS if one.kind is not kind]
    assert Settings.read().decode_limits(kind) == kind.decode_limits
    for name, value in {"CPU_SECONDS": 7, "TIMEOUT_SECONDS": 8.5, "MEMORY_BYTES": 300_000_000}.items():
        monkeypatch.setenv(f"DECODE_{kind.name.upper()}_{name}", str(value))
    settings = Settings.read()
    assert settings.decode_limits(kind) == DecodeLimits(cpu_seconds=7, seconds=8.5, memory_bytes=300_000_000)
    assert [settings.decode_limits(one) for one in others] == [one.decode_limits for one in others]
    monkeypatch.setenv(f"DECODE_{kind.name.upper()}_MEMORY_BYTES", "1000")
    with pytest.raises(SettingsError, match=rf": DECODE_{kind.name.upper()}_MEMORY_BYTES: .* 200000000\.$"):
        Settings.read()


@pytest.mark.parametrize(("place", "what"), [("PAGE", "table"), ("DATA", "data")])
def test_what_is_said_of_the_settings_is_what_they_are(place: str, what: str) -> None:
    root = Path(__file__).parents[2]
    script = f"import settings_table as said; print(said.{place}); print(said.{what}(), end='')"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=root / "scripts", capture_output=True, text=True, check=True)
    file, _, made = done.stdout.partition("\n")
    assert Path(file).read_text("utf-8") == made, "run `make settings`"


def test_every_setting_is_described() -> None:
    assert all(field.description for field in with_kinds().model_fields.values())


@pytest.mark.parametrize(("value", "up", "down"), [(64, 64, 64), (65, 128, 64), (127, 128, 64), (1, 64, 0)])
def test_rounding(value: int, up: int, down: int) -> None:
    assert (round_up(value, 64), round_down(value, 64)) == (up, down)


def test_a_member_is_written_only_into_an_object() -> None:
    with pytest.raises(comfy2runpod_runtime.PackageError, match="crop holds no object to write width into"):
        set_member({"crop": 5}, "crop", "width", 64)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("No such file: '/opt/comfyui/models/x.pt'", "No such file: 'x.pt'"),
        ("see https://example.com/a/b for help", "see https://example.com/a/b for help"),
        ("checkpoints/sdxl/x.pt is missing", "checkpoints/sdxl/x.pt is missing"),
        (r"cannot open C:\Users\me\x.pt", "cannot open x.pt"),
        ("1/2 of\nthe work", "1/2 of the work"),
    ],
)
def test_a_foreign_message_loses_its_folders_and_keeps_its_sense(said: str, shown: str) -> None:
    assert caller_safe(said) == shown
