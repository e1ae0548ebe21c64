"""What a package's image has beside ComfyUI and the worker: by its nodes, and by the note's `image`."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.image_variables import COMFYUI_ARGUMENTS, allowed_variables
from comfy2runpod.pipeline import CompileResult, Options, compile_graph
from comfy2runpod.worker_settings import worker_settings

from .test_package import tool

ROOT = Path(__file__).parents[2]
TORCH_COMPILE = Path(__file__).with_name("torch_compile.json")


def compiled(
    note: str | None = None, *, backend: str | None = None, allowed: bool = True, **files: bytes | str
) -> CompileResult:
    """The package of the graph with TorchCompileModel, or of the same with another value at it, or a note.

    `files` are those beside the graph, by their name; `allowed` is whether the note may put something into the image.
    """
    options = Options(allow_image_additions=allowed)
    graph = json.loads(TORCH_COMPILE.read_text())
    (node,) = [node for node in graph["nodes"] if node["type"] == "TorchCompileModel"]
    if backend is not None:
        node["widgets_values"] = [backend]
    if note is not None:
        place = {"pos": [0, 0], "size": [1, 1], "flags": {}, "order": 0, "mode": 0, "properties": {}}
        note_node = {"id": 900, "type": "Note", "title": "comfy2runpod", "widgets_values": [note], **place}
        graph["nodes"].append({**note_node, "inputs": [], "outputs": []})
    return compile_graph(json.dumps(graph).encode(), "torch_compile.json", load_catalog(), options, files=files)


def packages(result: CompileResult) -> list[str]:
    """The Debian packages that the Dockerfile installs."""
    found = re.search(r"--no-install-recommends ([^\\]*)\\$", str(result.files["Dockerfile"]), re.MULTILINE)
    return found[1].split() if found else []


def test_a_node_that_compiles_brings_a_compiler_into_the_image() -> None:
    result = compiled(backend="inductor")
    assert packages(result) == ["gcc", "libc6-dev"]
    assert "image-lacks" not in {one.code for one in result.diagnostics}


def test_a_node_that_compiles_nothing_brings_none() -> None:
    result = compiled(backend="cudagraphs")
    assert packages(result) == []
    assert "apt-get" not in str(result.files["Dockerfile"])


def test_the_note_names_packages_and_variables() -> None:
    note = "image:\n  apt: [libgl1, ffmpeg, libgl1]\n  environment: {WARMUP: 'on', CUBLAS_WORKSPACE_CONFIG: ':16:8'}\n"
    result = compiled(note, backend="cudagraphs")
    assert packages(result) == ["ffmpeg", "libgl1"]
    dockerfile = str(result.files["Dockerfile"])
    assert 'ENV CUBLAS_WORKSPACE_CONFIG=":16:8"\nENV WARMUP="on"\n' in dockerfile
    assert "attention.lock" not in dockerfile


ALLOWED = {
    "COMFYUI_ARGS": ["--lowvram --reserve-vram 1.5 --fast fp16_accumulation cublas_ops --cache-lru 5", "--fast"],
    "JOB_TIMEOUT_SECONDS": ["90", "0.5", "604800"],
    "OMP_NUM_THREADS": ["1", "64"],
    "OUTPUT_FORMAT": ["webp"],
    "OUTPUT_QUALITY": ["1", "100"],
    "PREVIEW_SECONDS": ["0"],
    "PYTORCH_CUDA_ALLOC_CONF": ["expandable_segments:True,max_split_size_mb:256", "backend:native"],
    "WARMUP": ["on", "off"],
}
REFUSED = {
    "COMFYUI_ARGS": [
        "--listen", "--listen 0.0.0.0", "--extra-model-paths-config /app/files/x", "--front-end-root /app/files",
        "--base-directory /tmp", "--output-directory=/tmp", "--lowvram --listen", "--reserve-vram", "--reserve-vram x",
        "--reserve-vram --listen", "--reserve-vram=1", "--cache-lru 1.5", "--fast --port 1", "--fast all", "--lowv",
        "--lowvram 1", "lowvram", "--lowvram\t--listen", "'--lowvram'", "--lowvram #", "--cpu", "--use-sage-attention",
        "--enable-cors-header", "--comfy-api-base http://x", "--database-url x", "--disable-metadata", "--fast x" * 500,
    ],
    "JOB_TIMEOUT_SECONDS": ["0", "-1", "nan", "inf", "1e3", "604801", "9" * 400, "1 ", "", "\u0661"],
    "OMP_NUM_THREADS": ["0", "1.5", "1025"],
    "OUTPUT_QUALITY": ["0", "101", "85.5"],
    "PYTORCH_CUDA_ALLOC_CONF": ["", ",", "backend:evil", "backend:native,", "a:1", "max_split_size_mb:1backend:native"],
    "WARMUP": ["/app/files/x.json", "yes"],
}  # fmt: skip


def environment(**variables: str) -> str:
    return json.dumps({"image": {"environment": variables}})


@pytest.mark.parametrize("name", ALLOWED)
def test_variables_that_tune_are_set(name: str) -> None:
    for value in ALLOWED[name]:
        result = compiled(environment(**{name: value}), backend="cudagraphs")
        assert f'ENV {name}="{value}"\n' in str(result.files["Dockerfile"])


@pytest.mark.parametrize("name", REFUSED)
def test_they_take_no_other_values(name: str) -> None:
    for value in REFUSED[name]:
        with pytest.raises(CompileError) as refused:
            compiled(environment(**{name: value}), backend="cudagraphs")
        assert [one.code for one in refused.value.diagnostics] == ["annotation-value"], value


# What a program, a library or a worker reads that leads it elsewhere, or has it load or start something.
REDIRECTING = (
    "HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "OPENSSL_CONF", "OPENSSL_MODULES", "CC", "CXX",
    "BASH_ENV", "ENV", "GCONV_PATH", "PATH", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME",
    "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONBREAKPOINT", "PYTHONINSPECT", "PYTHONPYCACHEPREFIX",
    "TRITON_CACHE_DIR", "TRITON_PTXAS_PATH", "TORCHINDUCTOR_CACHE_DIR", "TORCH_HOME", "TORCH_EXTENSIONS_DIR",
    "CUDA_HOME", "CUDA_INJECTION64_PATH", "XDG_CACHE_HOME", "TMPDIR", "NCCL_NET_PLUGIN", "RUNPOD_ENDPOINT_ID",
    "RUNPOD_WEBHOOK_GET_JOB", "AWS_ENDPOINT_URL", "MODE", "lower", "A=B", "MALLOC_CONF", "GIT_SSH_COMMAND", "IFS",
    "TZ", "LANG",
)  # fmt: skip


def refused_variables(*names: str) -> list[str | None]:
    """Which of these are refused as a deployer's, by where the error says that they stand."""
    with pytest.raises(CompileError, match="endpoint's environment variables") as refused:
        compiled(environment(**dict.fromkeys(names, "1")), backend="cudagraphs")
    assert {one.code for one in refused.value.diagnostics} == {"variable-of-the-endpoint"}
    return [one.at.input for one in refused.value.diagnostics]


