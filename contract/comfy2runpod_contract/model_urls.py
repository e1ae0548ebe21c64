"""Which URLs a model file may be downloaded from: the one rule of compiling and provisioning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from comfy2runpod_contract.addresses import is_private_host, is_public_host
from comfy2runpod_contract.secret_texts import SECRET_VALUE, is_secret_parameter
from comfy2runpod_contract.texts import is_plain

HUB = "https://huggingface.co"
# The environment variables with the tokens of the sites that have some.
MODEL_TOKENS = ("HF_TOKEN", "CIVITAI_TOKEN")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MOST_CHARACTERS = 2048
_VISIBLE = re.compile(r"[^\s\x00-\x20\x7f-\xa0\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_ADDRESS = re.compile(r"\[[0-9a-f:.]{2,45}\]")
_PORT = 65_535
# Characters that are not escaped, beside letters and digits.
_PATH_SAFE = "/%:@!$&'*+,;=~-._"
_QUERY_SAFE = "/?%:@!$'*+,;=~-._&"
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

_HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co", "www.hf.co"})
# Mirrors of the hub, which have the same paths.
_MIRRORS = frozenset({"hf-mirror.com", "www.hf-mirror.com"})
_DROPBOX = frozenset({"dropbox.com", "www.dropbox.com"})
_CIVITAI = frozenset({"civitai.com", "www.civitai.com", "civitai.green", "civitai.red"})
_HUB_FILE = re.compile(
    r"/(?P<repo>(?:(?:datasets|spaces)/)?[^/]+(?:/[^/]+)?)/(?P<how>resolve|blob|raw)/(?P<revision>[^/]+)/(?P<path>.*[^/])"
)
# Pages of other sites that show a file: their paths, and where the file itself is.
_PAGES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "github.com": (
        re.compile(
            r"(?:/[^/]*){0,2}|/[^/]+/[^/]+/(?:(?:blob|tree|wiki|issues|pulls?)(?:/.*)?|releases(?:/tag/.*|/latest|/)?)"
        ),
        "Give the file's own address, such as https://github.com/OWNER/NAME/releases/download/TAG/FILE.",
    ),
    "gitlab.com": (
        re.compile(r"(?:/[^/]*){0,2}|/.+/-/(?!raw/|package_files/|releases/.+/downloads/).*"),
        "Give the file's own address: https://gitlab.com/OWNER/NAME/-/raw/BRANCH/FILE.",
    ),
    "bitbucket.org": (
        re.compile(r"(?:/[^/]*){0,2}|/[^/]+/[^/]+/src/.*"),
        "Give the file's own address: https://bitbucket.org/OWNER/NAME/raw/COMMIT/FILE.",
    ),
    "drive.google.com": (
        re.compile(r"/(?!uc).*"),
        "Google Drive serves large files to browsers only; host the file elsewhere.",
    ),
    "pixeldrain.com": (
        re.compile(r"/(?!api/file/).*"),
        "Give the file's own address: https://pixeldrain.com/api/file/ID.",
    ),
    "openmodeldb.info": (re.compile(r".*"), "Give the address that its download button leads to."),
    **dict.fromkeys(
        (
            "mega.nz",
            "mega.co.nz",
            "mega.io",
            "1drv.ms",
            "onedrive.live.com",
            "we.tl",
            "wetransfer.com",
            "gofile.io",
            "mediafire.com",
            "pan.baidu.com",
            "terabox.com",
            "icloud.com",
            "disk.yandex.ru",
            "yadi.sk",
        ),
        (re.compile(r".*"), "That site serves files to browsers only; host the file where a program can download it."),
    ),
    "modelscope.cn": (
        re.compile(r"/models/[^/]+/[^/]+(?:/(?:files|summary|file/view).*)?"),
        "Give the file's own address: https://modelscope.cn/models/OWNER/NAME/resolve/master/FILE.",
    ),
}
_TOKENS = (
    "Remove it from the URL. A token belongs in the endpoint's environment, as a secret: HF_TOKEN for Hugging Face, "
    "CIVITAI_TOKEN for Civitai. Create a new one: everyone who has the graph has this one."
)


class ModelUrlRefused(ValueError):
    """A URL that is not accepted for a model file: the reason and the remedy, a sentence each."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason = reason
        self.remedy = remedy


def hub_address(environment: Mapping[str, str]) -> str:
    """The address of the hub that the environment names, as huggingface_hub reads it; without a slash at its end."""
    return (environment.get("HF_ENDPOINT") or HUB).rstrip("/")


