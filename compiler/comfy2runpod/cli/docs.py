"""docs: the API documents of packages as one static site."""

from __future__ import annotations

from pathlib import Path

import click

from comfy2runpod.cli.packages import named_folders, named_otherwise, read_docs
from comfy2runpod.cli.progress import progress
from comfy2runpod.cli.say import say
from comfy2runpod.cli.terminal import terminal
from comfy2runpod.cli.writing import force_option, told_of
from comfy2runpod.docs_site import site_files
from comfy2runpod.write import write_site
from comfy2runpod_contract.texts import one_line


@click.command("docs")
@click.argument("packages", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("site"), show_default=True,
    help="The site's folder. Files that docs wrote before are replaced; yours stay.",
)  # fmt: skip
@force_option
def docs_command(packages: tuple[Path, ...], output: Path, *, force: bool) -> None:
    """Make a static site of the API documents of PACKAGES: each a package, or a folder of packages.

    \b
    comfy2runpod docs generated/ -o site

    An index, each package's own pages and schemas, and a reference of its OpenAPI document. The pages load nothing from
    the network, and work from files as well as below any path of a server.
    """
    with progress(terminal(), "Reading packages"):
        found = read_docs(packages)
    for line in named_otherwise(named_folders(packages)):
        terminal().say(f"note: {line}")
    # The target of a link is what was named.
    folder = output.resolve() if output.is_symlink() and output.is_dir() else output
    terminal().diagnose(told_of(write_site(site_files(found), folder, force=force), output))
    if terminal().quiet:
        return
    say(f"{output}: {len(found)} package{'' if len(found) == 1 else 's'}; open {output / 'index.html'}")
    for package in found:
        say(f"  {one_line(package.name)}  {one_line(package.title)}")


COMMANDS = (docs_command,)
