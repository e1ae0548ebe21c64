"""`comfy2runpod build`: what it has an engine do, and what it says where it cannot.

The engines are stand-ins, scripts that note how they are called; tests/image builds with a real one.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from comfy2runpod.git import commit_of
from comfy2runpod.image_build.origin import source_of, web_address
from comfy2runpod.image_build.registry import NoDigest, digest_of, parse_reference
from comfy2runpod_contract.model_urls import MODEL_TOKENS

from .command import ROOT, Done, comfy2runpod

GRAPH = ROOT / "graphs" / "t2i_klein_4b.json"
DIGEST = f"sha256:{'5' * 64}"
# Of what a stand-in was called with: a line a word, an empty one between calls.
STANDIN = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word" >> "{calls}"; done
printf '%s\\n' "env:$DOCKER_BUILDKIT$BUILDX_GIT_INFO$BUILDX_GIT_LABELS" '' >> "{calls}"
case "$1" in
  version) exit {answers} ;;
  build) echo 'STEP 1/2: FROM base'; printf '%s\\n' "{says}"; exit {status} ;;
esac
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "graphs").mkdir()
    shutil.copy(GRAPH, tmp_path / "graphs")
    done = comfy2runpod("compile", "graphs/t2i_klein_4b.json", "-o", "generated", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "generated" / "t2i_klein_4b"


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing but git, and the engines that a test puts there."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "git").symlink_to(shutil.which("git") or "")
    monkeypatch.setenv("PATH", str(place))
    return place


def install(engines: Path, name: str, *, answers: int = 0, status: int = 0, says: str = "done") -> None:
    script = STANDIN.format(calls=engines / f"{name}.calls", answers=answers, status=status, says=says)
    (engines / name).write_text(script.replace("#!/bin/sh", f"#!{shutil.which('sh', path='/bin:/usr/bin')}"))
    (engines / name).chmod(0o755)


def calls(engines: Path, name: str) -> list[list[str]]:
    return [call.splitlines() for call in (engines / f"{name}.calls").read_text().split("\n\n") if call]


def build(package: Path, *arguments: str) -> Done:
    # No registry of the world's: the base is given.
    return comfy2runpod("build", package, "--build-context", "system=container-image://localhost/base", *arguments)


def test_the_first_engine_that_answers_builds_the_package_by_its_folder_alone(package: Path, engines: Path) -> None:
    install(engines, "docker", answers=1)
    install(engines, "podman")
    install(engines, "buildah")
    done = build(package)
    assert (done.returncode, done.stdout) == (0, "t2i_klein_4b: built by podman\n"), done.stderr
    version, built = calls(engines, "podman")
    assert version[0] == "version"
    assert built[:2] == ["build", "--layers"]
    assert built[-3:-1] == [f"--file={package / 'Dockerfile'}", str(package)]
    assert "--tag=t2i_klein_4b" in built
    assert "--build-context=system=container-image://localhost/base" in built
    assert [call[0] for call in calls(engines, "docker")] == ["version"]
    assert not (engines / "buildah.calls").exists()


def test_docker_builds_with_buildkit_and_pushes_each_tag(package: Path, engines: Path) -> None:
    install(engines, "docker")
    tags = ("--tag", "ghcr.io/me/one:1", "--tag", "ghcr.io/me/one:latest")
    done = build(package, *tags, "--push", "--engine", "docker", "--engine-arg=--no-cache")
    assert done.returncode == 0, done.stderr
    _, built, *pushed = calls(engines, "docker")
    assert built[-1] == "env:1falsefalse"
    assert {"--tag=ghcr.io/me/one:1", "--tag=ghcr.io/me/one:latest", "--no-cache"} <= set(built)
    assert [call[:2] for call in pushed] == [["push", "ghcr.io/me/one:1"], ["push", "ghcr.io/me/one:latest"]]
    assert done.stdout.endswith("ghcr.io/me/one:latest: built by docker\nghcr.io/me/one:latest: pushed\n")


def test_the_common_base_is_built_alone_and_built_on(package: Path, engines: Path) -> None:
    install(engines, "buildah")
    assert build(package, "--only-base").returncode == 0
    assert build(package, "--base", "ghcr.io/me/base:1").returncode == 0
    _, base, _, on_it = calls(engines, "buildah")
    assert {"--target=base", "--tag=t2i_klein_4b-base"} <= set(base)
    assert not any(word.startswith("--label=") for word in base)
    assert "--build-context=base=container-image://ghcr.io/me/base:1" in on_it


def locked(package: Path) -> Path:
    """The package, with a lock that tells each model's size and hash: 1, 2 and 3 MB."""
    place = package / "models.lock.json"
    told = json.loads(place.read_text())
    for number, model in enumerate(told["models"], 1):
        model |= {"size": number * 10**6, "sha256": str(number) * 64}
    place.write_text(json.dumps(told))
    return package


