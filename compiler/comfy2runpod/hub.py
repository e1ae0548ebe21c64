"""Asks the Hugging Face hub what each model file is. The only user of huggingface_hub.

Whoever answers may be anybody: every question gets so many seconds and every answer so many bytes, none of them packed.
No answer leads to another address (scheme, host, port) than the hub's own, and none has a next page. So the questions
are asked here: the library takes the token from page to page, wherever the hub sends it, and asks the hub for more than
it was told to. Of the library are the token, a file's URL, and what the hub's errors mean.
"""

from __future__ import annotations

import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlsplit

from comfy2runpod.diagnostics import CompileError, Diagnostic, Locus, UnreachableError, nearest
from comfy2runpod.errors import model_lock as errors
from comfy2runpod.ir.interface import Model
from comfy2runpod.model_lock import LockedFile, is_commit, is_licence
from comfy2runpod.strict_json import strict_json
from comfy2runpod_contract.hashes import sha256_hex
from comfy2runpod_contract.json_types import Json
from comfy2runpod_contract.limits import LARGEST_FILE_BYTES
from comfy2runpod_contract.model_urls import hub_address

if TYPE_CHECKING:
    import httpx2

# The hub answers within a second.
SECONDS_FOR_A_FILE = 60.0
# The longest list of a repository's files has some MB.
_MOST_BYTES = 16 * 1024 * 1024
# Of a repository's files, those that a name may have been meant as.
_MOST_NAMES = 10_000
_LONGEST_NAME = 1_000
# A repository that was renamed leads to its new name, on the same hub.
_REDIRECTS = 5
_SIZE = re.compile(r"[0-9]{1,16}")
_TOKEN = re.compile(r"[!-~]{1,1000}")
# What is read of an answer's head. The library would print a warning in it, and the client keep its cookies.
_READ_HEADERS = frozenset({
    "content-encoding", "content-length", "etag", "location", "transfer-encoding", "x-error-code", "x-error-message",
    "x-linked-etag", "x-linked-size", "x-repo-commit",
})  # fmt: skip
# What a model card says where the licence is none of the hub's own list; its name then stands beside it.
_OTHER_LICENCE = "other"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a hub says of a repository's use: its licence, and whether it is gated. None: it does not say."""

    licence: str | None = None
    gated: bool | None = None


def lock_models(
    models: Sequence[Model],
    endpoint: str | None = None,
    seconds_for_a_file: float = SECONDS_FOR_A_FILE,
    *,
    tell: Callable[[Model], None] = lambda _model: None,
) -> tuple[LockedFile, ...]:
    """Asks the hub for the commit, size and sha256 of every model that has a Hugging Face URL, and for its terms.

    A hub that says nothing of a repository's terms is no error: they are then not known.

    Args:
        models: the models of an interface.
        endpoint: another hub than HF_ENDPOINT's.
        seconds_for_a_file: how long each question about one may take.
        tell: is told of each model before it is asked for.

    Raises:
        CompileError: a file is not there, its repository is gated, or what the hub says of it is of no use.
        UnreachableError: the hub cannot be reached, or takes too long.
    """
    asked = [model for model in models if model.repo is not None and model.path is not None]
    if not asked:
        return ()
    hub = _hub(asked[0], endpoint, seconds_for_a_file)
    locked: list[LockedFile] = []
    faults: list[Diagnostic] = []
    terms = dict[tuple[str, str | None], Terms]()
    with hub.client:
        for model in asked:
            tell(model)
            repo = model.repo or ""
            try:
                found = _in_time(hub.seconds, lambda model=model: _ask(model, hub))  # type: ignore[misc]
            except TimeoutError:
                raise _unreachable(model, hub, f"it has not said all within {hub.seconds:g} seconds") from None
            if isinstance(found, errors.MissingModel):
                found = replace(found, near=nearest(found.path, _names(hub, repo, model.revision)))
            if not isinstance(found, LockedFile):
                faults.append(found)
                continue
            place = (repo, found.revision)
            if place not in terms:
                terms[place] = terms_of(_told(hub, *place, ["cardData", "gated"]))
            locked.append(replace(found, licence=terms[place].licence, gated=terms[place].gated))
    if faults:
        raise CompileError(faults)
    return tuple(locked)


