"""serve: packages as endpoints on this machine, with their pages."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
from pathlib import Path

import click

from comfy2runpod.cli.packages import named_folders, named_otherwise, read_docs
from comfy2runpod.cli.process import INTERRUPTED
from comfy2runpod.cli.say import say
from comfy2runpod.cli.simulated import comfyui_option, simulated
from comfy2runpod.cli.terminal import terminal
from comfy2runpod.diagnostics import Locus, UnreachableError
from comfy2runpod.docs_site import site_files
from comfy2runpod.errors.files import CannotListen
from comfy2runpod.local_endpoint import API_KEY, LocalServer, Package, pages_of, read_package
from comfy2runpod_contract.texts import one_line


@click.command("serve")
@click.argument("packages", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free one.")
@comfyui_option
@click.option("--api-key", default=API_KEY, show_default=True, help="The bearer token that callers send.")
@click.option(
    "--seconds-per-step", type=click.FloatRange(0), default=0.0, help="How long one step takes in the simulator."
)
def serve_command(
    packages: tuple[Path, ...], host: str, port: int, comfyui: str | None, api_key: str, seconds_per_step: float
) -> None:
    """Serve PACKAGES on this machine as RunPod would, with their pages; each a package, or a folder of packages.

    \b
    comfy2runpod serve generated/ --port 8000
    curl -H 'Authorization: Bearer local' -d '{"input": {"prompt": "a cat"}}' \\
        http://127.0.0.1:8000/v2/t2v_ltx2/runsync

    Each package's own handler stands behind the operations /run, /runsync, /status, /cancel and the others, below
    /v2/ and the name that it was compiled with. At / is the
    site that `docs` makes, whose pages can send jobs. Ctrl-C ends it, and the workers with it.
    """
    folders = named_folders(packages)
    if not api_key.isascii() or not api_key.isprintable() or not api_key or " " in api_key:
        raise click.BadParameter("a key has letters, digits and signs of ASCII, and no spaces", param_hint="--api-key")
    read = [read_package(folder, name) for name, folder in folders.items()]
    for line in named_otherwise(folders):
        terminal().say(f"note: {line}")
    if not _is_loopback(host):
        terminal().say(
            f"warning: {host} is not loopback: whoever reaches this machine and knows the API key can run jobs on it.",
        )
    server = LocalServer(
        read,
        host=host,
        port=port,
        comfyui=comfyui,
        api_key=api_key,
        seconds_per_step=seconds_per_step,
        environment={} if terminal().verbose else {name: _LOGS[name] for name in _LOGS.keys() - os.environ.keys()},
        pages=pages_of(site_files(read_docs(packages, any_version=True)), [package.name for package in read]),
    )
    code = 0
    try:
        asyncio.run(_serve(server, read))
    except KeyboardInterrupt:
        code = INTERRUPTED
    say("Ended.")
    if code:
        raise click.exceptions.Exit(code)


COMMANDS = (serve_command,)

# The worker's log, and only errors of the SDK's.
_LOGS = {"LOG_FORMAT": "text", "RUNPOD_LOG_LEVEL": "WARN"}


async def _serve(server: LocalServer, packages: list[Package]) -> None:
    try:
        url = await server.__aenter__()
    except OSError as error:
        at = Locus(f"{server.host}:{server.port}")
        raise UnreachableError(CannotListen(at=at, problem=error.strerror or str(error))) from error
    try:
        say(f"Serving on {url} until Ctrl+C, with `Authorization: Bearer {server.api_key}`:")
        for package in packages:
            say(f"  {one_line(package.title)}\n    page {url}/{package.name}/\n    API  {url}/v2/{package.name}")
        if server.comfyui is None:
            say(simulated())
        ended = asyncio.Event()
        # Its workers are separate processes, which would outlive it.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()
    finally:
        await server.__aexit__()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
