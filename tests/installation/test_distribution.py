"""The distribution itself: what is in the wheel and in the sdist, and that one makes the other."""

from __future__ import annotations

import tarfile
import zipfile
from email.parser import HeaderParser
from importlib.resources import files
from pathlib import Path

from comfy2runpod import __version__

from .conftest import SHIPPED, TOP_LEVEL, Built, build, tracked
from .environments import environment, ran, tool

INFO = f"comfy2runpod-{__version__}.dist-info"


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_every_file_of_the_three_packages_and_no_other(built: Built) -> None:
    there = contents(built.wheel)
    ours = {path.partition("/")[2]: path for path in tracked(*SHIPPED)}
    ours |= {f"comfy2runpod/templates/{name}": name for name in ("Dockerfile.j2", "LICENSE")}
    assert {name for name in there if not name.startswith(INFO)} == ours.keys()
    for name, path in ours.items():
        assert there[name] == (built.checkout / path).read_bytes(), name
    # Of every kind of data that a command reads at least one is among them.
    kinds = {
        "catalog/data/*.json", "client/*.py", "client_ts/*.ts", "docs_site/assets/*.js", "docs_site/redoc/*.js",
        "page/*.css", "page/*.js", "page/*.ts", "templates/*.j2", "templates/Dockerfile.j2", "templates/*.lock",
        "templates/worker.in", "templates/install.sh", "py.typed",
    }  # fmt: skip
    lacking = {kind for kind in kinds if not any(Path(name).match(f"comfy2runpod/{kind}") for name in there)}
    assert not lacking


def test_the_sdist_makes_the_same_wheel(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        # Python 3.11.3 and older have no filters; it is our own archive.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path)
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names == {*tracked(*SHIPPED), *TOP_LEVEL, "PKG-INFO"}
    again = build(tmp_path / f"comfy2runpod-{__version__}", "wheel", tmp_path / "again")
    assert again.read_bytes() == built.wheel.read_bytes()


def test_its_metadata_are_what_an_index_takes(built: Built, tmp_path: Path) -> None:
    ran([tool("twine"), "check", "--strict", built.wheel, built.sdist], tmp_path, environment(tmp_path))
    # Three packages in one distribution; licences stand where tools look for them and where what they cover lies.
    ran([tool("check-wheel-contents"), "--ignore", "W002,W009", built.wheel], tmp_path, environment(tmp_path))
    metadata = HeaderParser().parsestr(contents(built.wheel)[f"{INFO}/METADATA"].decode())
    assert (metadata["Name"], metadata["Version"]) == ("comfy2runpod", __version__)
    assert metadata["Provides-Extra"] is None, "every command works after a plain install"
    links = dict(link.split(", ", 1) for link in metadata.get_all("Project-URL") or ())
    assert {"Source", "Issues", "Changelog", "Documentation"} <= links.keys()
    assert all(link.startswith("https://") for link in links.values())
    assert {"LICENSE", *(f"compiler/comfy2runpod/docs_site/redoc/{name.name}" for name in redoc_licences())} == set(
        metadata.get_all("License-File") or ()
    )


def redoc_licences() -> list[Path]:
    return [name for name in map(Path, map(str, files("comfy2runpod.docs_site").joinpath("redoc").iterdir()))
            if "LICENSE" in name.name]  # fmt: skip
