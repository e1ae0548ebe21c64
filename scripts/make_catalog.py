"""Makes the shipped catalog from a ComfyUI server's /object_info.

    python scripts/make_catalog.py OBJECT_INFO(.json|.json.gz) --comfyui 0.20.1 --commit SHA --editor 1.43 -o FILE \
        [--order OBJECT_INFO]

The server must have been run with one marker file `__folder__<folder>.<ext>` in every model and input folder, so that
the choices of an input tell which folders it lists. Only facts are kept: names, types, defaults, bounds, choices.

The order of a dynamic combo's inputs is the order of its widgets. An answer that was stored with sorted keys has lost
it: --order takes it from another answer of the same version.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from comfy2runpod.object_info import catalog_json, read_object_info


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("object_info", type=Path)
    parser.add_argument("--comfyui", required=True, help="the server's version")
    parser.add_argument("--commit", required=True, help="the full commit hash of that version")
    parser.add_argument("--editor", required=True, help="the editor profile that this version pins, such as 1.43")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--order", type=Path, help="an answer of the same server with its keys unsorted")
    options = parser.parse_args()
    order = options.order.read_bytes() if options.order else None
    classes = read_object_info(options.object_info.read_bytes(), order)
    text = catalog_json(classes, comfyui=options.comfyui, commit=options.commit, editor=options.editor)
    options.output.write_text(text, encoding="utf-8")
    print(f"{options.output}: {len(classes)} classes, {len(text)} characters")


if __name__ == "__main__":
    main()
