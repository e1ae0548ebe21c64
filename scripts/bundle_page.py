"""Checks the types of the page's modules, and makes one script of them and of the client's: page/bundle.js.

python scripts/bundle_page.py            writes it
python scripts/bundle_page.py --check    exit code 1, with the differences, if the sources give another than is there

Without Node, and so also in an environment that only compiles graphs, nothing is done, with the reason; exit code 1 if
NODE_REQUIRED is 1.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from pathlib import Path

from scripts.node_tools import NodeTools, NoNodeError, node_tools

PACKAGE = Path(__file__).parents[1] / "compiler" / "comfy2runpod"
# Not minified: what is committed, and what a package's page runs, can be read.
OPTIONS = (
    "--bundle",
    "--format=esm",
    "--target=es2022",
    "--charset=ascii",
    "--legal-comments=none",
    "--log-level=warning",
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def main(arguments: list[str]) -> int:
    try:
        tools = node_tools()
    except NoNodeError as error:
        print(f"page/bundle.js is left as it is: {error}", file=sys.stderr)
        return 1 if os.environ.get("NODE_REQUIRED") == "1" else 0
    try:
        check_types(tools, PACKAGE)
        bundle = bundled(tools, PACKAGE)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    path = PACKAGE / "page" / "bundle.js"
    old = path.read_text("utf-8") if path.exists() else ""
    if old == bundle:
        return 0
    if "--check" in arguments:
        diff = difflib.unified_diff(old.splitlines(), bundle.splitlines(), "page/bundle.js", "bundled", lineterm="")
        print("\n".join(list(diff)[:40]))
        print("page/bundle.js is not what its sources give; run `make page`")
        return 1
    path.write_text(bundle, "utf-8")
    print(f"page/bundle.js: {len(bundle):,} bytes")
    return 0


def check_types(tools: NodeTools, package: Path) -> None:
    """Checks the sources in a folder `page` and beside it `client_ts`.

    Raises:
        ValueError: a type is wrong; it says where.
    """
    types = tools.tsc(package / "page")
    if types.returncode != 0:
        raise ValueError(f"the page's modules are not well typed:\n{types.stdout}")


def bundled(tools: NodeTools, package: Path) -> str:
    """The page's script, of these sources.

    Raises:
        ValueError: a module, or what is imported of it, cannot be found.
    """
    done = tools.esbuild(package, "page/main.ts", *OPTIONS)
    # A warning is an import of what is not there.
    if done.returncode != 0 or done.stderr:
        raise ValueError(f"the page's modules cannot be bundled:\n{done.stderr}")
    # They stand in string literals: the bundler leaves some raw that the sources escape, and no package holds any.
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", done.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
