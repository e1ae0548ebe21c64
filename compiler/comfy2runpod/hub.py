"""Asks the Hugging Face hub what each model file is. The only user of huggingface_hub.

Whoever answers may be anybody: every question gets so many seconds and every answer so many bytes, none of them packed.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi

# The hub answers within a second; a file's name among those of its repository, within a few.
SECONDS_FOR_A_FILE = 60.0
# The longest list of a repository's files has some MB.
_MOST_BYTES = 16 * 1024 * 1024
_SIZE = re.compile(r"[0-9]{1,16}")
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
        seconds_for_a_file: how long all that is asked of one may take.
        tell: is told of each model before it is asked for.

    Raises:
        CompileError: a file is not there, its repository is gated, or what the hub says of it is of no use.
        UnreachableError: the hub cannot be reached, or takes too long.
    """
    # Half a second to import, and only this needs it.
    from huggingface_hub import HfApi, set_client_factory  # noqa: PLC0415

    set_client_factory(_client)
    api = HfApi(endpoint=endpoint)
    locked: list[LockedFile] = []
    faults: list[Diagnostic] = []
    terms = dict[tuple[str, str | None], Terms]()
    for model in models:
        if model.repo is None or model.path is None:
            continue
        tell(model)
        try:
            found = _in_time(seconds_for_a_file, lambda model=model: _ask(model, api))  # type: ignore[misc]
        except TimeoutError:
            raise _unreachable(model, api, f"it has not said all within {seconds_for_a_file:g} seconds") from None
        if not isinstance(found, LockedFile):
            faults.append(found)
            continue
        place = (model.repo, found.revision)
        if place not in terms:
            terms[place] = _terms(api, *place, seconds_for_a_file)
        locked.append(replace(found, licence=terms[place].licence, gated=terms[place].gated))
    if faults:
        raise CompileError(faults)
    return tuple(locked)


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


def _ask(model: Model, api: HfApi) -> LockedFile | Diagnostic:
    """What the hub says of one file, or why it cannot be locked.

    Raises:
        UnreachableError: the hub cannot be reached.
    """
    import httpx2  # noqa: PLC0415 - huggingface_hub's own
    from huggingface_hub import hf_hub_url  # noqa: PLC0415
    from huggingface_hub.errors import (  # noqa: PLC0415
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    at, repo, path = Locus(model.file), model.repo or "", model.path or ""
    try:
        url = hf_hub_url(repo, path, revision=model.revision, endpoint=api.endpoint)
        told = api.get_hf_file_metadata(url=url)
    except GatedRepoError:
        return errors.GatedModel(at=at, repo=repo)
    except HFValidationError:
        return errors.MissingModel(at=at, repo=repo, path=path, near=())
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError):
        try:
            names = api.list_repo_files(repo, revision=model.revision)
        except (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError):
            names = []
        return errors.MissingModel(at=at, repo=repo, path=path, near=nearest(path, names))
    except httpx2.LocalProtocolError:
        # Not its text, which may hold the token.
        raise _unreachable(model, api, "HF_TOKEN holds characters that no token has, such as a line's end") from None
    except (HfHubHTTPError, httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise _unreachable(model, api, _reason(error)) from None
    except ValueError as error:
        return errors.BadHubAnswer(at=at, hub=_host(api), problem=str(error))
    if told.size is None or not 0 < told.size <= LARGEST_FILE_BYTES:
        return errors.BadHubAnswer(at=at, hub=_host(api), problem="it does not tell a size that a file can have")
    if told.commit_hash is None or not is_commit(told.commit_hash):
        # A branch would be of other bytes tomorrow. Every hub does; a log-in page has a size too.
        return errors.BadHubAnswer(at=at, hub=_host(api), problem="it names no commit")
    return LockedFile(model.url, told.commit_hash, told.size, sha256_hex(told.etag or ""))


def _terms(api: HfApi, repo: str, revision: str | None, seconds: float) -> Terms:
    """What the hub says of a repository's terms at a commit; nothing where it gives no answer of its form."""
    import httpx2  # noqa: PLC0415 - huggingface_hub's own
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
    from huggingface_hub.utils._headers import build_hf_headers  # noqa: PLC0415
    from huggingface_hub.utils._http import get_session, hf_raise_for_status  # noqa: PLC0415

    def ask() -> Terms:
        url = f"{api.endpoint}/api/models/{quote(repo)}/revision/{quote(revision or 'main', safe='')}"
        answer = get_session().get(url, params={"expand": ["cardData", "gated"]}, headers=build_hf_headers())
        hf_raise_for_status(answer)
        return terms_of(strict_json(answer.text))

    try:
        return _in_time(seconds, ask)
    except (HfHubHTTPError, httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
        return Terms()


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


def _unreachable(model: Model, api: HfApi, problem: str) -> UnreachableError:
    return UnreachableError(errors.HubUnreachable(at=Locus(model.file), hub=_host(api), problem=problem))


def _host(api: HfApi) -> str:
    return urlsplit(api.endpoint).hostname or api.endpoint


def _client() -> httpx2.Client:
    """What huggingface_hub asks with: as its own, but for what an answer may be."""
    import httpx2  # noqa: PLC0415 - huggingface_hub's own
    from huggingface_hub.utils._http import hf_request_event_hook  # noqa: PLC0415 - its own client has it

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
            if not _SIZE.fullmatch(answer.headers.get("X-Linked-Size", "0")):
                # What reads it takes more for a number than a header's digits.
                answer.close()
                raise ValueError("it does not tell a size that a file can have")
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

    hooks: dict[str, list[Callable[..., object]]] = {"request": [hf_request_event_hook]}
    return httpx2.Client(transport=Bounded(), event_hooks=hooks, follow_redirects=True, timeout=SECONDS_FOR_A_FILE)
