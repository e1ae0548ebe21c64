"""What git knows of a folder. The one place that runs git, and runs nothing that a repository names.

A repository's own configuration can name programs for nearly each of git's commands (`core.fsmonitor`, filters, hooks,
`core.sshCommand`), and a folder of a stranger's can hold a repository. So git never reads it: it gets a repository of
ours, whose references and objects are those of the other, and only commands that look at no file of the working tree.
Files are compared here, without git's filters.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod_contract.scratch import scratch_folder

_SECONDS = 10.0
# Of an answer of git's, of a small file in a repository, and of a folder that is compared.
_MOST_OUTPUT, _MOST_TEXT = 32 * 1024 * 1024, 1024 * 1024
_MOST_FILES, _MOST_BYTES = 20_000, 1024**3
_CHUNK = 1024 * 1024
_FORMATS = {"sha1": 40, "sha256": 64}
_HEX = re.compile(rb"[0-9a-f]+")
# Also where a command names them, so that no file of a folder is one to git.
_OFF = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.bareRepository=explicit")
# Of the caller's environment, what git needs to be found and to find a person's own list of ignored files.
_KEPT = ("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "SYSTEMROOT", "USERPROFILE")
_ALONE = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C",
}
_NO_PERSON = {"GIT_CONFIG_GLOBAL": os.devnull}


@dataclass(frozen=True, slots=True)
class _Repository:
    """A working tree, and where its own files and those that it shares with others lie."""

    tree: Path
    own: Path
    shared: Path


@dataclass(frozen=True, slots=True)
class _Git:
    """Git on a repository of ours beside another's; `digest` is the name of its objects' hash."""

    program: str
    environment: Mapping[str, str]
    repository: _Repository
    digest: str

    def says(self, *words: str, given: bytes = b"", codes: tuple[int, ...] = (0,)) -> bytes | None:
        """What git prints; None where it fails, says too much or takes too long."""
        return _output([self.program, *_OFF, *words], self.environment, self.repository.tree, given, codes)


def commit_of(folder: Path) -> str:
    """The commit that is checked out; empty where there is none, or where the folder has changes that are in none.

    The files' contents are compared byte for byte, so that of a folder whose files git would convert (line ends, LFS)
    nothing is said.
    """
    place = folder.resolve()
    with _opened(place) as git:
        if git is None:
            return ""
        commit = (git.says("rev-parse", "--verify", "--quiet", "HEAD^{commit}") or b"").strip()
        if _HEX.fullmatch(commit) is None or len(commit) != _FORMATS[git.digest]:
            return ""
        return commit.decode() if _is_clean(git, commit.decode(), place) else ""


def remote_of(folder: Path) -> str:
    """What `origin` is configured to be, as it stands there; empty where there is none."""
    with _opened(folder.resolve()) as git:
        config = None if git is None else git.repository.shared / "config"
        if git is None or config is None or _text(config) is None:
            return ""
        return _configured(git.program, git.environment, config, "remote.origin.url")


def ignored_by_git(folder: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Those files of a folder that git ignores. None where there is no git or no repository, or it does not answer.

    Args:
        folder: it is there.
        names: paths in it.
    """
    place = folder.resolve()
    with _opened(place) as git:
        if git is None:
            return ()
        return tuple(os.fsdecode(name) for name in _ignored(git, place, [os.fsencode(name) for name in names]) or ())


def _ignored(git: _Git, place: Path, names: list[bytes]) -> list[bytes] | None:
    """Those of a folder's names that git ignores; None where it does not say. Files in the index are never ignored."""
    way = os.fsencode(place.relative_to(git.repository.tree).as_posix())
    # A name that begins with a colon is a pattern to git, if nothing stands before it.
    full = {b"./" + name if way == b"." else b"./" + way + b"/" + name: name for name in names}
    if not full:
        return []
    # 1 is none of them.
    said = git.says("check-ignore", "--stdin", "-z", given=b"\0".join(full) + b"\0", codes=(0, 1))
    return None if said is None else [full[one] for one in said.split(b"\0") if one in full]


