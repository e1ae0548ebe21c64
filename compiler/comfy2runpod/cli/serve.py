"""serve: packages as endpoints on this machine, with their pages."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
from contextlib import suppress
from pathlib import Path

import click

from comfy2runpod.cli.packages import check_names, read_docs
from comfy2runpod.cli.say import say
from comfy2runpod.diagnostics import Locus, UnreachableError
from comfy2runpod.docs_site import site_files
from comfy2runpod.errors.files import CannotListen
from comfy2runpod.local_endpoint import API_KEY, LocalServer, Package, pages_of, read_package


@click.command("serve")
@click.argument("packages", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free one.")
@click.option("--comfyui", metavar="URL", help="A running ComfyUI. Default: the simulator, which runs no model.")
@click.option("--api-key", default=API_KEY, show_default=True, help="What callers send as bearer.")
@click.option(
    "--seconds-per-step", type=click.FloatRange(0), default=0.0, help="How long a step of the simulator takes."
)
def serve_command(
    packages: tuple[Path, ...], host: str, port: int, comfyui: str | None, api_key: str, seconds_per_step: float
) -> None:
    """Serve PACKAGES on this machine: RunPod's operations, each package's own handler behind them, and its pages.

    At / is the site that `docs` makes. A job goes to http://HOST:PORT/v2/<package>/run with `Authorization: Bearer
    local`, as it goes to RunPod.
    """
    read = [read_package(folder) for folder in packages]
    check_names([(package.name, package.folder) for package in read])
    if not _is_loopback(host):
        say(
            f"warning: {host} is not loopback: whoever reaches this machine and knows the API key can run jobs on it.",
            err=True,
        )
    server = LocalServer(
        read,
        host=host,
        port=port,
        comfyui=comfyui,
        api_key=api_key,
        seconds_per_step=seconds_per_step,
        pages=pages_of(site_files(read_docs(packages, any_version=True)), [package.name for package in read]),
    )
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(server, read))
    say("Ended.")


COMMANDS = (serve_command,)


async def _serve(server: LocalServer, packages: list[Package]) -> None:
    try:
        url = await server.__aenter__()
    except OSError as error:
        at = Locus(f"{server.host}:{server.port}")
        raise UnreachableError(CannotListen(at=at, problem=error.strerror or str(error))) from error
    try:
        say(f"Serving on {url} until Ctrl+C, with `Authorization: Bearer {server.api_key}`:")
        for package in packages:
            say(f"  {package.title}\n    page {url}/{package.name}/\n    API  {url}/v2/{package.name}")
        if server.comfyui is None:
            say("SIMULATED: placeholder media of the size that the prompt implies; no model is run.")
        ended = asyncio.Event()
        # Its workers are processes of their own, which would outlive it.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()
    finally:
        await server.__aexit__()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
