"""A stand-in for the one address of RunPod at which a worker polls for jobs, byte for byte, also under TLS.

It never looks whether the worker has closed its side, as a server or a proxy may do. What it does: hold each poll open,
and send what a test says, when it says so. What it does not do: anything else of RunPod's; `RunPodQueue` does that.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class RawPoll:
    """Polls of one worker at a time.

    Attributes:
        url: where it is.
        asked: set when a poll is open.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._context = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self.url = f"{'http' if certificate is None else 'https'}://127.0.0.1:{self._server.getsockname()[1]}"
        self.asked = threading.Event()
        self._poll: socket.socket | None = None
        self._others: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(1 << 16)
                if b"/job-take/" in request:
                    self._poll = connection
                    self.asked.set()
                else:
                    # The poll for jobs to stop, which the SDK sends to the same place.
                    self._others.append(connection)

    def send(self, data: bytes) -> None:
        """To the poll for jobs that is open."""
        assert self._poll is not None
        self._poll.sendall(data)

    def close(self) -> None:
        """Ends the server and the polls."""
        self._server.close()
        for one in (self._poll, *self._others):
            if one is not None:
                one.close()


@contextmanager
def raw_poll(certificate: Path | None = None) -> Iterator[RawPoll]:
    """Such a server, for as long as the context is open."""
    server = RawPoll(certificate)
    try:
        yield server
    finally:
        server.close()


def job_answer(job_id: str, job_input: object) -> bytes:
    """The answer that hands out a job."""
    body = json.dumps({"id": job_id, "input": job_input}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def write_certificate(file: Path) -> Path:
    """Writes a key and a certificate of loopback's that signs itself; returns the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + certificate.public_bytes(pem))
    return file