def _is_clean(git: _Git, commit: str, place: Path) -> bool:
    """Whether a folder's files are those of the commit, but for ignored ones."""
    way = place.relative_to(git.repository.tree).as_posix()
    tree = commit if way == "." else f"{commit}:{way}"
    listed = git.says("ls-tree", "-r", "-z", "--full-tree", tree)
    if listed is None:
        return False
    there = {}
    for line in listed.split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        there[path] = tuple(head.split(b" "))
    try:
        new = []
        for path, found in _blobs(place, git):
            entry = there.pop(path, None)
            if entry is None:
                new.append(path)
            elif (entry[0] == b"120000", entry[1:]) != (found[0], (b"blob", found[1])):
                return False
    except OSError:
        return False
    return not there and (ignored := _ignored(git, place, new)) is not None and set(ignored) == set(new)


def _blobs(place: Path, git: _Git) -> Iterator[tuple[bytes, tuple[bool, bytes]]]:
    """Every file below a folder: its path, whether it is a link, and the digest that git gives such bytes.

    Raises:
        OSError: one cannot be read; or there is more than is compared, or a repository in it.
    """
    files = size = 0
    waiting = [b""]
    while waiting:
        below = waiting.pop()
        with os.scandir(os.path.join(os.fsencode(place), below)) as entries:  # noqa: PTH118 - bytes
            for entry in entries:
                path = below + b"/" + entry.name if below else entry.name
                if entry.name == b".git":
                    if below or place != git.repository.tree:
                        raise OSError("a repository of its own")
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                    continue
                files, size = files + 1, size + entry.stat(follow_symlinks=False).st_size
                if files > _MOST_FILES or size > _MOST_BYTES:
                    raise OSError("more than is compared")
                if entry.is_symlink():
                    target = os.readlink(entry.path)  # noqa: PTH115 - bytes
                    yield path, (True, _digest(git.digest, [target], len(target)))
                else:
                    yield path, (False, _file_digest(git.digest, entry.path))


def _file_digest(kind: str, path: bytes) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("no regular file")
        left = found.st_size
        return _digest(kind, iter(lambda: file.read(_CHUNK), b""), left)


def _digest(kind: str, parts: Iterable[bytes], size: int) -> bytes:
    made = hashlib.new(kind, b"blob %d\0" % size, usedforsecurity=False)
    for part in parts:
        made.update(part)
    return made.hexdigest().encode()


@contextmanager
def _opened(place: Path) -> Iterator[_Git | None]:
    """Git on the repository that a folder lies in; None where there is none, or no git."""
    program, repository = shutil.which("git"), _repository(place)
    # A relative one would be a file of the folder that we are in.
    if program is None or not os.path.isabs(program) or repository is None:  # noqa: PTH117 - a word, and no path yet
        yield None
        return
    with ExitStack() as stack:
        git = None
        with suppress(OSError):
            folder = stack.enter_context(scratch_folder("git"))
            git = _prepared(program, repository, folder)
        yield git


