"""OpenStack Swift with its S3 API, as Debian has it: a real S3 server, which refuses forged and expired signatures."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

_BINARIES = ("swift-ring-builder", "swift-proxy-server", "swift-object-server", "memcached")
_START_SECONDS = 120
ACCESS_KEY, SECRET_KEY = "test:tester", "testing"

_BACKEND = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}
devices = {folder}/disk
mount_check = false
workers = 0
fallocate_reserve = 0
log_facility = LOG_LOCAL1
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

_PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}
workers = 0
[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats bulk s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{cache}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


@dataclass(frozen=True)
class Swift:
    """A running server."""

    url: str

    def environment(self, bucket: str) -> dict[str, str]:
        """A worker's variables for one of its buckets."""
        return {
            "BUCKET_ENDPOINT_URL": self.url,
            "BUCKET_ACCESS_KEY_ID": ACCESS_KEY,
            "BUCKET_SECRET_ACCESS_KEY": SECRET_KEY,
            "BUCKET_NAME": bucket,
        }

    def client(self) -> Any:
        """The test's own way in."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def keys(self, bucket: str) -> list[str]:
        """What is in a bucket."""
        return [item["Key"] for item in self.client().list_objects_v2(Bucket=bucket).get("Contents", [])]


def missing() -> list[str]:
    """Which of the programs that it is made of are not here."""
    return [name for name in _BINARIES if shutil.which(name) is None]


@contextmanager
def running_swift(folder: Path) -> Iterator[Swift]:
    """The server, its data in a folder, for as long as the context is open."""
    ports = {name: _free_port() for name in ("account", "container", "object", "proxy", "cache")}
    user = "root" if os.getuid() == 0 else os.environ["USER"]
    (folder / "disk" / "sdb1").mkdir(parents=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for kind in ("account", "container", "object"):
        device = f"r1z1-127.0.0.1:{ports[kind]}/sdb1"
        for arguments in (["create", "4", "1", "0"], ["add", device, "1"], ["rebalance"]):
            subprocess.run(["swift-ring-builder", f"{kind}.builder", *arguments], cwd=folder, check=True, **quiet)
        config = _BACKEND.format(kind=kind, port=ports[kind], folder=folder, user=user)
        (folder / f"{kind}.conf").write_text(config)
    config = _PROXY.format(port=ports["proxy"], cache=ports["cache"], folder=folder, user=user)
    (folder / "proxy.conf").write_text(config)
    with ExitStack() as stack:
        memory = ["memcached", "-u", user, "-l", "127.0.0.1", "-p", str(ports["cache"]), "-m", "32"]
        stack.enter_context(_process(memory, folder))
        for kind in ("account", "container", "object", "proxy"):
            # Debian's Python has Swift; the tests' own has not.
            server = ["/usr/bin/python3", f"/usr/bin/swift-{kind}-server", f"{folder}/{kind}.conf"]
            stack.enter_context(_process(server, folder))
        swift = Swift(f"http://127.0.0.1:{ports['proxy']}")
        _wait(swift.url, folder)
        yield swift


@contextmanager
def _process(command: list[str], folder: Path) -> Iterator[None]:
    environment = {"PATH": os.environ["PATH"], "SWIFT_DIR": str(folder)}
    with (folder / f"{Path(command[-1]).stem}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.kill()
            process.wait()


def _wait(url: str, folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    client = Swift(url).client()
    while True:
        try:
            # All of the servers behind it have to be up for this.
            client.create_bucket(Bucket="ready")
        except Exception as error:
            if time.monotonic() > deadline:
                logs = "".join(path.read_text()[-2000:] for path in folder.glob("*.log"))
                raise RuntimeError(f"Swift does not start: {error}\n{logs}") from error
            time.sleep(0.2)
        else:
            return


def _free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