def test_small_models_are_put_into_the_image_with_tokens_that_no_word_tells(
    package: Path, engines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(engines, "buildah")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example.org")
    done = build(locked(package), "--bake", "2MB", "--force")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "t2i_klein_4b: built by buildah, with flux-2-klein-4b.safetensors, qwen_3_4b.safetensors (3,000,000 bytes)\n"
    )
    _, built = calls(engines, "buildah")
    assert {"--build-arg=BAKE=2000000", "--build-arg=HF_ENDPOINT=https://hub.example.org"} <= set(built)
    assert [word for word in built if word.startswith("--secret")] == ["--secret=id=HF_TOKEN,env=HF_TOKEN"]
    assert "hf_secret" not in (engines / "buildah.calls").read_text()


def test_the_dockerfile_mounts_each_token_that_the_build_gives(package: Path) -> None:
    mounted = re.findall(r"--mount=type=secret,id=(\w+)", (package / "Dockerfile").read_text())
    assert tuple(mounted) == MODEL_TOKENS


def test_without_bake_the_build_is_told_neither_a_size_nor_a_token(
    package: Path, engines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(engines, "buildah")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert build(package).returncode == 0
    assert not [word for call in calls(engines, "buildah") for word in call if "BAKE" in word or "--secret" in word]


@pytest.mark.parametrize(
    ("size", "code", "told"),
    [
        ("999999", "nothing-to-bake", "the smallest, flux-2-klein-4b.safetensors, has 1,000,000 bytes"),
        ("1GB", "bake-unlocked", "no size or no sha256 of flux-2-klein-4b.safetensors"),
    ],
)
def test_what_cannot_be_baked_is_refused_before_anything_is_built(
    package: Path, engines: Path, size: str, code: str, told: str
) -> None:
    install(engines, "buildah")
    done = build(locked(package) if code == "nothing-to-bake" else package, "--bake", size, "--force")
    assert done.returncode == 1
    assert code in done.stderr
    assert told in " ".join(done.stderr.split())
    assert not (engines / "buildah.calls").exists()


@pytest.mark.parametrize("size", [0, -5, 10**15 + 1, -(10**4000), 1.5, "1", True])
def test_a_lock_with_a_size_that_no_file_has_is_refused(package: Path, engines: Path, size: object) -> None:
    install(engines, "buildah")
    place = locked(package) / "models.lock.json"
    place.write_text(place.read_text().replace('"size": 1000000,', f'"size": {json.dumps(size)},'))
    done = build(package, "--bake", "1GB", "--force")
    assert (done.returncode, "bake-unlocked" in done.stderr, "size" in done.stderr) == (1, True, True), done.stderr
    assert not (engines / "buildah.calls").exists()


def test_of_many_models_that_are_not_locked_some_are_named(package: Path, engines: Path) -> None:
    install(engines, "buildah")
    place = package / "models.lock.json"
    told = json.loads(place.read_text())
    told["models"] = [{**told["models"][0], "file": f"{number}{'x' * 1000}"} for number in range(1000)]
    place.write_text(json.dumps(told))
    done = build(package, "--bake", "1GB", "--force")
    assert (done.returncode, "and 995 more" in done.stderr, len(done.stderr) < 3000) == (1, True, True)


def test_the_labels_get_the_commit_and_the_address_without_its_password(package: Path, engines: Path) -> None:
    install(engines, "buildah")
    repository = package.parents[1]
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://me:secret@github.com/me/graphs.git"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "all"], check=True)
    assert build(package).returncode == 0
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    (_, built) = calls(engines, "buildah")
    assert {
        f"--label=org.opencontainers.image.revision={commit}",
        "--label=org.opencontainers.image.source=https://github.com/me/graphs",
    } <= set(built)
    assert "secret" not in (engines / "buildah.calls").read_text()
    (package / "new").touch()
    assert (commit_of(package), source_of(package)) == ("", "https://github.com/me/graphs")


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@github.com:me/graphs.git", "https://github.com/me/graphs"),
        ("ssh://git@gitlab.example.org/a/b.git", "https://gitlab.example.org/a/b"),
        ("https://git.example.org:8443/a", "https://git.example.org:8443/a"),
        ("https://host/a?token=secret", "https://host/a"),
        ("/home/me/graphs", ""),
        ("http://host/a", ""),
        ("https://[", ""),
        ('https://host/a"$(id)', ""),
        ("https://ho\nst/a", ""),
        ("https://host name/a", ""),
        ('https://host"/a', ""),
        ("https://host/a\x1b[2J", ""),
        ("https://me:secret@host:8443/a", "https://host:8443/a"),
    ],
)
def test_a_remote_is_an_address_of_the_web_or_nothing(remote: str, address: str) -> None:
    assert web_address(remote) == address


