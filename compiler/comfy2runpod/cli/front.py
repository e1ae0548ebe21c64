"""What the program says of itself: its commands, its version and its help, without click, which takes most of a start.

`comfy2runpod --help` and `--version` are answered from here alone; the command group prints the same text.
"""

from __future__ import annotations

from typing import NamedTuple

from comfy2runpod import __version__

NAME = "comfy2runpod"
ABOUT = "Compile a workflow, as ComfyUI saves it, into a RunPod Serverless endpoint."
VERSION_NAMES, HELP_NAMES = ("-V", "--version"), ("-h", "--help")
# What all commands have too: names and text.
COMMON_OPTIONS = (
    (("-q", "--quiet"), "Print only results and errors, no warnings."),
    (("-v", "--verbose"), "Print more: the worker's log, each file."),
    (("--debug",), "Show the traceback of a bug."),
)
_OPTIONS = (
    (VERSION_NAMES, "Show the version and exit."),
    *COMMON_OPTIONS,
    (HELP_NAMES, "Show this message and exit."),
)
_EPILOG = """\
  `comfy2runpod COMMAND --help` tells more, with an example. Begin with:
  comfy2runpod compile GRAPH.json
"""


class Entry(NamedTuple):
    """A command: its name, its module in this folder, and a short description."""

    name: str
    module: str
    summary: str


# In the order of work.
SECTIONS: dict[str, tuple[Entry, ...]] = {
    "Author": (
        Entry("inspect", "inspect", "Show what a graph offers: inputs, outputs, models."),
        Entry("annotate", "annotate", "Write the note in a graph that makes its fields."),
        Entry("check", "compile", "Check graphs as compile does; write nothing."),
        Entry("prompt", "compile", "Print the API prompt that the editor would queue."),
        Entry("diff", "diff", "Show what changed for callers between two versions."),
    ),
    "Make": (
        Entry("compile", "compile", "Compile graphs into RunPod endpoint packages."),
        Entry("lock", "compile", "Pin every model file: commit, size and sha256."),
        Entry("build", "build", "Build a package's image by docker, podman or buildah."),
        Entry("docs", "docs", "Make one static site of packages' API documents."),
        Entry("catalog", "catalog", "Look up node classes, or learn those of a ComfyUI."),
    ),
    "Run": (
        Entry("run", "run", "Run a package's handler once, on this machine."),
        Entry("serve", "serve", "Serve packages here as RunPod would, with pages."),
        Entry("batch", "batch", "Send many inputs through an endpoint's queue."),
    ),
    "Set up": (Entry("completion", "completion", "Print what completes commands in your shell."),),
}
ENTRIES = {entry.name: entry for entries in SECTIONS.values() for entry in entries}


def answer(arguments: list[str]) -> str | None:
    """What is printed where nothing but the version or the help is asked for; None where a command is called."""
    if len(arguments) != 1:
        return None
    if arguments[0] in HELP_NAMES:
        return help_text()
    return f"{NAME}, version {__version__}\n" if arguments[0] in VERSION_NAMES else None


def help_text() -> str:
    """What `comfy2runpod --help` prints."""
    rows = {"Options": [(", ".join(names), text) for names, text in _OPTIONS]}
    rows |= {section: [(entry.name, entry.summary) for entry in entries] for section, entries in SECTIONS.items()}
    blocks = [f"Usage: {NAME} [OPTIONS] COMMAND [ARGS]...\n", f"  {ABOUT}\n"]
    options = max(len(names) for names, _ in rows["Options"])
    commands = max(map(len, ENTRIES))
    for heading, lines in rows.items():
        width = options if heading == "Options" else commands
        blocks.append(f"{heading}:\n" + "".join(f"  {name:{width}}  {text}\n" for name, text in lines))
    return "\n".join([*blocks, _EPILOG])
