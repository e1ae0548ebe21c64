"""Downloads Redoc's bundle and its licences from npm into compiler/comfy2runpod/docs_site/redoc, checked by its hash.

python scripts/download_redoc.py [FOLDER]
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import sys
import tarfile
import urllib.request
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "compiler" / "comfy2runpod" / "docs_site" / "redoc"
FILES = re.compile(
    r"package/(?:LICENSE|bundles/(?:redoc\.standalone\.js|(?:redoc\.standalone|\w+\.worker)\.js\.LICENSE\.txt))"
)


def main(folder: Path) -> int:
    readme = (FOLDER / "README.md").read_text("utf-8")
    (version,) = set(re.findall(r"redoc/v/([\d.]+)", readme))
    (integrity,) = re.findall(r"sha512-(\S+)", readme)
    url = f"https://registry.npmjs.org/redoc/-/redoc-{version}.tgz"
    with urllib.request.urlopen(url, timeout=60) as answer:
        data = answer.read()
    found = base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != integrity:
        print(f"{url}: its hash is sha512-{found}, not the one in {FOLDER / 'README.md'}; nothing was written")
        return 1
    with tarfile.open(fileobj=io.BytesIO(data)) as package:
        members = [member for member in package.getmembers() if FILES.fullmatch(member.name)]
        for member in members:
            (folder / Path(member.name).name).write_bytes(package.extractfile(member).read())
    print(f"{url}: {len(members)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