@dataclass(frozen=True, slots=True)
class _Hub:
    """A hub, and what it is asked with: the token is in `headers`."""

    endpoint: str
    headers: Mapping[str, str]
    seconds: float
    client: httpx2.Client

    @property
    def host(self) -> str:
        """Its host's name, for messages."""
        return _host(self.endpoint)

    def ask(self, method: str, url: str, params: dict[str, list[str]] | None = None) -> httpx2.Response:
        """Its answer; one that leads to another address is returned as it is.

        Raises:
            httpx2.HTTPError, httpx2.InvalidURL: there is none.
        """
        import httpx2  # noqa: PLC0415 - huggingface_hub's own

        home = httpx2.URL(self.endpoint).origin
        for _ in range(_REDIRECTS):
            answer = self.client.request(method, url, params=params, headers=self.headers)
            following = answer.next_request
            if following is None or following.url.origin != home:
                return answer
            url, params = str(following.url), None
        raise httpx2.TooManyRedirects(f"it redirects more than {_REDIRECTS} times")


def _hub(model: Model, endpoint: str | None, seconds: float) -> _Hub:
    """The hub that the environment names, or this one, with the user's token.

    Raises:
        UnreachableError: the library has no token that can be sent, though it is told to have one; it names the model.
    """
    hub = _Hub(endpoint or hub_address(os.environ), {"User-Agent": "comfy2runpod"}, seconds, _client())
    if not _is_address(hub.endpoint):
        # The library cannot even be imported then.
        raise _unreachable(model, hub, "this is not an address that begins with https:// or http://")
    # Half a second to import, and only this needs it.
    from huggingface_hub import constants, get_token  # noqa: PLC0415

    try:
        # It may have to be asked for: in CI by OIDC, and if one of a browser's log-in has expired.
        token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else _in_time(seconds, get_token)
    except Exception as error:  # noqa: BLE001 - whatever the library raises; not its text, which may hold the token
        raise _unreachable(model, hub, f"there is no token for it ({type(error).__name__})") from None
    if token is None:
        return hub
    if _TOKEN.fullmatch(token) is None:
        raise _unreachable(model, hub, "HF_TOKEN holds characters that no token has, such as a line's end")
    return replace(hub, headers={**hub.headers, "Authorization": f"Bearer {token}"})


