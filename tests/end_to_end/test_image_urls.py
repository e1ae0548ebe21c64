"""Images by URL: fetched from a real https server on loopback, in place of a public one where a test says so."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import httpcore
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.pipeline import Options, compile_graph
from comfy2runpod.simulator import Simulator
from comfy2runpod.write import write_package
from comfy2runpod_contract import addresses
from comfy2runpod_runtime.inputs import fetch
from comfy2runpod_runtime.inputs.input_errors import MediaRefused
from tests.handlers import Handlers

from .conftest import failure
from .images import drawn, saved, text_of
from .test_image_inputs import left

GRAPH = Path(__file__).parent / "scale_image.json"
IMAGE = saved(drawn(size=(64, 64)))


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for `localhost` that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


@dataclass
class Server:
    """What stands at which path, over https and http."""

    url: str = ""
    http_url: str = ""
    asked: list[web.Request] = field(default_factory=list)
    # Further files, by path.
    files: dict[str, bytes] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if request.path in self.files:
            return web.Response(body=self.files[request.path])
        match request.path.split("/")[1]:
            case "image.png" | "x.png":
                return web.Response(body=IMAGE)
            case "status":
                return web.Response(status=int(request.path.rsplit("/", maxsplit=1)[1]))
            case "to":
                return web.Response(status=302, headers={"Location": request.query["url"]})
            case "hop":
                count = int(request.path.rsplit("/", maxsplit=1)[1])
                return web.Response(status=307, headers={"Location": f"/hop/{count - 1}" if count else "/image.png"})
            case "nowhere":
                return web.Response(status=302)
            case "page":
                return web.Response(text="<html>log in</html>", content_type="image/png")
            case "large":
                return web.Response(body=bytes(2_000_001), content_type="image/png")
            case "gzip":
                return web.Response(body=IMAGE, headers={"Content-Encoding": "gzip"})
        return await self._odd(request)

    async def _odd(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        assert request.transport is not None
        match request.path:
            case "/silent":
                await asyncio.sleep(60)
            case "/endless":
                response.enable_chunked_encoding()
                await response.prepare(request)
                while True:
                    await response.write(bytes(100_000))
            case "/trickle":
                await response.prepare(request)
                while True:
                    await response.write(b"\0")
                    await asyncio.sleep(0.05)
            case "/short":
                response.content_length = 2 * len(IMAGE)
                await response.prepare(request)
                await response.write(IMAGE)
                request.transport.abort()
            case "/says-less":
                request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + IMAGE)  # type: ignore[attr-defined]
                await asyncio.sleep(1)
            case "/says-more-than-allowed":
                request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")  # type: ignore[attr-defined]
                await asyncio.sleep(60)
            case "/no-http":
                request.transport.write(b"SSH-2.0-OpenSSH\r\n\r\n")  # type: ignore[attr-defined]
                request.transport.close()
            case "/many-headers":
                lines = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(500))
                request.transport.write(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n")  # type: ignore[attr-defined]
                request.transport.close()
        return response


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    cert, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    running = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", running.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    running.url, running.http_url = (
        f"{scheme}://localhost:{address[1]}"
        for scheme, address in zip(("https", "http"), runner.addresses, strict=True)
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    fetch._tls.cache_clear()
    yield running
    fetch._tls.cache_clear()
    await runner.cleanup()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages") / "scale_image"
    write_package(compile_graph(GRAPH.read_bytes(), GRAPH.name, load_catalog(), Options()).files, folder)
    return folder


Load = Callable[..., ModuleType]


@pytest.fixture
def load(package: Path, handler_of: Handlers) -> Load:
    """The package's handler, with the environment as it is then."""
    return lambda **environment: handler_of(package, FETCH_TIMEOUT_SECONDS="1.5", **environment)


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 counts as a public address, and no other that would not; `localhost` is that address alone."""
    resolve = socket.getaddrinfo

    def resolved(host: Any, port: Any, family: int = 0, *rest: Any, **more: Any) -> Any:
        return resolve(host, port, socket.AF_INET if host in (b"localhost", "localhost") else family, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setattr(fetch, "is_public", lambda address: address == "127.0.0.1" or addresses.is_public(address))


async def run(handler: ModuleType, url: str) -> dict[str, Any]:
    return dict(await handler.handler({"id": "job-1", "input": {"image": url, "megapixels": 0.1}}))


async def refused(handler: ModuleType, simulator: Simulator, url: str) -> str:
    queued, files, began = simulator.prompts_received, left(simulator), time.monotonic()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        error = failure(await run(handler, url))
        assert list(Path(folder).iterdir()) == []
    assert time.monotonic() - began < 6
    assert (simulator.prompts_received, left(simulator)) == (queued, files)
    assert error["code"] == "invalid_input"
    (detail,) = error["details"]  # type: ignore[misc]
    assert detail["field"] == "image"  # type: ignore[index]
    assert "localhost" not in str(error)
    assert "127.0" not in str(error)
    return str(detail["message"])  # type: ignore[index]


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("path", ["/image.png", "/hop/4", "/to?url=/image.png", "/../../x.png", "/image.png#part"])
async def test_an_image_is_fetched_over_https(load: Load, server: Server, path: str) -> None:
    answer = await run(load(), server.url + path)
    assert (answer["width"], answer["height"]) == (320, 320)
    request = server.asked[0]
    assert request.host == server.url.removeprefix("https://")
    assert "Authorization" not in request.headers
    assert "Cookie" not in request.headers


async def test_a_private_address_is_reached_only_if_the_setting_says_so(
    load: Load, server: Server, simulator: Simulator
) -> None:
    assert "not at a public address" in await refused(load(), simulator, f"{server.url}/image.png")
    assert server.asked == []
    assert "error" not in await run(load(FETCH_ALLOW_PRIVATE_ADDRESSES="true"), f"{server.url}/image.png")


@pytest.mark.usefixtures("public")
async def test_http_is_fetched_only_if_the_setting_says_so(load: Load, server: Server, simulator: Simulator) -> None:
    assert "the URL is not https" in await refused(load(), simulator, f"{server.http_url}/image.png")
    assert server.asked == []
    assert "error" not in await run(load(FETCH_ALLOW_HTTP="true"), f"{server.http_url}/image.png")


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/status/404", "it was not found (HTTP 404)"),
        ("/status/410", "it was not found (HTTP 410)"),
        ("/status/401", "requires a login (HTTP 401)"),
        ("/status/403", "requires a login (HTTP 403)"),
        ("/status/429", "the server answered HTTP 429"),
        ("/status/500", "the server answered HTTP 500"),
        ("/status/204", "the server answered HTTP 204"),
        ("/hop/5", "it redirects more than 5 times"),
        ("/nowhere", "it redirects without a location"),
        ("/page", "is a web page"),
        ("/large", "it is too large; at most 2 MB are allowed"),
        ("/endless", "it is too large; at most 2 MB are allowed"),
        ("/says-more-than-allowed", "it is too large; at most 2 MB are allowed"),
        ("/gzip", "sent a compressed answer, which was not requested"),
        ("/silent", "it took longer than 1.5 s"),
        ("/trickle", "it took longer than 1.5 s"),
        ("/short", "the connection ended before the whole file had arrived"),
        ("/says-less", "is not a complete PNG image"),
        ("/no-http", "the connection ended before the whole file had arrived"),
        ("/many-headers", "the connection ended before the whole file had arrived"),
    ],
)
async def test_a_fetch_that_fails_says_at_which_step(
    load: Load, server: Server, simulator: Simulator, path: str, reason: str
) -> None:
    assert reason in await refused(load(), simulator, server.url + path)


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("https://127.0.0.2/a.png", "is not at a public address"),
        ("https://169.254.169.254/latest/meta-data", "is not at a public address"),
        ("https://[::1]/a.png", "is not at a public address"),
        ("https://[::ffff:10.0.0.1]/a.png", "is not at a public address"),
        ("https://10.0.0.1/a.png", "is not at a public address"),
        ("//192.168.0.1/a.png", "is not at a public address"),
        ("http://example.com/a.png", "it redirects to a URL that is not https"),
        ("file:///etc/passwd", "it redirects to a URL that is not https"),
        ("gopher://example.com/", "it redirects to a URL that is not https"),
        ("https://me:secret@example.com/", "it redirects to a URL that holds a user name or a password"),
    ],
)
async def test_a_redirect_leads_nowhere_that_a_url_may_not(
    load: Load, server: Server, simulator: Simulator, to: str, reason: str
) -> None:
    assert reason in await refused(load(), simulator, f"{server.url}/to?url={to.replace(':', '%3A')}")
    assert len(server.asked) == 1


@pytest.mark.usefixtures("public")
async def test_an_invalid_certificate_is_reported(
    load: Load, server: Server, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url.replace("localhost", "127.0.0.1")
    assert "the server's certificate is not valid" in await refused(load(), simulator, f"{url}/image.png")
    monkeypatch.delenv("SSL_CERT_FILE")
    fetch._tls.cache_clear()
    assert "the server's certificate is not valid" in await refused(load(), simulator, f"{server.url}/image.png")
    assert server.asked == []


@pytest.mark.usefixtures("public")
async def test_a_server_that_is_not_there_is_reported(load: Load, simulator: Simulator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "the server cannot be reached" in await refused(load(), simulator, f"https://localhost:{port}/a.png")


RULES = fetch.FetchPolicy(timeout_seconds=5)


async def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    # A name server that answers with a public address first, and with the worker's own machine from then on.
    answers = iter(["93.184.216.34"])
    connected: list[str] = []

    def resolved(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers, "127.0.0.1"), 443))]

    async def connect(_self: Any, host: str, *_: Any, **__: Any) -> Any:
        connected.append(host)
        raise httpcore.ConnectError("not from a test")

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    with pytest.raises(MediaRefused, match="the server cannot be reached"):
        await fetch.fetch("https://rebinding.example/a.png", 1000, RULES, b"image/*")
    assert connected == ["93.184.216.34"]


async def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 443)) for host in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(MediaRefused, match="not at a public address"):
        await fetch.fetch("https://mixed.example/a.png", 1000, RULES, b"image/*")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert addresses.is_public(address)


def test_no_address_of_a_special_network_is_public() -> None:
    special = (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.2.0/24 192.168.0.0/16 "
        "198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 ::/128 ::1/128 fc00::/7 fe80::/10 "
        "fec0::/10 ff00::/8 2001:db8::/32 2002::/16 2001::/32 100::/64 ::ffff:10.0.0.0/104 64:ff9b::a00:0/104"
    )
    for text in special.split():
        network = ipaddress.ip_network(text)
        for address in (network[0], network[-1], network[network.num_addresses // 2]):
            assert not addresses.is_public(str(address)), address


async def test_what_was_sent_is_never_echoed(load: Load) -> None:
    payload = "not base64 at all: " + text_of(IMAGE)
    error = failure(await run(load(), payload))
    assert "at all" not in str(error)