def test_a_variable_of_the_deployers_is_refused_and_told_where_it_belongs() -> None:
    assert refused_variables(*REDIRECTING) == [f"image.environment.{name}" for name in sorted(REDIRECTING)]


def test_no_setting_of_the_worker_but_those_marked_is_a_graphs() -> None:
    settings = worker_settings()
    others = sorted(name for name, setting in settings.items() if not (setting.by_graph or setting.secret))
    assert refused_variables(*others) == [f"image.environment.{name}" for name in others]
    # None whose name tells that it leads somewhere, holds a secret or allows more.
    leads = re.compile(r"_(?:URL|DIR|PYTHON|KEY|KEY_ID|NAME|REGION|PREFIX|PORT|BYTES|DELIVERY)$|^FETCH_|^DECODE_|ALLOW")
    graphs = {name for name, setting in settings.items() if setting.by_graph}
    assert len(graphs) > 5
    assert not [name for name in graphs if leads.search(name)]


def test_the_page_lists_what_a_note_may_set() -> None:
    page = (ROOT / "docs" / "image.md").read_text("utf-8")
    section = page.partition("### Variables")[2].partition("\n## ")[0]
    listed = re.findall(r"`([A-Z][A-Z0-9_]+|--[a-z0-9_-]+)`", section)
    assert {*listed} >= {*allowed_variables(), *COMFYUI_ARGUMENTS}


