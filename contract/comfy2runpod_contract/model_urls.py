"""Which URLs a model file may be fetched from. Compiling and provisioning ask this and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

_MOST_CHARACTERS = 2048
_SEEN = re.compile(r"[^\s\x00-\x20\x7f-\xa0\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_ADDRESS = re.compile(r"\[[0-9a-f:.]{2,45}\]")
_PORT = 65_535
# Beside letters, digits and what a percent sign stands before.
_PATH_SAFE = "/%:@!$&'*+,;=~-._"
_QUERY_SAFE = "/?%:@!$'*+,;=~-._&"
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

# Keys of a query under which a secret, or the permission of one person for a while, is handed over.
_SECRET_KEYS = frozenset(
    {
        "accesskey", "accesstoken", "apikey", "apitoken", "auth", "authkey", "authorization", "authtoken",
        "awsaccesskeyid", "bearer", "credential", "credentials", "googleaccessid", "hftoken", "jwt", "key", "keypairid",
        "pass", "passwd", "password", "pat", "policy", "pwd", "secret", "secretkey", "session", "sessionid", "sig",
        "sign", "signature", "ticket", "token", "user", "username",
    }
)  # fmt: skip
_SIGNED_KEYS = ("x-amz-", "x-goog-", "x-oss-", "x-cos-", "q-sign", "q-signature")
# Values that are secrets by their form, wherever they stand.
_SECRET_VALUE = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{16,}|ghp_[A-Za-z0-9]{16,}|github_pat_\w{16,}|sk-[A-Za-z0-9_-]{16,}|rpa_[A-Za-z0-9]{16,}"
    r"|AKIA[A-Z0-9]{12,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})"
)

_HUB = frozenset({"huggingface.co", "www.huggingface.co", "hf.co", "www.hf.co"})
_CIVITAI = frozenset({"civitai.com", "www.civitai.com", "civitai.green", "civitai.red"})
_HUB_FILE = re.compile(
    r"/(?P<repo>(?:(?:datasets|spaces)/)?[^/]+(?:/[^/]+)?)/(?P<how>resolve|blob|raw)/(?P<revision>[^/]+)/(?P<path>.*[^/])"
)
# The ways of other sites to show a file in a page: what its path looks like, and where the file itself is.
_PAGES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "github.com": (
        re.compile(
            r"(?:/[^/]*){0,2}|/[^/]+/[^/]+/(?:(?:blob|tree|wiki|issues|pulls?)(?:/.*)?|releases(?:/tag/.*|/latest|/)?)"
        ),
        "Give the file's own address, such as https://github.com/OWNER/NAME/releases/download/TAG/FILE.",
    ),
    "drive.google.com": (re.compile(r"/(?!uc).*"), "Google Drive gives large files to people only; put it elsewhere."),
    "modelscope.cn": (
        re.compile(r"/models/[^/]+/[^/]+(?:/(?:files|summary|file/view).*)?"),
        "Give the file's own address: https://modelscope.cn/models/OWNER/NAME/resolve/master/FILE.",
    ),
}
_TOKENS = (
    "Take it out of the URL. A token belongs into the endpoint's environment, as a secret: HF_TOKEN for Hugging Face, "
    "CIVITAI_TOKEN for Civitai. Make a new one: whoever has the graph has this one."
)


class ModelUrlRefused(ValueError):
    """A URL that no model file is fetched from: why, and what to do, a sentence each."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason = reason
        self.remedy = remedy


def model_url(text: str) -> str:
    """A model file's URL in its one form: a file's own address, escaped, without what only a browser needs.

    A Hugging Face page of a file (`blob/`) becomes the file's address, and `?download=true` goes.

    Raises:
        ModelUrlRefused: it is no http(s) URL of a file, or carries somebody's credentials.
    """
    if len(text) > _MOST_CHARACTERS or not _SEEN.fullmatch(text) or "\\" in text:
        raise _no_url("it is longer than a URL, or has spaces or other characters that none has")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _no_url(str(error)) from None
    if parts.scheme not in ("http", "https"):
        raise _no_url("it does not begin with https:// or http://")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ModelUrlRefused("It carries a user name or password.", _TOKENS)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    if not _is_host(host) or (port is not None and not 0 < port <= _PORT):
        raise _no_url("it names no host, or one that is not written in ASCII")
    if {".", ".."} & set(unquote(parts.path).split("/")):
        raise _no_url("its path has parts that lead elsewhere")
    _refuse_secrets(parts.path, parts.query)
    path = quote(_ESCAPE.sub("%25", parts.path), safe=_PATH_SAFE)
    query = quote(_ESCAPE.sub("%25", parts.query), safe=_QUERY_SAFE)
    if host in _HUB:
        return _hub_url(path)
    _refuse_pages(host, path)
    at = host if port is None or (parts.scheme, port) in (("http", 80), ("https", 443)) else f"{host}:{port}"
    return urlunsplit((parts.scheme, at, path, query, ""))


def hub_file(url: str) -> tuple[str, str, str] | None:
    """Repository, revision and path of a Hugging Face URL in its one form, unescaped; None of any other."""
    parts = urlsplit(url)
    found = _HUB_FILE.fullmatch(parts.path) if parts.hostname == "huggingface.co" else None
    # Data sets and spaces are other kinds of repository, asked for in other ways.
    if found is None or found["repo"].startswith(("datasets/", "spaces/")):
        return None
    return unquote(found["repo"]), unquote(found["revision"]), unquote(found["path"])


def _is_host(host: str) -> bool:
    return _ADDRESS.fullmatch(host) is not None or all(map(_LABEL.fullmatch, host.removesuffix(".").split(".")))


def _hub_url(path: str) -> str:
    found = _HUB_FILE.fullmatch(path)
    if found is None:
        raise ModelUrlRefused(
            "It is a page of Hugging Face, not a file.",
            "Give the file's own address: https://huggingface.co/OWNER/NAME/resolve/REVISION/PATH.",
        )
    return f"https://huggingface.co/{found['repo']}/resolve/{found['revision']}/{found['path']}"


def _refuse_secrets(path: str, query: str) -> None:
    if _SECRET_VALUE.search(unquote(f"{path}?{query}")):
        raise ModelUrlRefused("It carries a token.", _TOKENS)
    # Some servers separate by semicolons.
    for key, _ in parse_qsl(query.replace(";", "&"), keep_blank_values=True):
        folded = key.strip().casefold()
        if folded.startswith(_SIGNED_KEYS) or re.sub(r"[^a-z0-9]", "", folded) in _SECRET_KEYS:
            raise ModelUrlRefused(f"It carries credentials, under `{key[:40]}`.", _TOKENS)


def _refuse_pages(host: str, path: str) -> None:
    if host in _CIVITAI and not path.startswith("/api/download/"):
        raise ModelUrlRefused(
            "It is a page of Civitai, not a file.",
            "Give the version's download address: https://civitai.com/api/download/models/VERSION.",
        )
    pages = _PAGES.get(host.removeprefix("www."))
    if pages is not None and pages[0].fullmatch(path):
        raise ModelUrlRefused("It is a page that shows a file, not the file.", pages[1])
    if path in ("", "/") or path.endswith(("/", ".html", ".htm")):
        raise ModelUrlRefused("It names no file.", "Give the address that a browser downloads the file from.")


def _no_url(problem: str) -> ModelUrlRefused:
    return ModelUrlRefused(
        f"This is not the URL of a file: {problem}.", "Write the address as a browser shows it: https://…"
    )
