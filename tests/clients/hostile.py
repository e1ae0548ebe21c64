"""The table of hostile answers: what an endpoint, or another server in its place, may send, and how a client reacts.

One table for both languages. An act is what the server does with a connection; a case says at which place of the flow
it is done, and which errors are right. Kinds are crossed with places, so that a new kind is tried everywhere.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from .raw_server import Act

# What the clients of the tests wait for, and take.
REQUEST_SECONDS = 1.0
MOST_BYTES = 1_000_000
# Of the files of one answer.
MOST_FILES = 10
MOST_TOTAL = 40
DONE = {"video": base64.b64encode(b"video").decode(), "prompt_id": "p"}
FILE = b"a file"
MEASURED: dict[str, object] = {
    "media_type": "video/mp4",
    "bytes": len(FILE),
    "sha256": hashlib.sha256(FILE).hexdigest(),
    "prompt_id": "p",
}


@dataclass(frozen=True)
class Case:
    """One hostile answer: the acts by place, what is asked for, and the errors that are right ('' is none)."""

    name: str
    do: str
    acts: dict[str, Act]
    errors: frozenset[str]
    output: dict[str, object] = field(default_factory=dict)


def answer(body: bytes, status: str = "200 OK", *headers: str) -> Act:
    """A whole answer."""

    async def act(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    return act


def says(value: object, status: str = "200 OK", *headers: str) -> Act:
    return answer(json.dumps(value).encode(), status, *headers)


def raw(content: bytes) -> Act:
    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(content)

    return act


def drips(head: bytes, drop: bytes = b" ", every: float = 0.1) -> Act:
    """A beginning, and then drop after drop without an end."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(every)

    return act


def pours(head: bytes, piece: bytes) -> Act:
    """A beginning, and then as much as the other side takes."""
    return drips(head, piece, 0.0)


def _head(*headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers]).encode("latin-1") + b"\r\n\r\n"


@cache
def _bomb() -> bytes:
    return gzip.compress(b'{"id": "' + b"a" * 60_000_000 + b'"}', 9)


def _long(text: bytes) -> bytes:
    return b'{"id": "j1", "status": "IN_QUEUE", "x": ' + text + b"}"


QUEUED = says({"id": "j1", "status": "IN_QUEUE"})
COMPLETED = says({"id": "j1", "status": "COMPLETED", "output": DONE})
_CHUNKED = _head("Transfer-Encoding: chunked")
_GZIP = _head("Content-Encoding: gzip")