def model_url(text: str, hub: str | None = None) -> str:
    """A model file's URL in canonical form: the file's own address, escaped, without what only a browser needs.

    A Hugging Face page of a file (`blob/`) becomes the file's address, and `?download=true` is removed.

    Args:
        text: the URL.
        hub: the address of the user's own hub, which may be anywhere.

    Raises:
        ModelUrlRefused: it is not an http(s) URL of a file, its host is a cloud's own or hidden, or it contains
            credentials.
    """
    if len(text) > _MOST_CHARACTERS or not _VISIBLE.fullmatch(text) or "\\" in text:
        raise _no_url("it is too long, or has spaces or other characters that no URL has")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _no_url(str(error)) from None
    if parts.scheme not in ("http", "https"):
        raise _no_url("it does not begin with https:// or http://")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ModelUrlRefused("It contains a user name or password.", _TOKENS)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    if not _is_host(host) or (port is not None and not 0 < port <= _PORT):
        raise _no_url("it names no host, or one that is not written in ASCII")
    if not is_public_host(host) and not is_private_host(host) and not _is_of_hub(text, hub):
        raise ModelUrlRefused(
            f"Its host {host} is a reserved address, such as that of a cloud's metadata service, or an IPv4 address "
            "that is not written as four decimal numbers.",
            "Use a public address. If it is your own hub's, set HF_ENDPOINT to that hub, here and on the endpoint.",
        )
    if {".", ".."} & set(unquote(parts.path).split("/")):
        raise _no_url("its path has a part . or ..")
    if not is_plain(unquote(parts.path)) or not is_plain(unquote(parts.query)):
        raise _no_url("it has escaped characters that are invisible")
    _refuse_secrets(parts.path, parts.query)
    path = quote(_ESCAPE.sub("%25", parts.path), safe=_PATH_SAFE)
    query = quote(_ESCAPE.sub("%25", parts.query), safe=_QUERY_SAFE)
    if host in _HUB_HOSTS:
        return _hub_url(path, "huggingface.co")
    if host in _MIRRORS:
        return _hub_url(path, "hf-mirror.com")
    _refuse_pages(host, path)
    if host in _DROPBOX:
        query = _dropbox_query(path, query)
    at = host if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{host}:{port}"
    return urlunsplit((parts.scheme, at, path, query, ""))


def private_host(url: str, hub: str | None = None) -> str | None:
    """The host of a model's URL in canonical form if it is of a private network or of this machine, else None.

    Args:
        url: the URL.
        hub: the address of the user's own hub, whose place the user knows.
    """
    host = urlsplit(url).hostname or ""
    return host if is_private_host(host) and not _is_of_hub(url, hub) else None


def hub_file(url: str) -> tuple[str, str, str] | None:
    """Repository, revision and path of a Hugging Face URL in canonical form, unescaped; None for any other URL."""
    parts = urlsplit(url)
    found = _HUB_FILE.fullmatch(parts.path) if parts.hostname == "huggingface.co" else None
    # Data sets and spaces are other kinds of repository, with other API paths.
    if found is None or found["repo"].startswith(("datasets/", "spaces/")):
        return None
    return unquote(found["repo"]), unquote(found["revision"]), unquote(found["path"])


def _is_of_hub(url: str, hub: str | None) -> bool:
    """Whether a URL has the hub's scheme, host and port."""
    return hub is not None and _origin(hub) == _origin(url)


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """Scheme, host and port of a URL; None if it is none."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None


def _is_host(host: str) -> bool:
    return _ADDRESS.fullmatch(host) is not None or all(map(_LABEL.fullmatch, host.removesuffix(".").split(".")))


def _hub_url(path: str, host: str) -> str:
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise _no_url("its path is not UTF-8") from None
    found = _HUB_FILE.fullmatch(path)
    if found is None:
        raise ModelUrlRefused(
            "It is a page of Hugging Face, not a file.",
            f"Give the file's own address: https://{host}/OWNER/NAME/resolve/REVISION/PATH.",
        )
    return f"https://{host}/{found['repo']}/resolve/{found['revision']}/{found['path']}"


def _dropbox_query(path: str, query: str) -> str:
    """The query with which Dropbox serves a shared file and not the page that shows it."""
    if not path.startswith(("/s/", "/scl/fi/")):
        raise ModelUrlRefused(
            "It is a page of Dropbox, not a file.", "Share the file itself: https://www.dropbox.com/scl/fi/…?dl=1."
        )
    kept = [item for item in query.split("&") if item and item.partition("=")[0] not in ("dl", "raw")]
    return "&".join([*kept, "dl=1"])


def _refuse_secrets(path: str, query: str) -> None:
    if SECRET_VALUE.search(unquote(f"{path}?{query}")):
        raise ModelUrlRefused("It contains a token.", _TOKENS)
    # Some servers separate parameters by semicolons, also in the path.
    parameters = "&".join(
        (*(part.replace(";", "&") for part in path.split("/") if ";" in part), query.replace(";", "&"))
    )
    for key, _ in parse_qsl(parameters, keep_blank_values=True):
        if is_secret_parameter(key.strip()):
            raise ModelUrlRefused(f"It contains credentials, in `{key[:40]}`.", _TOKENS)


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