def test_a_package_that_is_older_than_its_graph_is_not_built_unless_forced(package: Path, engines: Path) -> None:
    install(engines, "buildah")
    graph = package.parents[1] / "graphs" / "t2i_klein_4b.json"
    text = graph.read_text()
    graph.write_text(text.replace("Flux.2 Klein 4B text to image", "Another title"))
    assert graph.read_text() != text
    done = build(package)
    assert done.returncode == 1
    assert "The package is not what" in done.stderr
    assert "Dockerfile" in done.stderr
    assert "--force" in done.stderr
    assert not (engines / "buildah.calls").exists()
    assert build(package, "--force").returncode == 0
    shutil.move(graph, package.parents[1] / "elsewhere.json")
    done = build(package)
    assert (done.returncode, "its graph was not found" in done.stderr) == (0, True)
    assert build(package, "--graph", str(package.parents[1] / "elsewhere.json")).returncode == 1


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"name": GRAPH.name, "sha256": "0" * 64}, True),
        # A stranger's package may name any file, and leads to none outside the two places.
        ({"name": f"../graphs/{GRAPH.name}", "sha256": "0" * 64}, False),
        (None, False),
    ],
)
def test_the_graph_is_the_one_that_the_manifest_names(
    told: dict[str, str] | None, found: object, package: Path, engines: Path
) -> None:
    install(engines, "buildah")
    graph = package.parents[1] / "graphs" / GRAPH.name
    graph.write_text(graph.read_text("utf-8").replace("in four steps", "in five steps"))
    place = package / ".comfy2runpod.json"
    place.write_text(json.dumps({**json.loads(place.read_text("utf-8")), "graph": told}))
    done = build(package)
    assert ("package-is-older" in done.stderr) == found
    assert ("its graph was not found" in done.stderr) != found
    assert done.returncode == (1 if found else 0)


def test_a_manifest_whose_graph_cannot_be_read_is_none(package: Path, engines: Path) -> None:
    install(engines, "buildah")
    place = package / ".comfy2runpod.json"
    place.write_text(json.dumps({**json.loads(place.read_text("utf-8")), "graph": ["x"]}))
    done = build(package)
    assert done.returncode == 1
    assert "its graph is no file's name with a sha256" in done.stderr


def test_what_was_changed_by_hand_is_told_and_what_is_missing_is_refused(package: Path, engines: Path) -> None:
    install(engines, "buildah")
    (package / "handler.py").write_text("# mine\n")
    done = build(package)
    assert done.returncode == 0
    assert "handler.py" in done.stderr
    next((package / "runtime").iterdir()).unlink()
    done = build(package)
    assert done.returncode == 1
    assert "runtime/comfy2runpod_runtime-" in done.stderr
    assert "git add -f" in done.stderr


_BROKEN = {
    "broken": b'{"version": 1, "generator": "a", "kind": "b", "files": {"../x": ""}}',
    "half of a pair": b'{"version": 1, "generator": "a", "kind": "b", "files": {"a\\ud800": "%s"}}' % (b"0" * 64),
    "not finite": b'{"version": NaN}',
    "deep": b"[" * 100_000,
    "binary": b"\xff\xfe",
}


@pytest.mark.parametrize(
    ("what", "code", "told"),
    [
        ("empty", 1, "there is no .comfy2runpod.json in it"),
        ("nothing", 3, "there is no such folder"),
        ("broken", 1, "no sha256"),
        ("half of a pair", 1, "half of a surrogate pair"),
        ("not finite", 1, "NaN"),
        ("deep", 1, "levels"),
        ("binary", 1, "it is no text"),
        ("several", 1, "it is a folder of packages, of which one is to be named: inner"),
    ],
)
def test_what_is_no_package_is_refused(what: str, code: int, told: str, engines: Path, tmp_path: Path) -> None:
    folder = tmp_path / what
    if what != "nothing":
        folder.mkdir()
    if what in _BROKEN:
        (folder / ".comfy2runpod.json").write_bytes(_BROKEN[what])
    if what == "several":
        (folder / "inner").mkdir()
        (folder / "inner" / ".comfy2runpod.json").touch()
    done = comfy2runpod("build", folder)
    assert done.returncode == code
    assert "no package to build" in done.stderr
    assert told in done.stderr


def test_without_an_engine_it_says_what_to_install(package: Path, engines: Path) -> None:
    done = build(package)
    assert done.returncode == 3
    assert "docker or podman or buildah is not installed" in done.stderr
    install(engines, "docker", answers=1)
    done = build(package)
    assert done.returncode == 3
    assert "docker is installed, but does not answer" in done.stderr
    assert "podman is not installed" in build(package, "--engine", "podman").stderr


