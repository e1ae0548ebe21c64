"""The one rule of where a model file may lie, which compiling and provisioning ask."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.node_facts import INPUT_FOLDERS
from comfy2runpod_contract.model_files import (
    CODE_ENDINGS,
    MODEL_FOLDERS,
    RESERVED_FOLDERS,
    ModelPlaceRefused,
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
