"""The command line: options, reading, printing and exit codes; nothing else. A module a group of commands.

Exit codes: 0 done, 1 the graph or the input was refused, 2 wrong usage, 3 a file or network could not be reached,
4 a bug of ours.
"""

from comfy2runpod.cli import annotate as _annotate
from comfy2runpod.cli import batch as _batch
from comfy2runpod.cli import catalog as _catalog
from comfy2runpod.cli import compile as _compile
from comfy2runpod.cli import diff as _diff
from comfy2runpod.cli import docs as _docs
from comfy2runpod.cli import inspect as _inspect
from comfy2runpod.cli import run as _run
from comfy2runpod.cli import serve as _serve
from comfy2runpod.cli.app import cli, main

__all__ = ["cli", "main"]

for _module in (_compile, _inspect, _annotate, _diff, _run, _serve, _batch, _docs, _catalog):
    for _command in _module.COMMANDS:
        cli.add_command(_command)
