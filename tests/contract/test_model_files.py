"""Where a model file may be placed: the one rule of compiling and provisioning."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.folders import INPUT_FOLDERS
from comfy2runpod_contract.model_files import (
    CODE_ENDINGS,
    MODEL_FOLDERS,
    RESERVED_FOLDERS,
    ModelPlaceRefused,
    conflicting_files,
    is_folder,
    model_place,
)
from comfy2runpod_contract.texts import is_plain

GOOD = (
    ("checkpoints", "base.safetensors", "checkpoints/base.safetensors"),
    ("checkpoints", "LTX/foo.safetensors", "checkpoints/LTX/foo.safetensors"),
    ("checkpoints/SDXL", "base v1 (final).ckpt", "checkpoints/SDXL/base v1 (final).ckpt"),
    ("clip", "模型.pth", "clip/模型.pth"),
    ("unet", "a..b.gguf", "unet/a..b.gguf"),
    ("ultralytics", "bbox/face_yolov8m.pt", "ultralytics/bbox/face_yolov8m.pt"),
)
BAD_DIRECTORIES = (
    "", "custom_nodes", "Custom_Nodes", "custom_nodes/pack", "..", "../models", "checkpoints/..", "checkpoints/../..",
    "/etc", "//etc", "~/x", "C:/x", "C:\\x", "checkpoints\\SDXL", "checkpoints/", "checkpoints//x", "./checkpoints",
    "checkpoints/.hidden", " checkpoints", "checkpoints ", "nonsense", "diffusion_models$(id)", "loras`id`",
    "loras\n  evil: x", "loras\0", "loras\u202e", "loras\ud800", "input", "output", "base_path", "is_default",
    "checkpoints/" + "x" * 300, "checkpoints" + "/x" * 50, "CHECKPOINTS",
)  # fmt: skip
BAD_FILES = (
    "", ".", "..", "../foo.safetensors", "/etc/passwd", "LTX\\foo.safetensors", "a/../b.safetensors", "a//b", "x.py",
    "x.PY", "nodes/__init__.py", "x.pyc", "lib.so", "run.sh", ".foo.checked", "foo.safetensors.part", "foo.", "foo ",
    " foo", "a\nb", "a\0b", "a\x1b[2Jb", "a\u202eb", "a\ud800b", "é" * 200, "C:evil.safetensors",
)  # fmt: skip


@pytest.mark.parametrize(("directory", "file", "path"), GOOD)
def test_a_model_lies_in_a_model_folder_or_below_one(directory: str, file: str, path: str) -> None:
    place = model_place(directory, file, ["ultralytics"])
    assert (place.path, place.folder) == (path, directory.partition("/")[0])


@pytest.mark.parametrize("directory", BAD_DIRECTORIES, ids=ascii)
def test_no_other_folder_is_one(directory: str) -> None:
    with pytest.raises(ModelPlaceRefused):
        model_place(directory, "x.safetensors")


@pytest.mark.parametrize("directory", BAD_DIRECTORIES, ids=ascii)
def test_a_catalog_that_names_it_makes_no_place_outside(directory: str) -> None:
    if directory in MODEL_FOLDERS or not is_folder(directory):
        with pytest.raises(ModelPlaceRefused):
            model_place(directory, "x.safetensors", [directory])


@pytest.mark.parametrize("file", BAD_FILES, ids=ascii)
def test_no_other_file_is_a_model(file: str) -> None:
    with pytest.raises(ModelPlaceRefused):
        model_place("checkpoints", file)


@pytest.mark.parametrize("ending", sorted(CODE_ENDINGS))
def test_programs_are_no_models(ending: str) -> None:
    with pytest.raises(ModelPlaceRefused, match="program"):
        model_place("checkpoints", f"model{ending.upper()}")


names = st.text(st.sampled_from("ab.~/\\ :$`'\"\n\0\x1b\u202e\ud800é") | st.characters(), max_size=12)


@given(names, names, st.lists(names, max_size=3))
def test_what_is_taken_lies_inside_whatever_is_asked_for(directory: str, file: str, folders: list[str]) -> None:
    for at, name in ((directory, file), (f"checkpoints/{directory}", file), ("checkpoints", file)):
        try:
            place = model_place(at, name, folders)
        except ModelPlaceRefused:
            continue
        assert posixpath.normpath(f"/m/{place.path}") == f"/m/{place.path}"
        assert place.path.startswith(f"{place.folder}/")
        assert place.folder.casefold() not in RESERVED_FOLDERS
        assert is_plain(place.path)
        place.path.encode()


def test_every_folder_of_the_shipped_catalog_is_known() -> None:
    assert load_catalog().folders() - INPUT_FOLDERS <= MODEL_FOLDERS


def _at_odds(*files: str | tuple[str, ...]) -> tuple[int, int] | None:
    """Of files, each a path below `loras`, with a URL and a hash or ones of its own."""
    told = ((file, file, None) if isinstance(file, str) else (*file, None, None)[:3] for file in files)
    return conflicting_files((model_place("loras", str(path)), str(url or ""), sha256) for path, url, sha256 in told)


@pytest.mark.parametrize(
    "files",
    [
        ("a.bin", "a.bin/b.bin"),
        ("a.bin/b/c.bin", "a.bin"),
        ("SDXL/a.bin", ("sdxl/A.bin", "other")),
        (("a.bin", "one"), ("a.bin", "other")),
        (("a.bin", "one", "1"), ("a.bin", "one", "2")),
        (("caf\u00e9.bin", "one"), ("cafe\u0301.bin", "other")),
        (("a.bin", ""), ("a.bin/b.bin", "")),
    ],
)
def test_two_files_that_need_one_place_are_at_odds(files: tuple[str | tuple[str, ...], ...]) -> None:
    assert _at_odds("first.bin", *files) == (1, 2)


@pytest.mark.parametrize(
    "files",
    [
        (),
        ("a.bin", "b.bin", "sub/a.bin", "sub/b.bin", "a.bin2/c.bin"),
        (("a.bin", "one"), ("a.bin", "one"), ("A.bin", "one", "1")),
        (("a.bin", ""), ("a.bin", "one")),
    ],
)
def test_files_that_can_all_lie_there_are_not(files: tuple[str | tuple[str, ...], ...]) -> None:
    assert _at_odds(*files) is None


@given(
    st.lists(st.tuples(st.lists(st.sampled_from("abAB"), min_size=1, max_size=3), st.sampled_from("xy")), max_size=6)
)
def test_what_is_not_at_odds_can_be_written(files: list[tuple[list[str], str]]) -> None:
    """Onto a volume that does not tell capitals apart."""
    disk: dict[str, str | None] = {}
    good = True
    for path, url in files:
        parts = "/".join(("loras", *path)).casefold().split("/")
        for folder in ("/".join(parts[:end]) for end in range(1, len(parts))):
            good &= disk.setdefault(folder, None) is None
        good &= disk.setdefault("/".join(parts), url) == url
    placed = ((model_place("loras", "/".join(path)), url, None) for path, url in files)
    assert (conflicting_files(placed) is None) == good
