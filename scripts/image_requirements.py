"""What the image's lock of ComfyUI's packages is made of, as `make lock` gives it to uv.

python scripts/image_requirements.py              the requirements, a line each
python scripts/image_requirements.py --omitted    uv's options for what they bring and no worker needs
python scripts/image_requirements.py --version    the ComfyUI whose lock it is
"""

from __future__ import annotations

import sys

from comfy2runpod.catalog.release import NOT_IN_IMAGE, RELEASE


def main(arguments: list[str]) -> None:
    if "--version" in arguments:
        print(RELEASE.version)
    elif "--omitted" in arguments:
        print(" ".join(f"--no-emit-package {name}" for name in NOT_IN_IMAGE))
    else:
        print("\n".join(RELEASE.of_image))


if __name__ == "__main__":
    main(sys.argv[1:])
