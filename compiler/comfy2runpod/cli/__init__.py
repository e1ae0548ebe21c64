"""The command line: options, reading, printing and exit codes; nothing else. One module for each group of commands.

`main` is the console script. Importing it costs nothing, so that Ctrl-C is ours from the first moment; the commands are
imported when they are called (`app`).

Exit codes: 0 done, 1 the graph or the input was refused, 2 wrong usage, 3 a file or network could not be reached (what
standard output goes to among them), 4 a bug of ours; 130 Ctrl-C, 141 nobody reads standard output any more, 143 it was
told to end.
"""

from comfy2runpod.cli.process import main

__all__ = ["main"]
