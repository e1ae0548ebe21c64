"""The digest of an image's tag, as its registry tells it: the protocol of the OCI's distribution specification."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from comfy2runpod_contract.texts import one_line

_SECONDS = 15.0
_MAX_ANSWER_BYTES = 64 * 1024
_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LOOPBACK = ("localhost", "127.0.0.1")
_UNAUTHORIZED = 401


class NoDigest(Exception):
    """The digest is not to be had: no such name, or the registry did not tell it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's name: the registry's host, the repository in it, and the tag."""

    host: str
    repository: str
    tag: str

    @property
    def base_url(self) -> str:
        """Where the registry answers: plain HTTP on this machine alone."""
        scheme = "http" if self.host.partition(":")[0] in _LOOPBACK else "https"
        host = "registry-1.docker.io" if self.host == "docker.io" else self.host
        return f"{scheme}://{host}/v2/{self.repository}"


def parse_reference(name: str) -> Reference:
    """An image's name, as engines read it.

    Raises:
        NoDigest: it is no name of an image with a tag.
    """
    first, slash, rest = name.partition("/")
    host, path = (first, rest) if slash and (first == "localhost" or set(".:") & set(first)) else ("docker.io", name)
    repository, _, tag = path.rpartition(":") if ":" in path else (path, "", "latest")
    if host == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    if not (_HOST.fullmatch(host) and _REPOSITORY.fullmatch(repository) and _TAG.fullmatch(tag)):
        raise NoDigest(f"{name!r} is no name of an image")
    return Reference(host, repository, tag)


def digest_of(name: str, *, seconds: float = _SECONDS) -> str:
    """The digest of what an image's name means now, such as `sha256:…`.

    Raises:
        NoDigest: its registry does not tell it, or cannot be reached.
    """
    reference = parse_reference(name)
    url = f"{reference.base_url}/manifests/{reference.tag}"
    try:
        with httpx.Client(timeout=seconds, follow_redirects=False) as client:
            answer = client.head(url, headers={"Accept": _ACCEPT})
            if answer.status_code == _UNAUTHORIZED:
                token = _token(client, answer.headers.get("WWW-Authenticate", ""), reference)
                answer = client.head(url, headers={"Accept": _ACCEPT, "Authorization": f"Bearer {token}"})
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NoDigest(f"{reference.host} cannot be reached: {one_line(str(error)) or type(error).__name__}") from None
    if answer.status_code != httpx.codes.OK:
        raise NoDigest(f"{reference.host} answers with HTTP {answer.status_code}")
    digest = answer.headers.get("Docker-Content-Digest", "")
    if _DIGEST.fullmatch(digest) is None:
        raise NoDigest(f"{reference.host} tells no digest")
    return str(digest)


def _token(client: httpx.Client, challenge: str, reference: Reference) -> str:
    """A token for reading what anybody may read, of the place that the registry names."""
    told = dict(re.findall(r'(\w+)="([^"\r\n]*)"', challenge))
    realm = told.get("realm", "")
    place = urlsplit(realm)
    if not challenge.lower().startswith("bearer ") or not (place.scheme == "https" or place.hostname in _LOOPBACK):
        raise NoDigest(f"{reference.host} wants to be logged in to")
    asked = {"service": told.get("service", ""), "scope": f"repository:{reference.repository}:pull"}
    with client.stream("GET", realm, params=asked) as answer:
        data = b""
        for part in answer.iter_bytes():
            data += part
            if len(data) > _MAX_ANSWER_BYTES:
                raise NoDigest(f"{place.hostname} answers with more than a token")
        if answer.status_code != httpx.codes.OK:
            raise NoDigest(f"{place.hostname} gives no token: HTTP {answer.status_code}")
    token = httpx.Response(200, content=data).json()
    text = token.get("token") or token.get("access_token") if isinstance(token, dict) else None
    if not isinstance(text, str) or re.fullmatch(r"[\x21-\x7e]+", text) is None:
        raise NoDigest(f"{place.hostname} gives no token")
    return text
