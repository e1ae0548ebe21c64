"""Checks the types of the pages' modules, and makes one script for each page of them.

A package's page has page/bundle.js, of its own modules and the client's; a documentation site's reference pages have
docs_site/assets/reference.js.

python scripts/bundle_page.py            writes them
python scripts/bundle_page.py --check    exit code 1, with the differences, if the sources give others than are there

Without Node, and so also in an environment that only compiles graphs, nothing is done, with the reason; exit code 1 if
NODE_REQUIRED is 1.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scripts.node_tools import NodeTools, NoNodeError, node_tools

PACKAGE = Path(__file__).parents[1] / "compiler" / "comfy2runpod"
# Not minified: what is committed, and what a page runs, can be read.
_OPTIONS = ("--bundle", "--target=es2022", "--charset=ascii", "--legal-comments=none", "--log-level=warning")


@dataclass(frozen=True)
class Bundle:
    """A page's script: what it is made of and where it goes, below the package's folder.

    Attributes:
        entry: its first module, in a folder with a tsconfig.json.
        path: the script.
        form: `esm` for a module, `iife` for a script that defines nothing in the page.
    """

    entry: str
    path: str
    form: Literal["esm", "iife"]


PAGE = Bundle("page/main.ts", "page/bundle.js", "esm")
REFERENCE = Bundle("docs_site/assets/reference.ts", "docs_site/assets/reference.js", "iife")
BUNDLES = (PAGE, REFERENCE)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def main(arguments: list[str]) -> int:
    try:
        tools = node_tools()
    except NoNodeError as error:
        print(f"the pages' scripts are left as they are: {error}", file=sys.stderr)
        return 1 if os.environ.get("NODE_REQUIRED") == "1" else 0
    try:
        for bundle in BUNDLES:
            check_types(tools, PACKAGE, bundle)
        made = {bundle: bundled(tools, PACKAGE, bundle) for bundle in BUNDLES}
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    finish = _compare if "--check" in arguments else _write
    return max([finish(bundle, text) for bundle, text in made.items()])


def _compare(bundle: Bundle, text: str) -> int:
    path = PACKAGE / bundle.path
    old = path.read_text("utf-8") if path.exists() else ""
    if old == text:
        return 0
    diff = difflib.unified_diff(old.splitlines(), text.splitlines(), bundle.path, "bundled", lineterm="")
    print("\n".join(list(diff)[:40]))
    print(f"{bundle.path} is not what its sources give; run `make page`")
    return 1


def _write(bundle: Bundle, text: str) -> int:
    path = PACKAGE / bundle.path
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
        print(f"{bundle.path}: {len(text):,} bytes")
    return 0


def check_types(tools: NodeTools, package: Path, bundle: Bundle = PAGE) -> None:
    """Checks the sources of a script, in the package's folder or a copy of it.

    Raises:
        ValueError: a type is wrong; it says where.
    """
    types = tools.tsc((package / bundle.entry).parent)
    if types.returncode != 0:
        raise ValueError(f"the modules of {bundle.path} are not well typed:\n{types.stdout}")


def bundled(tools: NodeTools, package: Path, bundle: Bundle = PAGE) -> str:
    """A page's script, of the sources in the package's folder or a copy of it.

    Raises:
        ValueError: a module, or what is imported of it, cannot be found.
    """
    done = tools.esbuild(package, bundle.entry, f"--format={bundle.form}", *_OPTIONS)
    # A warning is an import of what is not there.
    if done.returncode != 0 or done.stderr:
        raise ValueError(f"the modules of {bundle.path} cannot be bundled:\n{done.stderr}")
    # They stand in string literals: the bundler leaves some raw that the sources escape, and no package holds any.
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", done.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