def test_attention_is_a_lock_of_its_own_and_what_it_needs() -> None:
    note = "image: {attention: sage, environment: {COMFYUI_ARGS: --lowvram}}"
    result = compiled(note, backend="cudagraphs")
    assert re.match(r"sageattention==\S+ \\\n    --hash=sha256:", str(result.files["image/attention.lock"]))
    assert packages(result) == ["gcc", "libc6-dev"]
    dockerfile = str(result.files["Dockerfile"])
    assert 'ENV COMFYUI_ARGS="--lowvram --use-sage-attention"\n' in dockerfile
    assert "install.sh /opt/comfyui-venv /opt/package/image/attention.lock\n" in dockerfile


@pytest.mark.parametrize(
    ("name", "why"),
    [("flash", "compiled with CUDA"), ("xformers", "built for the torch"), ("best", "sage, found")],
)
def test_a_library_that_would_not_work_is_refused_with_its_reason(name: str, why: str) -> None:
    with pytest.raises(CompileError, match=why):
        compiled(f"image: {{attention: {name}}}", backend="cudagraphs")


@pytest.mark.parametrize(
    ("note", "key", "told"),
    [
        ("{files: {/app/files/x: a, /opt/comfyui/custom_nodes/evil.py: b/evil.py}}", "files",
         ["a -> /app/files/x", "b/evil.py -> /opt/comfyui/custom_nodes/evil.py"]),
        (f"{{pip: {{evil==1.0: 'sha256:{'0' * 64}', b==2: 'sha256:{'0' * 64}'}}}}", "pip", ["b==2", "evil==1.0"]),
        ("{apt: [netcat, libgl1]}", "apt", ["libgl1", "netcat"]),
    ],
)  # fmt: skip
def test_what_the_note_puts_into_the_image_takes_the_users_word(note: str, key: str, told: list[str]) -> None:
    files = {"a": b"1", "b/evil.py": b"import os"}
    with pytest.raises(CompileError, match="--allow-image-additions") as refused:
        compiled(f"image: {note}", backend="cudagraphs", allowed=False, **files)
    (fault,) = (one for one in refused.value.diagnostics if one.code == "image-additions")
    assert fault.at.input == f"image.{key}"
    assert fault.reason.split("\n")[1:] == told
    compiled(f"image: {note}", backend="cudagraphs", **files)


@pytest.mark.parametrize("name", ["ca-certificates-", "python3.", "gcc+", "a", "*", "libgl1/sid", "libgl1=1", "-o=x"])
def test_what_is_an_order_to_apt_is_no_name(name: str) -> None:
    with pytest.raises(CompileError, match="names of Debian packages"):
        compiled(f"image: {{apt: ['{name}']}}", backend="cudagraphs")


def test_names_that_debian_has_are_taken() -> None:
    names = ["g++", "libgtk2.0-0", "libstdc++6", "python3.11-minimal"]
    assert packages(compiled(f"image: {{apt: {names}}}", backend="cudagraphs")) == names


def test_what_we_ship_takes_no_word() -> None:
    result = compiled("image: {attention: sage, environment: {WARMUP: 'on'}}", backend="inductor", allowed=False)
    assert packages(result) == ["gcc", "libc6-dev"]