def _prepared(program: str, repository: _Repository, folder: Path) -> _Git | None:
    """A repository of ours in a folder, with the other's references, objects, index and list of ignored files.

    Raises:
        OSError: it cannot be made.
    """
    head = _text(repository.own / "HEAD")
    if head is None:
        return None
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    alone = {**kept, **_ALONE, **_NO_PERSON}
    config = repository.shared / "config"
    digest = "sha1"
    if _text(config) is not None:
        digest = _configured(program, alone, config, "extensions.objectformat").lower() or digest
    if digest not in _FORMATS:
        return None
    form = "" if digest == "sha1" else f"[extensions]\n\tobjectFormat = {digest}\n"
    version = 0 if digest == "sha1" else 1
    ours = folder / "repository"
    (ours / "objects").mkdir(parents=True)
    (ours / "info").mkdir()
    (ours / "config").write_text(f"[core]\n\trepositoryFormatVersion = {version}\n\tbare = false\n{form}")
    (ours / "HEAD").write_bytes(head)
    (ours / "refs").symlink_to(repository.shared / "refs")
    if (repository.shared / "packed-refs").is_file():
        (ours / "packed-refs").symlink_to(repository.shared / "packed-refs")
    (ours / "info" / "exclude").write_bytes(_text(repository.shared / "info" / "exclude") or b"")
    environment = {
        **alone,
        "GIT_DIR": str(ours),
        "GIT_WORK_TREE": str(repository.tree),
        "GIT_OBJECT_DIRECTORY": str(repository.shared / "objects"),
    }
    if _is_regular(repository.own / "index"):
        environment["GIT_INDEX_FILE"] = str(repository.own / "index")
    # A person's own list is the only thing that their configuration says of this.
    person = {**kept, **_ALONE, "GIT_DIR": os.devnull}
    listed = _output(
        [program, "config", "--global", "--includes", "--path", "--null", "--get", "core.excludesFile"],
        person, folder, b"", (0,),
    )  # fmt: skip
    if listed:
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.excludesFile",
            "GIT_CONFIG_VALUE_0": os.fsdecode(listed.rstrip(b"\0")),
        }
    return _Git(program, environment, repository, digest)


def _repository(place: Path) -> _Repository | None:
    """The repository whose `.git` lies nearest above a folder; never a folder that only looks like a repository."""
    for tree in (place, *place.parents):
        inner = tree / ".git"
        try:
            mode = inner.lstat().st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode):
            own = inner
        elif (linked := _worktree(inner)) is not None:
            own = linked
        else:
            return None
        common = _text(own / "commondir")
        shared = own if common is None else Path(os.path.normpath(own / os.fsdecode(common.strip())))
        is_one = all((shared / name).is_dir() and not (shared / name).is_symlink() for name in ("objects", "refs"))
        return _Repository(tree, own, shared) if is_one else None
    return None


def _worktree(file: Path) -> Path | None:
    """Where the repository of a linked working tree (`git worktree`) lies, if that names this tree too."""
    said = _text(file)
    if said is None or not said.startswith(b"gitdir: "):
        return None
    own = Path(os.path.normpath(file.parent / os.fsdecode(said.removeprefix(b"gitdir: ").strip())))
    back = _text(own / "gitdir")
    return own if back is not None and Path(os.fsdecode(back.strip())) == file else None


def _configured(program: str, environment: Mapping[str, str], config: Path, key: str) -> str:
    """A value of a configuration, which is read as a file: nothing in it holds, and it includes no other."""
    words = [program, "config", "--file", str(config), "--no-includes", "--null", "--get", key]
    # In a folder without a repository, none is looked for.
    said = _output(words, {**environment, "GIT_DIR": os.devnull}, Path(config.anchor), b"", (0,))
    return "" if said is None else said.rstrip(b"\0").decode("utf-8", "replace")


def _text(path: Path) -> bytes | None:
    """A small file of a repository; None where it is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            data = file.read(_MOST_TEXT + 1)
    except (OSError, ValueError):
        return None
    return data if len(data) <= _MOST_TEXT else None


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _output(
    command: list[str], environment: Mapping[str, str], place: Path, given: bytes, codes: tuple[int, ...]
) -> bytes | None:
    """What a command prints, within bounds of time and size; None where it ends with another code."""
    try:
        with scratch_folder("git-input") as folder:
            (folder / "input").write_bytes(given)
            with (folder / "input").open("rb") as stdin, subprocess.Popen(  # noqa: S603 - git itself
                command, cwd=place, env=dict(environment), stdin=stdin, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, start_new_session=True,
            ) as process:  # fmt: skip
                clock = threading.Timer(_SECONDS, process.kill)
                clock.daemon = True
                clock.start()
                try:
                    said = process.stdout.read(_MOST_OUTPUT + 1) if process.stdout is not None else b""
                    if len(said) > _MOST_OUTPUT:
                        process.kill()
                    code = process.wait()
                finally:
                    process.kill()
                    clock.cancel()
    except OSError:
        return None
    return said if code in codes and len(said) <= _MOST_OUTPUT else None
