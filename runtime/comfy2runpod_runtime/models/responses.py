"""HTTP responses of a model download: checks, and the tokens that requests send.

A token is sent only to its own site: HF_TOKEN to the Hugging Face hub, CIVITAI_TOKEN to Civitai. It is not sent to a
host that these redirect to, whose URL contains the permission.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import httpx

from comfy2runpod_contract.addresses import is_private_host, is_public_host
from comfy2runpod_contract.model_urls import HUB, hub_address
from comfy2runpod_runtime.errors import ModelUnavailable

_CIVITAI = ("civitai.com", "www.civitai.com")
_WEB_PAGES = ("text/html", "application/xhtml+xml")


class RetryableError(Exception):
    """A failure that may be temporary. The message is for the log and the final error."""


def check_body(response: httpx.Response, name: str, *, size_known: bool) -> None:
    """Checks that a response contains a file.

    Args:
        response: the response to a GET request.
        name: the file's name, for messages.
        size_known: whether the file's size is known. If not, the response must mark the end of its body.

    Raises:
        RetryableError: an error that may be temporary.
        ModelUnavailable: the response contains no file, or its end cannot be detected.
    """
    code, host = response.status_code, response.url.host
    if not response.is_success:
        raise RetryableError(f"HTTP {code}")
    if code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        raise ModelUnavailable(f"{name}: {host} answered HTTP {code}, which contains no file.")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _WEB_PAGES:
        raise ModelUnavailable(
            f"{name}: {host} answered with a web page, such as a login page, instead of the file. Open the URL in a "
            "browser, and use the URL of the file itself."
        )
    if not size_known and not {"content-length", "transfer-encoding"} & {key.lower() for key in response.headers}:
        raise ModelUnavailable(
            f"{name}: {host} sends neither the file's size nor an end marker, so a truncated download cannot be "
            "detected. Use a server that sends the file's size."
        )


def range_start(response: httpx.Response, requested: int) -> int:
    """Returns the offset at which the body starts: the requested one, or 0 if the server does not support ranges.

    Raises:
        RetryableError: the server sent another range.
    """
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    start = response.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    if start != str(requested):
        raise RetryableError("the server sent another range of the file than the requested one")
    return requested


def redirect_url(response: httpx.Response, following: httpx.Request, name: str) -> str:
    """Returns the URL that a response redirects to.

    Args:
        response: the response.
        following: the request that it leads to.
        name: the file's name, for messages.

    Raises:
        ModelUnavailable: it leads from a public server to an address that is not public, or from any to one that is
            neither public nor of a private network.
    """
    host, before = following.url.host, response.url.host
    if host != before and not is_public_host(host) and (is_public_host(before) or not is_private_host(host)):
        raise ModelUnavailable(f"{name}: {before} redirects to {host}, which is not a public address.")
    return str(following.url)


def check_status(response: httpx.Response, name: str) -> None:
    """Raises for an error status.

    Raises:
        RetryableError: 408, 429 or 5xx.
        ModelUnavailable: another error status; the message says what to do.
    """
    code, host = response.status_code, response.url.host
    if code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise ModelUnavailable(
            f"{name}: {host} refuses access (HTTP {code}). Accept the model's licence there, and set "
            f"{'CIVITAI_TOKEN' if host in _CIVITAI else 'HF_TOKEN'} to a token that may read it."
        )
    if code == httpx.codes.NOT_FOUND:
        raise ModelUnavailable(f"{name} is not at its URL (HTTP 404). Check `properties.models` of its loader.")
    if code in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS) or response.is_server_error:
        raise RetryableError(f"HTTP {code}")
    if response.is_error:
        raise ModelUnavailable(f"{name}: {host} answered HTTP {code}.")


def endpoint_url(url: str) -> str:
    """Returns a hub URL with the host of HF_ENDPOINT, as huggingface_hub does; other URLs unchanged."""
    return hub_address(os.environ) + url.removeprefix(HUB) if url.startswith(HUB + "/") else url


def token_header(url: str) -> dict[str, str]:
    """Returns the Authorization header for a URL; empty if its site has no token."""
    hub, requested = urlsplit(hub_address(os.environ)), urlsplit(url)
    name = None
    if (requested.scheme, requested.netloc) == (hub.scheme, hub.netloc):
        name = "HF_TOKEN"
    elif requested.scheme == "https" and requested.netloc in _CIVITAI:
        name = "CIVITAI_TOKEN"
    # A pasted secret often ends with a newline, which a header must not contain.
    token = os.environ.get(name, "").strip() if name is not None else ""
    return {"Authorization": f"Bearer {token}"} if token else {}