def wheel(folder: Path, name: str, version: str, requires: str = "") -> str:
    """A wheel with one module, in a folder; returns its sha256 as a note has it."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        file: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        for file, text in files.items()
    }
    record = "".join(f"{file},sha256={digest},{len(files[file])}\n" for file, digest in digests.items())
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(file, text)
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


HASH = f"sha256:{'0' * 64}"


def test_packages_for_comfyui_are_a_lock_of_their_own_behind_the_others() -> None:
    note = f"image: {{pip: {{Some_Thing==1.0rc1: ['{HASH}', 'sha256:{'1' * 64}'], abc==1!2.0.post1+cpu.1: '{HASH}'}}}}"
    result = compiled(note, backend="cudagraphs")
    assert str(result.files["image/extra.lock"]).splitlines() == [
        "--only-binary :all:",
        "abc==1!2.0.post1+cpu.1 \\",
        f"    --hash={HASH}",
        "some-thing==1.0rc1 \\",
        f"    --hash={HASH} \\",
        f"    --hash=sha256:{'1' * 64}",
    ]
    lines = str(result.files["Dockerfile"]).splitlines()
    own = lines.index("  sh /opt/package/image/install.sh /opt/comfyui-venv /opt/package/image/extra.lock")
    assert own > lines.index("FROM base")
    assert own < lines.index("COPY requirements.txt /opt/package/")
    assert "extra.lock" not in str(compiled(backend="cudagraphs").files["Dockerfile"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "code", "said"),
    [("right", 0, ""), ("other hash", 1, "DO NOT MATCH THE HASHES"), ("source alone", 1, "No matching distribution")],
)
def test_the_images_installer_takes_them_by_hash_as_wheels_and_nothing_besides(
    wanted: str, code: int, said: str, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    index.mkdir()
    known = wheel(index, "some_thing", "1.0", "Requires-Dist: not-on-any-index\n")
    if wanted == "source alone":
        # Named by its hash, and yet no wheel: its build could bring anything.
        (built,) = index.iterdir()
        source = built.replace(index / "some_thing-1.0.tar.gz")
        known = f"sha256:{hashlib.sha256(source.read_bytes()).hexdigest()}"
    result = compiled(f"image: {{pip: {{Some.Thing==1.0: '{HASH if wanted == 'other hash' else known}'}}}}")
    for name in ("install.sh", "extra.lock"):
        (tmp_path / name).write_text(str(result.files[f"image/{name}"]))
    # Stands in for the image's python, which has pip, and for ComfyUI's environment, which has none.
    venv.create(tmp_path / "python", with_pip=True)
    venv.create(tmp_path / "comfyui", with_pip=False)
    environment = {
        **os.environ, "PATH": f"{tmp_path / 'python' / 'bin'}:/usr/bin:/bin", "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull,
    }  # fmt: skip
    done = subprocess.run(
        ["sh", "install.sh", "comfyui", "extra.lock"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    # As far as the file system tells: the module is there, with its bytecode, or nothing of it is.
    found = {path.name for path in (tmp_path / "comfyui").rglob("some_thing*") if path.is_file()}
    tag = sys.implementation.cache_tag
    assert found == (set() if code else {"some_thing.py", f"some_thing.{tag}.pyc"})


def test_a_file_beside_the_graph_is_copied_where_the_note_says() -> None:
    note = "image: {files: {/opt/comfyui/models/luts/a.cube: a}}"
    result = compiled(note, backend="cudagraphs", a=b"\0x")
    assert result.files["image/files/comfyui/models/luts/a.cube"] == b"\0x"
    assert "COPY image/files/comfyui/ /opt/comfyui/\n" in str(result.files["Dockerfile"])
    assert "/app/files/" not in str(result.files["Dockerfile"])
    with pytest.raises(CompileError, match="it is gone"):
        compiled(note, backend="cudagraphs", a="it is gone")


def test_no_file_takes_the_place_of_one_that_the_image_has(tmp_path: Path) -> None:
    (tmp_path / "opt/comfyui/models/luts").mkdir(parents=True)
    note = "image: {files: {/opt/comfyui/models/luts/a: a, /app/files/b: a}}"
    dockerfile = str(compiled(note, backend="cudagraphs", a=b"").files["Dockerfile"])
    found = re.search(r"^RUN (for path in .*?;\s+done)$", dockerfile.replace("\\\n", ""), re.MULTILINE | re.DOTALL)
    assert found is not None
    # The step as the image runs it, in a folder in the place of its root.
    step = re.sub(r" /(opt|app)", rf" {tmp_path}/\1", found[1])
    done = subprocess.run(["sh", "-c", step], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "opt/comfyui/models/luts/a").touch()
    done = subprocess.run(["sh", "-c", step], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "models/luts/a is there without the note" in done.stderr


def test_the_dockerfile_with_all_of_it_lints_clean(tmp_path: Path) -> None:
    note = (
        "image: {apt: [libgl1], attention: sage, environment: {LOG_FORMAT: json}, "
        f"files: {{/app/files/a: a, /opt/comfyui/models/b: a}}, pip: {{abc==1.0: '{HASH}'}}}}"
    )
    result = compiled(note, backend="inductor", a=b"x")
    (tmp_path / "Dockerfile").write_text(str(result.files["Dockerfile"]))
    tool("hadolint", "Dockerfile", folder=tmp_path)