def _in_time(seconds: float, ask: Callable[[], T]) -> T:
    """What a question comes to, waited for no longer than so many seconds, whatever trickles in.

    Raises:
        TimeoutError: the hub has not said all by then.
        Exception: what the question raised.
    """
    answers: queue.SimpleQueue[tuple[T] | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((ask(),))
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            answers.put(error)

    # A daemon: what waits for a connection for ever does not keep the process.
    threading.Thread(target=work, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer[0]


def _ask(model: Model, hub: _Hub) -> LockedFile | Diagnostic:
    """What the hub says of one file, or why it cannot be locked.

    Raises:
        UnreachableError: the hub cannot be reached.
    """
    import httpx2  # noqa: PLC0415 - huggingface_hub's own
    from huggingface_hub import constants, hf_hub_url, hf_raise_for_status  # noqa: PLC0415
    from huggingface_hub.errors import (  # noqa: PLC0415
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    at, repo, path = Locus(model.file), model.repo or "", model.path or ""
    if constants.is_offline_mode():
        raise _unreachable(model, hub, "HF_HUB_OFFLINE is set")
    try:
        answer = hub.ask("HEAD", hf_hub_url(repo, path, revision=model.revision, endpoint=hub.endpoint))
        hf_raise_for_status(answer)
    except GatedRepoError:
        return errors.GatedModel(at=at, repo=repo)
    except (HFValidationError, RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError):
        return errors.MissingModel(at=at, repo=repo, path=path, near=())
    except (HfHubHTTPError, httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise _unreachable(model, hub, _reason(error)) from None
    except Exception as error:  # noqa: BLE001 - what else the library raises comes of an answer that it does not expect
        problem = str(error) if isinstance(error, ValueError) else type(error).__name__
        return errors.BadHubAnswer(at=at, hub=hub.host, problem=problem)
    return _locked(model, answer, hub)


def _locked(model: Model, answer: httpx2.Response, hub: _Hub) -> LockedFile | errors.BadHubAnswer:
    """The facts in an answer's head."""
    told = answer.headers
    # Where the file itself is elsewhere, the length is that of the answer which says so.
    size = told.get("X-Linked-Size") or (None if answer.has_redirect_location else told.get("Content-Length")) or ""
    commit = told.get("X-Repo-Commit") or ""
    problem = None
    if answer.has_redirect_location and not commit:
        problem = f"it leads to {_host(told['Location'])}, where it is not asked"
    elif not _SIZE.fullmatch(size) or not 0 < int(size) <= LARGEST_FILE_BYTES:
        problem = "it does not tell a size that a file can have"
    elif not is_commit(commit):
        # A branch would be of other bytes tomorrow. Every hub does; a log-in page has a size too.
        problem = "it names no commit"
    if problem is not None:
        return errors.BadHubAnswer(at=Locus(model.file), hub=hub.host, problem=problem)
    etag = told.get("X-Linked-Etag") or told.get("ETag") or ""
    return LockedFile(model.url, commit, int(size), sha256_hex(etag.removeprefix("W/").strip('"')))


def _told(hub: _Hub, repo: str, revision: str | None, facts: list[str]) -> Json:
    """What the hub says of a repository at a commit, in one answer; None where it gives none of its form."""
    url = f"{hub.endpoint}/api/models/{quote(repo)}/revision/{quote(revision or 'main', safe='')}"

    def ask() -> Json:
        answer = hub.ask("GET", url, {"expand": facts})
        return strict_json(answer.content.decode()) if answer.is_success else None

    try:
        return _in_time(hub.seconds, ask)
    except Exception:  # noqa: BLE001 - a lock can do without it, whatever becomes of the question
        return None


def _names(hub: _Hub, repo: str, revision: str | None) -> list[str]:
    """Names of a repository's files; as many as suggestions are made of."""
    told = _told(hub, repo, revision, ["siblings"])
    files = told.get("siblings") if isinstance(told, dict) else None
    if not isinstance(files, list):
        return []
    names = [file.get("rfilename") for file in files[:_MOST_NAMES] if isinstance(file, dict)]
    return [name for name in names if isinstance(name, str) and len(name) <= _LONGEST_NAME]


def terms_of(told: Json) -> Terms:
    """The terms in a hub's answer about a repository; each is None unless it has the form that hubs give it."""
    if not isinstance(told, dict):
        return Terms()
    card = told.get("cardData")
    names = [card.get("license"), card.get("license_name")] if isinstance(card, dict) else []
    licence = next((name for name in names if isinstance(name, str) and name != _OTHER_LICENCE), None)
    gated = told.get("gated")
    return Terms(
        licence=licence if licence is not None and is_licence(licence) else None,
        gated=gated if isinstance(gated, bool) else True if gated in ("auto", "manual") else None,
    )


def _reason(error: Exception) -> str:
    import httpx2  # noqa: PLC0415 - huggingface_hub's own

    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, (httpx2.TransportError, OSError)) and str(error) else name


def _unreachable(model: Model, hub: _Hub, problem: str) -> UnreachableError:
    return UnreachableError(errors.HubUnreachable(at=Locus(model.file), hub=hub.host, problem=problem))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _client() -> httpx2.Client:
    """What a hub is asked with: it follows nothing, and answers are bounded."""
    import httpx2  # noqa: PLC0415 - huggingface_hub's own

    class Bounded(httpx2.BaseTransport):
        """Answers as they are, of so many bytes at most."""

        def __init__(self) -> None:
            self._inner = httpx2.HTTPTransport()

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            request.headers["Accept-Encoding"] = "identity"
            answer = self._inner.handle_request(request)
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                answer.close()
                raise httpx2.DecodingError("it answers in a packed form that was not asked for")
            answer.headers = httpx2.Headers(
                [(name, value) for name, value in answer.headers.multi_items() if name.lower() in _READ_HEADERS]
            )
            answer.stream = Limited(answer.stream)
            return answer

        def close(self) -> None:
            self._inner.close()

    class Limited(httpx2.SyncByteStream):
        """An answer's bytes, up to the limit of bytes and of time."""

        def __init__(self, inner: object) -> None:
            self._inner = inner
            self._end = time.monotonic() + SECONDS_FOR_A_FILE

        def __iter__(self) -> Iterator[bytes]:
            received = 0
            for chunk in self._inner:  # type: ignore[attr-defined]
                received += len(chunk)
                if received > _MOST_BYTES or time.monotonic() > self._end:
                    raise httpx2.ReadError("its answer does not end")
                yield chunk

        def close(self) -> None:
            self._inner.close()  # type: ignore[attr-defined]

    return httpx2.Client(transport=Bounded(), follow_redirects=False, timeout=SECONDS_FOR_A_FILE)