@pytest.mark.parametrize(
    ("says", "remedy"),
    [
        ("write /layer.tar: no space left on device", "Free space"),
        ("denied: permission_denied: write_package", "Log in"),
        ("something else", "-v"),
    ],
)
def test_a_build_that_fails_tells_what_the_engine_last_said(
    says: str, remedy: str, package: Path, engines: Path
) -> None:
    install(engines, "buildah", status=125, says=says)
    done = build(package)
    assert done.returncode == 3
    _, failed, first, second, *_ = map(str.strip, done.stderr.splitlines())
    assert failed == "buildah build failed with exit code 125. It last said:"
    assert (first, second) == ("STEP 1/2: FROM base", says)
    assert remedy in done.stderr
    assert says in build(package, "-v").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--push"],
        ["--tag", "-x"],
        ["--tag", "a b"],
        ["--base", "--privileged"],
        ["--base", "a", "--only-base"],
        ["--bake", "1GB", "--only-base"],
        ["--bake", "big"],
        ["--bake", "0"],
        ["--build-context", "no-value"],
        ["--engine", "kaniko"],
    ],
)
def test_options_that_no_engine_would_take_are_wrong_usage(arguments: list[str], package: Path, engines: Path) -> None:
    install(engines, "buildah")
    assert build(package, *arguments).returncode == 2
    assert not (engines / "buildah.calls").exists()


# The digest of a tag. The registry is a stand-in: what it answers, and to which calls.


@contextmanager
def registry(*, token: str | None = None, digest: str | None = DIGEST, status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            if token is not None and self.headers["Authorization"] != f"Bearer {token.strip()}":
                realm = f"http://127.0.0.1:{server.server_address[1]}/token"
                self.answer(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="here"'})
                return
            assert self.path == "/v2/a/b/manifests/1"
            assert "application/vnd.oci.image.index.v1+json" in self.headers["Accept"]
            self.answer(status, {} if digest is None else {"Docker-Content-Digest": digest})

        def do_GET(self) -> None:
            assert self.path == "/token?service=here&scope=repository%3Aa%2Fb%3Apull"
            self.answer(200, {}, json.dumps({"token": token}).encode())

        def answer(self, code: int, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}/a/b:1"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("token", [None, "abc"])
def test_the_digest_of_a_tag_is_what_its_registry_tells(token: str | None) -> None:
    with registry(token=token) as name:
        assert digest_of(name) == DIGEST


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"digest": None}, "tells no digest"),
        ({"digest": "sha256:x"}, "tells no digest"),
        ({"status": 404}, "HTTP 404"),
        ({"status": 302}, "HTTP 302"),
        ({"token": "a\tb"}, "gives no token"),
        ({"token": "x" * 100_000}, "more than a token"),
    ],
)
def test_a_registry_that_tells_none_is_no_reason_to_guess(answers: dict[str, object], problem: str) -> None:
    with registry(**answers) as name, pytest.raises(NoDigest, match=problem):  # type: ignore[arg-type]
        digest_of(name)


def test_a_base_whose_registry_is_out_of_reach_is_built_by_its_tag(package: Path, engines: Path) -> None:
    install(engines, "buildah")
    dockerfile = package / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("ARG BASE=python:", "ARG BASE=127.0.0.1:9/python:"))
    done = comfy2runpod("build", package)
    assert done.returncode == 0
    assert "is taken by its tag" in done.stderr
    assert not any(word.startswith("--build-arg=BASE") for word in calls(engines, "buildah")[1])
    with registry() as name:
        dockerfile.write_text(
            dockerfile.read_text().replace("ARG BASE=127.0.0.1:9/python:3.12.12-slim-bookworm", f"ARG BASE={name}")
        )
        assert comfy2runpod("build", package).returncode == 0
    assert f"--build-arg=BASE={name}@{DIGEST}" in calls(engines, "buildah")[3]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("python:3.12-slim", ("docker.io", "library/python", "3.12-slim")),
        ("python", ("docker.io", "library/python", "latest")),
        ("nvidia/cuda:12", ("docker.io", "nvidia/cuda", "12")),
        ("ghcr.io/me/a/b:1", ("ghcr.io", "me/a/b", "1")),
        ("localhost/a:1", ("localhost", "a", "1")),
        ("localhost:5000/a", ("localhost:5000", "a", "latest")),
    ],
)
def test_a_name_is_read_as_engines_read_it(name: str, read: tuple[str, str, str]) -> None:
    found = parse_reference(name)
    assert (found.host, found.repository, found.tag) == read


@pytest.mark.parametrize("name", ["", "A", "a:b:c", "a@b", "host.x/../etc:1", "evil.example#/a:1", "a b", "a:"])
def test_what_is_no_name_of_an_image_is_asked_of_nobody(name: str) -> None:
    with pytest.raises(NoDigest, match="no name of an image"):
        digest_of(name)
