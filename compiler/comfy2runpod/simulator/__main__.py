"""`python -m comfy2runpod.simulator`: a simulated ComfyUI on loopback, until it is interrupted."""

from __future__ import annotations

import time

import click

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.simulator.server import running_simulator


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8188, show_default=True, help="0 takes any free one.")
@click.option("--seconds-per-step", type=click.FloatRange(0), default=0.0, help="How long a sampling step takes.")
@click.option("--metadata", is_flag=True, help="Files tell the prompt, as those of ComfyUI do by default.")
@click.option("--previews", is_flag=True, help="Samplers send previews, as with ComfyUI's --preview-method auto.")
def main(port: int, seconds_per_step: float, *, metadata: bool, previews: bool) -> None:
    """Simulate a ComfyUI: prompts are checked and answered with placeholder media."""
    with running_simulator(
        load_catalog(), port=port, seconds_per_step=seconds_per_step, metadata=metadata, previews=previews
    ) as simulator:
        click.echo(f"Simulated ComfyUI on {simulator.url}; no model is run. Ctrl+C ends it.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            click.echo("Ended.")


if __name__ == "__main__":
    main()
