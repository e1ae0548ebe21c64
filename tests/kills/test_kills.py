"""Kill -9 of every command that writes, at moments drawn by a seed: nothing is lost, and the next run clears up.

KILL_COUNT and KILL_SEED say how many and which; `make kills COUNT=100 SEED=1`. Half of the kills come after a time that
is drawn, half before a step on the file system that is, because most of a command's time goes before its first step.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import pytest

from comfy2runpod.batch.inputs import JOURNAL
from tests.batch.conftest import Place
from tests.batch.results import FILE, KEY, finishing
from tests.cli.test_lock import FILES
from tests.compiler.fed_graphs import text
from tests.runtime.hub_standin import HubStandIn, serving
from tests.standins.runpod_queue import RunPodQueue, running_queue
from tests.write.place import Tree, names, put_users_things, tree

ROOT = Path(__file__).parents[2]
COUNT = int(os.environ.get("KILL_COUNT", "5"))
SEED = os.environ.get("KILL_SEED", "1")
# So that several processes share the work.
PARTS = 5 if COUNT >= 50 else 1


class Command:
    """What runs commands and kills them; `folder` is where they write."""

    def __init__(self, folder: Path, more: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        command = [sys.executable, "-m", "tests.kills.forking"]
        pipe, environment = subprocess.PIPE, {**os.environ, **(more or {})}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)
        self.seconds = 1.0
        self.steps = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def run(self, *arguments: str | Path) -> None:
        """To its end."""
        done = self._order(arguments)
        assert done["code"] == 0, done["said"]
        self.seconds, self.steps = done["seconds"], done["steps"]

    def kill(self, chance: random.Random, *arguments: str | Path) -> str:
        """Kills it; when that was."""
        if chance.random() < 0.5:
            at = chance.randint(1, max(1, self.steps))
            self._order(arguments, at=at)
            return f"before step {at}"
        after = chance.uniform(0, self.seconds)
        done = self._order(arguments, after=after)
        assert done["code"] in (0, -signal.SIGKILL), done["said"]
        return f"after {after:.3f} s"

    def _order(self, arguments: tuple[str | Path, ...], at: int = 0, after: float | None = None) -> dict[str, Any]:
        order = {"arguments": [*map(str, arguments)], "folder": str(self._folder), "at": at, "after": after}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))


def titled(graph: Path, title: str) -> Path:
    graph.parent.mkdir(parents=True, exist_ok=True)
    note = f"name: demo\ntitle: {title}\ninputs: {{width: 5.value, image: 30.image}}\noutputs: {{image: 41}}"
    graph.write_bytes(text(note))
    return graph


def killed_again_and_again(
    command: Command,
    seed: str,
    run: Callable[[str], tuple[str | Path, ...]],
    look: Callable[[], Tree],
    clean: Callable[[], bool],
) -> None:
    """Replaces one of two contents by the other; each run is killed, checked, and then completed."""
    whole: dict[str, Tree] = {}
    for which in ("one", "two", "one"):
        command.run(*run(which))
        assert whole.setdefault(which, look()) == look()
    assert whole["one"] != whole["two"]
    chance = random.Random(seed)
    old, new = "one", "two"
    for number in range(COUNT // PARTS):
        when = f"kill {number} of {seed}, {command.kill(chance, *run(new))}"
        assert look() in (whole[old], whole[new]), when
        command.run(*run(new))
        assert look() == whole[new], when
        assert clean(), when
        old, new = new, old


parts = pytest.mark.parametrize("part", range(PARTS))


@parts
def test_compile(tmp_path: Path, part: int) -> None:
    out = tmp_path / "out"
    graphs = {which: titled(tmp_path / which / "demo.json", which) for which in ("one", "two")}
    with Command(out) as command:
        command.run("compile", graphs["one"], "-o", out)
        put_users_things(out / "demo")
        killed_again_and_again(
            command,
            f"{SEED}-compile-{part}",
            lambda which: ("compile", graphs[which], "-o", out),
            lambda: tree(out / "demo"),
            lambda: names(out) == ["demo"],
        )


@parts
def test_docs(tmp_path: Path, part: int) -> None:
    packages, at = {}, tmp_path / "at"
    at.mkdir()
    with Command(at) as command:
        for which in ("one", "two"):
            packages[which] = tmp_path / which / "packages"
            command.run("compile", titled(tmp_path / which / "demo.json", which), "-o", packages[which])
        command.run("docs", packages["one"], "-o", at / "site")
        put_users_things(at / "site")
        (at / "site" / "CNAME").write_text("docs.example.org")
        killed_again_and_again(
            command,
            f"{SEED}-docs-{part}",
            lambda which: ("docs", packages[which], "-o", at / "site"),
            lambda: tree(at / "site"),
            lambda: names(at) == ["site"],
        )


@parts
def test_annotate(tmp_path: Path, part: int) -> None:
    at = tmp_path / "at"
    graph = titled(at / "demo.json", "one")
    (at / "notes.txt").write_text("mine")
    graph.chmod(0o640)
    with Command(at) as command:
        killed_again_and_again(
            command,
            f"{SEED}-annotate-{part}",
            lambda which: ("annotate", graph, "--title", which),
            lambda: {name: found for name, found in tree(at).items() if not name.startswith(".comfy2runpod")},
            lambda: names(at) == ["demo.json", "notes.txt"],
        )


@parts
def test_lock(tmp_path: Path, part: int) -> None:
    at = tmp_path / "at"
    at.mkdir()
    graph = at / "t2v_ltx2.json"
    graph.write_bytes((ROOT / "graphs" / graph.name).read_bytes())
    with serving(HubStandIn(files=dict.fromkeys(FILES, b"first"))) as hub:

        def run(which: str) -> tuple[str | Path, ...]:
            hub.files[FILES[0]] = which.encode()
            return ("lock", graph)

        with Command(at, {"HF_ENDPOINT": hub.url}) as command:
            killed_again_and_again(
                command,
                f"{SEED}-lock-{part}",
                run,
                lambda: {name: found for name, found in tree(at).items() if not name.startswith(".comfy2runpod")},
                lambda: names(at) == ["t2v_ltx2.json", "t2v_ltx2.lock.json"],
            )


@parts
def test_batch(tmp_path: Path, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", KEY)
    # Of the calls in this process; the one that is killed waits as it does.
    monkeypatch.setattr("comfy2runpod.batch.batch._POLL_SECONDS", (0.05, 0.5))
    chance = random.Random(f"{SEED}-batch-{part}")
    with Command(tmp_path) as command:
        for number in range(COUNT // PARTS):
            with running_queue(finishing()) as server:
                folder = tmp_path / f"{number}"
                folder.mkdir()
                _kill_a_batch(command, chance, Place(folder, server.url), server)


def _kill_a_batch(command: Command, chance: random.Random, place: Place, server: RunPodQueue) -> None:
    count = 12
    place.prompts(count)
    place.out.mkdir()
    (place.out / "notes.txt").write_text("mine")
    command.seconds, command.steps = 2.0, 4 * count
    when = f"{place.out}, {command.kill(chance, *place.arguments('--in-flight', '4'))}"
    told = _told(place)
    done, doubted = ({name for name, last in told.items() if last == event} for event in ("done", "sending"))
    kept = {name: tree(place.out / name, inodes=True) for name in done}
    assert all(set(found) == {"image.png", "response.json"} for found in kept.values()), when
    assert place.run("--in-flight", "4").returncode == (1 if doubted else 0), when
    assert place.run("--resend-uncertain").returncode == 0, when
    assert {name: tree(place.out / name, inodes=True) for name in done} == kept, when
    everything = {str(path.relative_to(place.out)) for path in place.out.rglob("*") if path.is_file()}
    results = {f"{name}/{file}" for name in range(1, count + 1) for file in ("image.png", "response.json")}
    assert everything == {JOURNAL, "notes.txt", *results}, when
    assert all((place.out / f"{name}/image.png").read_bytes() == FILE for name in range(1, count + 1)), when
    assert {name for name, times in server.queued.items() if times > 1} <= doubted, when


def _told(place: Place) -> dict[str, str]:
    """The last event of each input, by the whole lines of a journal that may end in a torn one."""
    try:
        lines = (place.out / JOURNAL).read_bytes().split(b"\n")[1:-1]
    except FileNotFoundError:
        return {}
    return {entry["id"]: entry["event"] for entry in map(json.loads, lines)}
