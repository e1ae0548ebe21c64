"""`lock` against a hub that wants more than to answer: other questions, pages without end, the token elsewhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .command import Done
from .impatient import Impatient
from .test_lock import unsaid

# A graph is compiled and locked in each.
pytestmark = pytest.mark.slow

COMMIT = "c0ffee" + "0" * 34
FILE = "a.safetensors"
HEAD = {"X-Repo-Commit": COMMIT, "X-Linked-Size": "10", "X-Linked-Etag": '"' + "a" * 64 + '"'}
TOKEN = "hf_secret"
# The library's, by default; some environments of ours turn it off.
TELEMETRY = {"HF_HUB_DISABLE_TELEMETRY": "0", "DISABLE_TELEMETRY": "0", "DO_NOT_TRACK": "0"}
POISON = {
    "a list": [],
    "a text": "claude",
    "texts as harnesses": {"standardEnvVars": ["HOME"], "harnesses": {"a": "b"}},
    "a number as variables": {"standardEnvVars": 5, "harnesses": {"a": {}}},
    "a name that no header has": {"standardEnvVars": [], "harnesses": {"\u202e\r\nX: y": {"envVars": {"HOME": "*"}}}},
}


@dataclass
class Answer:
    """A status, headers and a body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Site:
    """A server on loopback: what it answers at what a path begins with, 404 elsewhere, and what it was asked."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path with query, Authorization
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers.get("Authorization")))
            found = [answer for start, answer in site.answers.items() if self.path.startswith(start)]
            answer = found[0] if found else Answer(404)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(answer.body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.port = server.server_address[1]
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hub() -> Iterator[Site]:
    with serving(Site({"/org/name/resolve/": Answer(headers=HEAD)})) as site:
        yield site


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    """Another address on the same machine, which answers whatever a hub is asked."""
    with serving(Site({"/": Answer(headers=HEAD, body=b"[]")})) as site:
        yield site


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the library keeps what it was told."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def lock(impatient: Impatient, tmp_path: Path, hub: str, **environment: str) -> tuple[Done, Path]:
    """What came of locking a graph with one model, and its lock's path."""
    graph = unsaid(tmp_path)
    settings = {"HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "home"), **TELEMETRY, **environment}
    done = impatient("lock", graph, HF_ENDPOINT=hub, **settings)
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return done, graph.with_suffix(".lock.json")


@pytest.mark.parametrize("told", POISON)
def test_the_hub_is_asked_for_nothing_but_files_and_terms(
    impatient: Impatient, tmp_path: Path, home: Path, hub: Site, told: str
) -> None:
    hub.answers["/api/agent-harnesses"] = Answer(body=json.dumps(POISON[told]).encode())
    done, written = lock(impatient, tmp_path, hub.url)
    assert done.returncode == 0, done.stderr
    assert written.exists()
    assert [path.partition("?")[0] for path, _ in hub.asked] == [
        f"/org/name/resolve/main/{FILE}", f"/api/models/org/name/revision/{COMMIT}",
    ]  # fmt: skip
    assert {token for _, token in hub.asked} == {f"Bearer {TOKEN}"}
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("told", POISON)
def test_what_a_hub_left_in_the_librarys_cache_is_not_read(
    impatient: Impatient, tmp_path: Path, home: Path, hub: Site, told: str
) -> None:
    (home / ".agent_harnesses.json").write_text(json.dumps(POISON[told]))
    done, written = lock(impatient, tmp_path, hub.url)
    assert done.returncode == 0, done.stderr
    assert written.exists()


def missing(link: str | None = None, names: object = (FILE.upper(), "other.bin")) -> dict[str, Answer]:
    """A repository without the file, and its list."""
    headers = {} if link is None else {"Link": f'<{link}>; rel="next"'}
    told = {"siblings": [{"rfilename": name} for name in names] if isinstance(names, tuple) else names}
    tree = json.dumps([{"type": "file", "path": "a", "size": 1, "oid": "a"}]).encode()
    return {
        "/org/name/resolve/": Answer(404, {"X-Error-Code": "EntryNotFound"}),
        "/api/models/org/name/tree/": Answer(headers=headers, body=tree),
        "/api/models/org/name/revision/": Answer(headers=headers, body=json.dumps(told).encode()),
    }


@pytest.mark.parametrize("where", ["elsewhere", "itself", "another name of the machine"])
def test_a_list_of_files_has_no_next_page(
    impatient: Impatient, tmp_path: Path, hub: Site, elsewhere: Site, where: str
) -> None:
    link = {
        "elsewhere": f"{elsewhere.url}/api/models/org/name/tree/main",
        "itself": f"{hub.url}/api/models/org/name/tree/main?cursor=1",
        "another name of the machine": f"http://localhost:{hub.port}/api/models/org/name/tree/main?cursor=1",
    }[where]
    hub.answers = missing(link)
    done, written = lock(impatient, tmp_path, hub.url)
    assert done.returncode == 1
    assert f"error[missing-model]: {FILE}" in done.stderr
    assert f"Did you mean {FILE.upper()}?" in done.stderr
    assert not written.exists()
    assert elsewhere.asked == []
    assert len(hub.asked) == 2


@pytest.mark.parametrize(
    "names",
    [None, 5, [], [5, None, {}, {"rfilename": 5}], ("\x1b[2J.safetensors",), ("x" * 100_000,), ("a",) * 300_000],
    ids=lambda value: f"{str(value)[:20]}",
)
def test_an_odd_list_of_files_is_no_more_than_no_suggestion(
    impatient: Impatient, tmp_path: Path, hub: Site, names: object
) -> None:
    hub.answers = missing(names=names)
    done, _ = lock(impatient, tmp_path, hub.url)
    assert done.returncode == 1
    assert "error[missing-model]" in done.stderr
    assert "Correct the URL" in done.stderr


@pytest.mark.parametrize("path", ["/org/name/resolve/", "/api/models/org/name/revision/"])
@pytest.mark.parametrize("where", ["another port", "another name", "another scheme"])
def test_no_redirect_leads_to_another_address(
    impatient: Impatient, tmp_path: Path, hub: Site, elsewhere: Site, path: str, where: str
) -> None:
    to = {
        "another port": f"{elsewhere.url}/x",
        "another name": f"http://localhost:{elsewhere.port}/x",
        "another scheme": f"https://127.0.0.1:{hub.port}/x",
    }[where]
    hub.answers[path] = Answer(307, {"Location": to})
    done, written = lock(impatient, tmp_path, hub.url)
    assert elsewhere.asked == []
    of_the_file = "resolve" in path
    assert done.returncode == (1 if of_the_file else 0)
    assert written.exists() is not of_the_file
    if of_the_file:
        assert "error[bad-hub-answer]" in done.stderr
        assert "where it is not asked" in done.stderr


def test_a_renamed_repository_is_asked_under_its_new_name(impatient: Impatient, tmp_path: Path, hub: Site) -> None:
    hub.answers = {
        "/org/name/": Answer(307, {"Location": f"/org/new/resolve/main/{FILE}"}),
        "/org/new/": Answer(headers=HEAD),
        "/api/models/org/name/": Answer(307, {"Location": f"/api/models/org/new/revision/{COMMIT}"}),
        "/api/models/org/new/": Answer(body=b'{"gated": "auto"}'),
    }
    done, written = lock(impatient, tmp_path, hub.url)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(written.read_text("utf-8"))["files"].values()
    assert entry["gated"] is True


@pytest.mark.parametrize("status", [200, 404, 429])
@pytest.mark.parametrize(
    "headers",
    [
        {"X-HF-Warning": "a; \x1b[2Jpay here"},
        {"ratelimit": '"api";r=0;t=' + "9" * 5000, "ratelimit-policy": '"a";q=' + "9" * 5000 + ";w=1"},
        {"Content-Type": "application/json; charset=idna", "X-Error-Message": "\x1b[2J"},
        {"X-Error-Code": "RepoNotFound\x1b[2J", "Retry-After": "9" * 5000},
        {"X-Xet-Hash": "a", "X-Xet-Refresh-Route": "http://[::1", "Set-Cookie": "a=b"},
    ],
    ids=lambda value: next(iter(value)),
)
def test_whatever_else_is_in_an_answer_is_no_fault_of_ours(
    impatient: Impatient, tmp_path: Path, hub: Site, status: int, headers: dict[str, str]
) -> None:
    body = b'["error"]'
    hub.answers = {"/org": Answer(status, HEAD | headers, body), "/api": Answer(status, headers, body)}
    done, written = lock(impatient, tmp_path, hub.url)
    assert done.returncode in ((0,) if status == 200 else (1, 3)), done.stderr
    assert written.exists() is (status == 200)
    assert "pay here" not in done.stderr


@pytest.mark.parametrize(
    "hub", ["http://[::1", "file:///etc", "http://127.0.0.1:99999", "http://a b", "//", "x", "\u202e"]
)
def test_an_address_that_is_none_is_a_hub_that_cannot_be_asked(impatient: Impatient, tmp_path: Path, hub: str) -> None:
    done, written = lock(impatient, tmp_path, hub)
    assert done.returncode in (1, 3), done.stderr
    assert "error[hub-unreachable]" in done.stderr or "error[bad-hub-answer]" in done.stderr
    assert not written.exists()


@pytest.mark.parametrize("token", ["hf_s\u00e9cret", "hf_\x1b[2J", "hf s", "hf_\u202e"])
def test_a_token_that_no_header_holds_is_named_and_not_sent(
    impatient: Impatient, tmp_path: Path, hub: Site, token: str
) -> None:
    done, _ = lock(impatient, tmp_path, hub.url, HF_TOKEN=token)
    assert done.returncode == 3
    assert "HF_TOKEN holds characters that no token has" in done.stderr
    assert token not in done.stderr
    assert hub.asked == []


def test_a_log_in_that_the_library_cannot_finish_is_told(impatient: Impatient, tmp_path: Path, hub: Site) -> None:
    done, _ = lock(impatient, tmp_path, hub.url, HF_OIDC_RESOURCE="org/name", GITHUB_ACTIONS="false")
    assert done.returncode == 3
    assert "there is no token for it (OIDCError)" in done.stderr
