"""Emitted packages under the tools of each language, and with texts that try to break out of their quotes."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from openapi_spec_validator import validate
from PIL import Image

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.fields import (
    BooleanField,
    ChoiceField,
    ImageField,
    IntegerField,
    NumberField,
    SeedField,
    Target,
    TextField,
)
from comfy2runpod.ir.interface import Interface, Removal, Rewrite, RunpodSettings, Variant
from comfy2runpod.ir.prompt import PromptNode
from comfy2runpod.outputs import AudioOutput, ImageOutput
from comfy2runpod.pipeline import Options, compile_graph
from comfy2runpod.quoting import plain
from comfy2runpod.stages.emit import emit
from comfy2runpod.write import write_package
from comfy2runpod_contract.texts import one_line

ROOT = Path(__file__).parents[2]
NASTY = 'a "quoted" \'text\' \\ with """ and */ and ${{ github.token }} and $(id) and </script>\n and `é` \u2028 end\\'


def common(name: str, *targets: Target) -> dict[str, object]:
    return {"name": name, "title": NASTY, "description": NASTY, "required": False, "targets": targets}


def saved(name: str, node_id: str, class_type: str) -> dict[str, object]:
    texts = {"name": name, "title": NASTY, "description": NASTY}
    return {**texts, "node_id": node_id, "class_type": class_type, "prefix_input": "filename_prefix"}


def interface() -> Interface:
    """One of every kind of field, two outputs, and a nasty text wherever a text may stand."""
    fields = (
        TextField(
            **common("text", Target("1", "Text", NASTY, "text")),
            default=NASTY,
            min_length=0,
            max_length=9999,
            multiline=True,
        ),
        IntegerField(
            **common("size", Target("2", "Size", NASTY, "box", "width", "round_up(value, 8)")),
            default=64,
            minimum=8,
            maximum=512,
            multiple_of=8,
        ),
        IntegerField(
            **common("frames", Target("2", "Size", "t", "frames")),
            default=9,
            minimum=1,
            maximum=97,
            multiple_of=8,
            offset=1,
        ),
        NumberField(**common("strength", Target("3", "Mix", "t", "strength")), default=0.5, minimum=0.0, maximum=None),
        ChoiceField(**common("method", Target("3", "Mix", "t", "method")), default=NASTY, choices=("plain", NASTY)),
        BooleanField(**common("loop", Target("3", "Mix", "t", "loop")), default=True),
        SeedField(**common("seed", Target("4", "RandomNoise", "t", "noise_seed")), minimum=0, maximum=2**64 - 1),
        ImageField(
            **{**common("image", Target("7", "LoadImage", NASTY, "image")), "required": True},
            max_bytes=5_000_000,
            max_pixels=2_500_000,
            max_aspect=12.5,
            formats=("png",),
        ),
        ImageField(
            **common("second", Target("8", "LoadImage", NASTY, "image")),
            max_bytes=5_000_000,
            max_pixels=2_500_000,
            max_aspect=50,
            formats=("png", "webp"),
        ),
    )
    outputs = (
        ImageOutput(**saved("front_view", "5", "SaveImage"), media_type="image/png", many=True),
        AudioOutput(**saved("sound", "6", "SaveAudioMP3"), media_type="audio/mpeg", many=False),
    )
    return Interface(
        name="nasty",
        title=NASTY,
        description=NASTY,
        source="nasty.json",
        comfyui_version="0.21.0",
        comfyui_commit="0" * 40,
        fields=fields,
        outputs=outputs,
        models=(),
        runpod=RunpodSettings(("ADA_24",), 20, 600),
    )


VARIANTS = (
    Variant(
        ("second",),
        (
            Rewrite("3", "Mix", NASTY, "with", ["7", 0]),
            Rewrite("3", "Mix", NASTY, NASTY, {NASTY: [NASTY, None]}),
            Rewrite("3", "Mix", NASTY, "mask", None, gone=True),
        ),
        (Removal("8", NASTY, NASTY),),
    ),
)