# Answers with 200 whose body is none of RunPod's.
UNUSABLE = {
    "empty": answer(b""),
    "html": answer(b"<html>closed</html>"),
    "number": answer(b"5"),
    "null": answer(b"null"),
    "list": answer(b"[]"),
    "text": answer(b'"j1"'),
    "cut JSON": answer(b'{"id": "j1"'),
    "two objects": answer(b'{"id": "j1"}{"id": "j2"}'),
    "no UTF-8": answer(b'{"id": "\xff\xfe"}'),
    "UTF-16": answer('{"id": "j1"}'.encode("utf-16")),
    "NaN": answer(_long(b"NaN")),
    "infinite": answer(_long(b"-Infinity")),
    "beyond a double": answer(_long(b"1e999")),
    "arrays 100,000 deep": answer(_long(b"[" * 100_000 + b"]" * 100_000)),
    "objects 100,000 deep": answer(_long(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)),
    "nested 300 deep": answer(_long(b"[" * 300 + b"]" * 300)),
    "open brackets": answer(b"[" * 900_000),
    "320,000 empty arrays": answer(_long(b"[" + b"[]," * 320_000 + b"[]]")),
    "a number of 100,000 digits": answer(_long(b"9" * 100_000)),
    "a number of 5,000 digits": answer(_long(b"-" + b"9" * 5000)),
    "longer than taken": answer(_long(b'"' + b"a" * MOST_BYTES + b'"')),
    "without an end": pours(_head() + b'{"id": "', b"a" * 65536),
    "a length without an end": pours(_head("Content-Length: 99999999999") + b'{"id": "', b"a" * 65536),
    "chunks without an end": pours(_CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "gzip bomb": answer(_bomb(), "200 OK", "Content-Encoding: gzip"),
    "escape codes": answer(b"\x1b[2J\x1b]0;you\x07\x00\x9b31m\xe2\x80\xae"),
}
# Answers that break off, or never are whole.
BROKEN = {
    "nothing": raw(b""),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "no HTTP at length": raw(b"\x00\x01\x02" * 1000),
    "a status that is none": raw(b"HTTP/1.1 abc OK\r\n\r\n"),
    "headers without a colon": raw(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n{}"),
    "a header of 300,000 bytes": raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\n\r\n{}"),
    "headers without an end": pours(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n" * 1000),
    "headers that drip": drips(b"HTTP/1.1 200 OK\r\nX: ", b"a"),
    "a body that drips": drips(_head() + b'{"id": "j1"'),
    "chunks that drip": drips(_CHUNKED, b"1\r\n \r\n"),
    "a chunk's size that drips": drips(_CHUNKED, b"0"),
    "a body that stops": drips(_head("Content-Length: 100") + b'{"id"', b""),
    "a body that is cut off": raw(_head("Content-Length: 100") + b'{"id": "j1"}'),
    "chunks of nonsense": raw(_CHUNKED + b"zz\r\nabc\r\n"),
    "two lengths": raw(_head("Content-Length: 2", "Content-Length: 12") + b'{"id": "j1"}'),
    "early hints without an end": drips(b"", b"HTTP/1.1 103 Early Hints\r\nX: a\r\n\r\n", 0.01),
}
# Packed in a way that was not asked for, or wrongly: httpx is told not to unpack, fetch does.
PACKED = {
    "no gzip": answer(b'{"id": "j1"}', "200 OK", "Content-Encoding: gzip"),
    "cut gzip": answer(gzip.compress(b'{"id": "j1"}' * 100)[:40], "200 OK", "Content-Encoding: gzip"),
    "gzip and no end behind it": pours(_GZIP + gzip.compress(b'{"id": "j1"}'), b"a" * 65536),
    # Empty blocks, each of five bytes.
    "gzip of nothing, without an end": pours(_GZIP + gzip.compress(b"")[:10], b"\x00\x00\x00\xff\xff" * 13_000),
}
_REFUSALS = (301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422, 425, 429, 451)
_FAILURES = (500, 501, 502, 503, 504, 520, 599)
_BODIES = {"html": b"<html>", "escape": b"\x1b[31m\x00", "deep": b"[" * 100_000}
# Ids that stand for something else in a path, or are none.
IDS: tuple[object, ...] = (
    None, 5, True, [], {}, "", ".", "..", "../../v2/other", "a/b", "a?b", "a#b", "a b", "a\nb", "a\r\nHost: x",
    "a\x00b", "\x1b[31m", "é", "\ud800", "%2e%2e", "a\\b", "x" * 100_000,
)  # fmt: skip
STATES: tuple[object, ...] = (None, 5, True, [], ["COMPLETED"], {}, 1.5)
OUTPUTS: tuple[object, ...] = (None, 5, "text", [], [None], {}, {"percent": 1}, True)
# The errors of failed jobs, in forms that no worker of ours sends.
ERRORS: tuple[object, ...] = (
    None, 5, True, [], [None], {}, "", "text", "\x1b[2J\x00\u202e", "[" * 100_000, "9" * 100_000, '{"code":' * 50_000,
    "x" * 900_000, {"code": 5}, {"code": None, "message": None}, {"code": "x" * 100_000, "message": "m"},
    {"code": "invalid_input", "message": ["a"], "details": [None, 5, "x", [], {}, {"field": 5, "message": {}}]},
    {"code": "invalid_input", "message": "m", "details": {"a": 1}},
    {"code": "invalid_input", "message": "m", "details": [None] * 100_000},
    {"code": "invalid_input", "message": "\ud800", "details": [{"field": "\x1b[31m", "message": "\u2066" * 10}]},
    {"code": "__proto__", "message": "m"}, {"code": "constructor", "message": "m"},
    json.dumps({"code": "timeout", "message": None, "details": [None]}),
)  # fmt: skip
PROGRESS: tuple[object, ...] = (
    5, "x", [], {"percent": "x"}, {"percent": 10**300}, {"percent": 10**900}, {"percent": True}, {"percent": None},
    {"node": {}}, {"node": "\x1b[31m" * 1000}, {"step": 1.5, "of": "x"}, {"step": 10**400}, {"outputs": [1]},
    {"outputs": {"a": None, "\x1b": "\x00"}}, {"files": 5}, {"files": {"__proto__": [None]}}, {"files": [None]},
    {"preview": 5}, {"preview": "/9j/" * 100_000}, {"preview": "/9j/\"><script>"}, {"preview": "iVBORw0KGgo="},
)  # fmt: skip
URLS: tuple[str, ...] = (
    "", "x", "//host/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "javascript:alert(1)", "data:text/plain,x",
    "http://", "http:///x", "http://user:pw@127.0.0.1/x", "http://user@127.0.0.1/x", "http://127.0.0.1:99999/x",
    "http://127.0.0.1:abc/x", "http://[::1/x", "http://exa mple/x", "http://127.0.0.1/a\nb", "http://127.0.0.1/\x00",
    "http://127.0.0.1/a/../b", "http://127.0.0.1/a/%2e%2e/b", "http://127.0.0.1/a%2f..%2fb", "http://é/x",
    "http:\\\\127.0.0.1\\x", f"http://{'a' * 70}/x", f"http://127.0.0.1/{'a' * 100_000}", " http://127.0.0.1/x",
)  # fmt: skip
FILES: tuple[dict[str, object], ...] = (
    {"video": "%%%"}, {"video": ""}, {"video": "YQ"}, {"video": "YQ==", "bytes": 5}, {"video": "YQ==", "bytes": -1},
    *({"video": value} for value in (None, 1, True, 1.5, [1], [None], [[]], ["YQ=="])),
    *({"video": "YQ==", "bytes": size} for size in (True, "1", [], {}, 1.5, 1e308, 10**40, -1.0)),
    *({"video": "YQ==", "sha256": digest} for digest in ([], {}, 5, True)),
    {"video": "YQ==", "sha256": "0"}, {"video": "é"}, {"url": 5}, {"url": None}, {"url": {}},
)  # fmt: skip


def cases() -> Iterator[Case]:
    """Every case."""
    yield from _bodies()
    yield from _statuses()
    yield from _values()
    yield from _media()


def _at(place: str, act: Act) -> tuple[str, dict[str, Act]]:
    """What is asked for, and what all places do, so that this one's act is met."""
    good = {"run": QUEUED, "status": COMPLETED, "cancel": QUEUED}
    return ("cancel" if place == "cancel" else "run"), {**good, place: act}


def _bodies() -> Iterator[Case]:
    kinds = [
        (UNUSABLE, {"run": "UnexpectedAnswer", "status": "UnexpectedAnswer", "cancel": "UnexpectedAnswer"}),
        (BROKEN, {"run": "SubmissionUnknown", "status": "Unreachable", "cancel": "Unreachable"}),
    ]
    for acts, errors in kinds:
        for name, act in acts.items():
            for place, error in errors.items():
                do, at = _at(place, act)
                yield Case(f"{place}: {name}", do, at, frozenset({error}))
    for name, act in PACKED.items():
        for place in ("run", "status", "cancel"):
            do, at = _at(place, act)
            both = frozenset({"UnexpectedAnswer", "SubmissionUnknown", "Unreachable"})
            yield Case(f"{place}: {name}", do, at, both)
    for name, act in {**UNUSABLE, **BROKEN, **PACKED}.items():
        output = {"url": "HERE/file/1?signature=s3cret", **MEASURED}
        yield Case(f"file: {name}", "save", {"file": act}, frozenset({"MediaBroken"}), output)


def _statuses() -> Iterator[Case]:
    for status in (*_REFUSALS, *_FAILURES):
        for kind, body in _BODIES.items():
            act = answer(body, f"{status} X", "Location: OTHER/run/stolen")
            for place in ("run", "status", "cancel", "file"):
                if place == "file":
                    output = {"url": "HERE/file/1?signature=s3cret", **MEASURED}
                    yield Case(f"file: {status} {kind}", "save", {"file": act}, frozenset({"MediaBroken"}), output)
                    continue
                do, at = _at(place, act)
                yield Case(f"{place}: {status} {kind}", do, at, frozenset({_error(status, place)}))
    for asked in ("²", "-1", "1e999", "9" * 5000, "Wed, 21 Oct 2099 07:28:00 GMT", "", "0x10"):
        do, at = _at("status", answer(b"", "429 X", f"Retry-After: {asked}"))
        yield Case(f"status: 429 after {asked[:20]!r}", do, at, frozenset({"RateLimited"}))
    for cookie in ("a=b; domain=.ai", "=", "a=" + "b" * 9000, "\x01=\x02"):
        do, at = _at(
            "status", says({"id": "j1", "status": "COMPLETED", "output": DONE}, "200 OK", f"Set-Cookie: {cookie}")
        )
        # Some parsers refuse a control character in a header, and may.
        yield Case(f"status: a cookie {cookie[:12]!r}", do, at, frozenset({"", "Unreachable"}))
    yield Case("status: 401 that drips", *_at("status", drips(_head(status="401 X"))), frozenset({"Unauthorized"}))
    yield Case("run: 401 that drips", *_at("run", drips(_head(status="401 X"))), frozenset({"Unauthorized"}))
    yield Case("run: 999", *_at("run", answer(b"", "999 X")), frozenset({"SubmissionUnknown"}))


def _error(status: int, place: str) -> str:
    run = place == "run"
    if status >= 500:
        return "SubmissionUnknown" if run else "Unreachable"
    known = {
        401: "Unauthorized", 403: "Unauthorized", 404: "EndpointNotFound" if run else "ResultGone", 429: "RateLimited",
        400: "InputRefused" if run else "", 413: "InputRefused" if run else "", 422: "InputRefused" if run else "",
    }  # fmt: skip
    return known.get(status) or "UnexpectedAnswer"


def _values() -> Iterator[Case]:
    for number, job_id in enumerate(IDS):
        do, at = _at("run", says({"id": job_id, "status": "IN_QUEUE"}))
        yield Case(f"run: the id {number} {_short(job_id)}", do, at, frozenset({"UnexpectedAnswer"}))
    for number, state in enumerate(STATES):
        do, at = _at("status", says({"id": "j1", "status": state, "output": DONE}))
        yield Case(f"status: the state {number} {_short(state)}", do, at, frozenset({"UnexpectedAnswer"}))
    for number, output in enumerate(OUTPUTS):
        do, at = _at("status", says({"id": "j1", "status": "COMPLETED", "output": output}))
        yield Case(f"status: the output {number} {_short(output)}", do, at, frozenset({"ResultGone"}))
    for number, error in enumerate(ERRORS):
        do, at = _at("status", says({"id": "j1", "status": "FAILED", "error": error}))
        errors = frozenset({"JobFailed", "InvalidInput", "JobTimeout"})
        yield Case(f"status: the error {number} {_short(error)}", do, at, errors)
    for number, progress in enumerate(PROGRESS):
        then = [says({"id": "j1", "status": "IN_PROGRESS", "output": progress}), COMPLETED]
        do, at = _at("status", _in_turn(then))
        yield Case(f"status: the progress {number} {_short(progress)}", do, at, frozenset({""}))
    for number, state in enumerate(("\x1b[2J" * 1000, "running", "X" * 500_000)):
        do, at = _at("status", says({"id": "j1", "status": state}))
        yield Case(f"status: for ever {number} {_short(state)}", do, at, frozenset({"CallTimeout"}))


def _media() -> Iterator[Case]:
    for number, url in enumerate(URLS):
        output = {"url": url, **MEASURED}
        yield Case(f"file: the address {number} {_short(url)}", "save", {}, frozenset({"MediaBroken"}), output)
    for number, file in enumerate(FILES):
        yield Case(f"file: {number} {_short(file)}", "save", {}, frozenset({"MediaBroken"}), {"prompt_id": "p", **file})
    there: dict[str, object] = {"url": "HERE/file/1?signature=s3cret", **MEASURED}
    small = {"data": base64.b64encode(b"a").decode(), "media_type": "video/mp4"}
    for name, files in {
        "more files than taken, by URL": [{**there, "bytes": None}] * (MOST_FILES + 1),
        "more files than taken, in the answer": [small] * (MOST_FILES + 1),
        "more files than taken, empty": [{}] * 50_000,
        "more bytes than taken, together": [there] * (MOST_TOTAL // len(FILE) + 1),
        "more bytes than a double tells, together": [{**there, "bytes": 2**53 - 1}] * MOST_FILES,
    }.items():
        yield Case(f"files: {name}", "save", {"file": answer(FILE)}, frozenset({"MediaBroken"}), {"video": files})
    for number, location in enumerate(
        ("OTHER/file/1", "ftp://127.0.0.1/x", "http://u:p@127.0.0.1/x", "\x00", "http://[", "/file/1")
    ):
        act = answer(b"", "302 X", f"Location: {location}")
        output = {"url": "HERE/file/1?signature=s3cret", **MEASURED}
        yield Case(
            f"file: moved to {number} {_short(location)}", "save", {"file": act}, frozenset({"MediaBroken"}), output
        )


def _in_turn(acts: list[Act]) -> Act:
    left = list(acts)

    async def act(writer: asyncio.StreamWriter) -> None:
        # From the beginning again for the next client.
        one = left.pop(0)
        left.append(one)
        await one(writer)

    return act


def _short(value: object) -> str:
    return ascii(value)[:40]