PROMPT = {
    "1": PromptNode("Text", {"text": ""}, NASTY),
    "2": PromptNode("Size", {"box": {"width": 8, "height": 8}, "frames": 9}, "Size"),
    "3": PromptNode(
        "Mix", {"strength": 0.1, "method": "plain", "loop": False, "with": ["8", 0], "mask": ["8", 1]}, "Mix"
    ),
    "4": PromptNode("RandomNoise", {"noise_seed": 0}, "Noise"),
    "5": PromptNode("SaveImage", {"filename_prefix": "x"}, "Save"),
    "6": PromptNode("SaveAudioMP3", {"filename_prefix": "x"}, "Save"),
    "7": PromptNode("LoadImage", {"image": "cat.png"}, "Load"),
    "8": PromptNode("LoadImage", {"image": "dog.png"}, "Load"),
}


@pytest.fixture(scope="module", params=["t2v_ltx2", "nasty"])
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("packages") / str(request.param)
    if request.param == "nasty":
        files = emit(interface(), PROMPT, VARIANTS)
    else:
        graph = ROOT / "graphs" / "t2v_ltx2.json"
        files = dict(compile_graph(graph.read_bytes(), graph.name, load_catalog(), Options()).files)
    write_package(files, folder)
    return folder


def tool(*command: str | Path, folder: Path) -> None:
    bin_folder = Path(sys.executable).parent
    done = subprocess.run(
        [str(bin_folder / command[0]), *map(str, command[1:])], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_python_is_formatted_and_lints_clean(package: Path) -> None:
    rules = "E,F,I,UP,B,D1,PIE,SIM,RET"
    options = ("--isolated", "--no-cache", "--line-length", "120", "--target-version", "py311")
    tool("ruff", "check", *options, "--select", rules, "--ignore", "D107,E501", ".", folder=package)
    if package.name == "t2v_ltx2":
        tool("ruff", "format", "--isolated", "--no-cache", "--line-length", "120", "--check", ".", folder=package)


@pytest.mark.slow
def test_python_is_strictly_typed(package: Path) -> None:
    tool("python", ROOT / "scripts" / "check_generated.py", package, folder=ROOT)


def test_openapi_is_valid(package: Path) -> None:
    validate(json.loads((package / "docs" / "openapi.json").read_text()))


def test_no_text_ends_the_page_or_its_code(package: Path) -> None:
    page = (package / "docs" / "index.html").read_text()
    assert page.count("</script>") == 2
    assert "${{ github.token }} and $(id)" not in (package / ".github/workflows/docker-build.yml").read_text()


def test_no_text_ends_the_code_in_the_page_of_calls() -> None:
    nasty = interface()
    required = tuple(replace(field, required=not isinstance(field, SeedField)) for field in nasty.fields)
    files = emit(replace(nasty, fields=required), PROMPT, ())
    page, taken = files["docs/API.md"], json.loads(files["test_input.json"])
    assert taken["input"]["text"] == taken["input"]["method"] == NASTY
    called = {**taken["input"], **dict.fromkeys(("image", "second"), "https://example.com/image.png")}
    assert len(re.findall(r"^```", page, re.MULTILINE)) == 2 * len(re.findall(r"^```\w+$", page, re.MULTILINE))
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (request,) = [node.value for node in ast.parse(code).body if isinstance(node, ast.Assign)]
    assert ast.literal_eval(request) == called
    submit, *_ = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    words = shlex.split(submit, comments=True)
    assert json.loads(words[words.index("-d") + 1]) == taken
    (line,) = re.findall(r"such as `(.*)`\.$", page, re.MULTILINE)
    (expression,) = re.findall(r"^{{ JSON\.stringify\((.*)\) }}$", line)
    assert "`" not in line
    assert "}}" not in expression
    assert json.loads(expression)["input"] == called


def test_what_is_pinned_is_pinned_by_hash(package: Path) -> None:
    locks = sorted((package / "image").glob("*.lock"))
    assert {"worker.lock", "comfyui.lock", "torch.lock"} <= {lock.name for lock in locks}
    for lock in (package / "requirements.txt", *locks):
        text = lock.read_text()
        assert 1 <= text.count("==") <= text.count("--hash=sha256:"), lock
        assert "index-url" not in text
    assert "torch" not in (package / "image" / "worker.lock").read_text()


def test_what_installs_packages_lints_clean(package: Path) -> None:
    tool("shellcheck", "install.sh", folder=package / "image")


SCRIPT = """
import json, sys
from schema import Input
from patch import patch
from comfy2runpod_runtime import Run
prompt = json.load(open("workflow_api.json"))
files = {"image": "ours.png", "second": "ours_too.png"}
patch(prompt, Input(**json.load(sys.stdin)), Run(prompt_id="p", seeds={"seed": 7}, files=files))
print(json.dumps(prompt))
"""


def patched(folder: Path, **more: object) -> dict[str, object]:
    """The inputs of the nodes that the nasty package's patch code makes, by id."""
    write_package(emit(interface(), PROMPT, VARIANTS), folder)
    request = {"text": "hello", "size": 16, "frames": 17, "strength": 2.0, "method": "plain", "loop": False, **more}
    request["image"] = "iVBORw0KGgo="
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(request),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {node_id: node["inputs"] for node_id, node in json.loads(done.stdout).items()}


def test_patch_writes_every_target_and_nothing_else(tmp_path: Path) -> None:
    assert patched(tmp_path / "nasty", second="iVBORw0KGgo=") == {
        "1": {"text": "hello"},
        "2": {"box": {"width": 16, "height": 8}, "frames": 17},
        "3": {"strength": 2.0, "method": "plain", "loop": False, "with": ["8", 0], "mask": ["8", 1]},
        "4": {"noise_seed": 7},
        "5": {"filename_prefix": "comfy2runpod/p/front_view"},
        "6": {"filename_prefix": "comfy2runpod/p/sound"},
        "7": {"image": "ours.png"},
        "8": {"image": "ours_too.png"},
    }


@pytest.mark.parametrize("nothing", [{}, {"second": None}])
def test_patch_takes_out_what_an_image_that_is_omitted_leaves(tmp_path: Path, nothing: dict[str, object]) -> None:
    inputs = patched(tmp_path / "nasty", **nothing)
    rest = {"strength": 2.0, "method": "plain", "loop": False}
    assert inputs["3"] == {**rest, "with": ["7", 0], NASTY: {NASTY: [NASTY, None]}}
    assert "8" not in inputs


def test_an_images_limits_stand_in_every_schema() -> None:
    files = emit(interface(), PROMPT, VARIANTS)
    said = {
        "x-media": "image",
        "x-formats": ["png"],
        "x-max-bytes": 5_000_000,
        "x-max-pixels": 2_500_000,
        "x-max-aspect": 12.5,
    }
    of_docs = json.loads(files["docs/input.schema.json"])["properties"]["image"]
    of_openapi = json.loads(files["docs/openapi.json"])["components"]["schemas"]["Input"]["properties"]["image"]
    assert plain(of_openapi.pop("description")) == one_line(of_docs.pop("description"))
    assert of_docs == of_openapi
    assert said.items() <= of_docs.items()
    for name in ("docs/API.md", "docs/index.html"):
        assert "PNG, at most 5 MB, 2.5 megapixels and sides of 12.5:1" in files[name]
    # The clients check by the schema itself.
    of_python = json.loads(files["clients/python/nasty_client/input.schema.json"])["properties"]["image"]
    source = files["clients/typescript/src/input_schema.ts"]
    of_typescript = json.loads(json.loads(source[source.index("=\n") + 1 : source.rindex(";")]))["properties"]["image"]
    assert said.items() <= of_python.items()
    assert of_python == of_typescript


def test_the_model_itself_tells_the_same_schema(tmp_path: Path) -> None:
    write_package(emit(interface(), PROMPT, VARIANTS), tmp_path / "nasty")
    script = "import json; from schema import Input; print(json.dumps(Input.model_json_schema()['properties']))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path / "nasty", capture_output=True, text=True, check=True
    )
    said = json.loads((tmp_path / "nasty" / "docs" / "input.schema.json").read_text())["properties"]["image"]
    assert json.loads(done.stdout)["image"].items() >= said.items()


def test_the_example_image_is_a_whole_png_and_always_the_same() -> None:
    text = json.loads(emit(interface(), PROMPT, VARIANTS)["test_input.json"])["input"]["image"]
    with Image.open(BytesIO(base64.b64decode(text))) as image:
        image.load()
        assert (image.format, image.size, image.getextrema()) == ("PNG", (32, 32), (0, 255))
    digest = hashlib.sha256(base64.b64decode(text)).hexdigest()
    assert digest == "466d0caacd58860dc59a661e39e456d92a6d5816b063350ddea30d62eba2ecd6"


def test_emitting_twice_gives_the_same_bytes() -> None:
    assert emit(interface(), PROMPT, VARIANTS) == emit(interface(), PROMPT, VARIANTS)
