"""What a value in the note has to look like: a function a form, from YAML to the value.

YAML's scalars are all texts here. Each takes what is written, and calls `wrong` with what was expected and what is
there; what it then gives back is of no use but for going on to the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from comfy2runpod.amounts import number_of_pixels, seconds_of, size_in_bytes, time_in_seconds, whole_number

Wrong: TypeAlias = Callable[[str, object], None]

_GIGABYTE = 10**9
# An address in a form that every reader takes: percent-encoded, without a user, a port or a fragment, not too long.
_WEB_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]{1,253}/[A-Za-z0-9._~%!$&'()*+,;=:@/?-]{0,1700}")
# As Debian's policy has it, with a bound of ours, and without the ends that are orders to apt: `gcc-` would remove it.
DEBIAN_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{0,61}(?:[a-z0-9]|\+\+)")
_MOST_PACKAGES = 50
# Of a title or a description, in characters.
LONGEST_DESCRIPTION = 10_000
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
# Of files for the image, and of Python packages, each with its hashes.
MOST_FILES, MOST_PINNED, _MOST_HASHES = 50, 50, 200
# Plain names, none of them hidden: nothing leads out of a folder, and every language takes them as they are.
_NAME_OF_FILE = r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}"
_PATH_OF_FILE = re.compile(rf"{_NAME_OF_FILE}(?:/{_NAME_OF_FILE}){{0,9}}")
# Where an author's files may lie in the image.
FILE_PLACES = ("/app/files/", "/opt/comfyui/custom_nodes/", "/opt/comfyui/models/")
# As PyPI's rules have names and versions, with bounds of ours.
_PINNED = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)=="
    r"((?:[0-9]{1,4}!)?[0-9]{1,9}(?:\.[0-9]{1,9}){0,8}(?:(?:a|b|rc)[0-9]{1,9})?(?:\.post[0-9]{1,9})?(?:\.dev[0-9]{1,9})?"
    r"(?:\+[a-z0-9]{1,20}(?:\.[a-z0-9]{1,20}){0,5})?)"
)
_WHEEL_HASH = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PinnedPackage:
    """A Python package for ComfyUI's environment: its name in PyPI's normal form, its version, its wheels' hashes."""

    name: str
    version: str
    hashes: tuple[str, ...]


class Attention(Enum):
    """The libraries that compute attention in the place of torch's own."""

    SAGE = "sage"


# Others of ComfyUI's, and why an image cannot have them.
_NO_ATTENTION = {
    "flash": "FlashAttention has no wheels on PyPI, and would have to be compiled with CUDA",
    "xformers": "no release of xformers on PyPI is built for the torch of the image, and computes nothing on it",
}


_ASPECT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def text(raw: object, wrong: Wrong) -> str:
    """A text."""
    if isinstance(raw, str):
        return raw
    wrong("a text", raw)
    return ""


def description(raw: object, wrong: Wrong) -> str:
    """A text for people, as long as anybody reads; it stands in every document of a package, and in its code."""
    found = text(raw, wrong)
    if len(found) <= LONGEST_DESCRIPTION:
        return found
    wrong(f"{LONGEST_DESCRIPTION:,} characters at most", f"{len(found):,}")
    return ""


def texts(raw: object, wrong: Wrong) -> tuple[str, ...]:
    """A list of texts, or one alone."""
    if isinstance(raw, str):
        return (raw,)
    if isinstance(raw, list):
        return tuple(text(item, wrong) for item in raw)
    wrong("a list of texts", raw)
    return ()


def boolean(raw: object, wrong: Wrong) -> bool:
    """True or false."""
    if isinstance(raw, str) and raw.casefold() in ("true", "false"):
        return raw.casefold() == "true"
    wrong("true or false", raw)
    return False


def count(raw: object, wrong: Wrong) -> int:
    """A whole number, 0 or more."""
    number = whole_number(raw) if isinstance(raw, str) else None
    return _known(None if number is None or number < 0 else number, "a whole number, 0 or more", raw, wrong)


def size(raw: object, wrong: Wrong) -> int:
    """A size in bytes."""
    found = size_in_bytes(raw) if isinstance(raw, str) else None
    return _known(found, "a size such as 27.1GB, 1000TB at most", raw, wrong)


def pixels(raw: object, wrong: Wrong) -> int:
    """A number of pixels."""
    found = number_of_pixels(raw) if isinstance(raw, str) else None
    return _known(found, "a number of pixels, or of megapixels such as 32MP", raw, wrong)


def aspect(raw: object, wrong: Wrong) -> float:
    """The long side by the short one."""
    if isinstance(raw, str) and _ASPECT.fullmatch(raw.strip()):
        return float(raw)
    wrong("how many times as long as the short side the long one may be, such as 50", raw)
    return 0


def line(raw: object, wrong: Wrong) -> str:
    """A text on one line that is not empty."""
    found = " ".join(text(raw, wrong).split())
    if isinstance(raw, str) and not found:
        wrong("a text", "an empty one")
    return found


def web_address(raw: object, wrong: Wrong) -> str:
    """An https address."""
    if isinstance(raw, str) and _WEB_ADDRESS.fullmatch(raw.strip()):
        return raw.strip()
    wrong("an address such as https://example.com/icon.png", raw)
    return ""


def gigabytes(raw: object, wrong: Wrong) -> int:
    """A size in whole gigabytes, rounded up."""
    return -(-size(raw, wrong) // _GIGABYTE)


def seconds(raw: object, wrong: Wrong) -> int:
    """A time that RunPod lets a job run, in seconds."""
    found = time_in_seconds(raw) if isinstance(raw, str) else None
    return _known(found, "a time such as 30m, from 5 seconds to 7 days", raw, wrong)


def duration(raw: object, wrong: Wrong) -> int:
    """How long something plays, in whole seconds."""
    found = seconds_of(raw) if isinstance(raw, str) else None
    return _known(found, "a length in whole seconds such as 30s or 2m", raw, wrong)


def debian_packages(raw: object, wrong: Wrong) -> tuple[str, ...]:
    """Names of Debian packages."""
    found = texts(raw, wrong)
    for name in found:
        if DEBIAN_PACKAGE.fullmatch(name) is None:
            wrong("names of Debian packages, such as libgl1", name)
    if len(found) > _MOST_PACKAGES:
        wrong(f"{_MOST_PACKAGES} packages at most", f"{len(found):,}")
    return tuple(sorted({*found}))


def path_in_image(raw: str, wrong: Wrong) -> str:
    """Where a file is to lie in the image."""
    place = next((place for place in FILE_PLACES if raw.startswith(place)), None)
    if place is None or _PATH_OF_FILE.fullmatch(raw.removeprefix(place)) is None:
        wrong(f"a path of plain names below {', '.join(FILE_PLACES)}", raw)
    return raw


def file_beside(raw: object, wrong: Wrong) -> str:
    """The path of a file beside the graph, or below its folder."""
    if isinstance(raw, str) and _PATH_OF_FILE.fullmatch(raw):
        return raw
    wrong("the path of a file beside the graph: plain names, none of which begins with a dot, and no folder above", raw)
    return ""


def pinned_package(named: str, raw: object, wrong: Wrong) -> PinnedPackage | None:
    """A Python package by version and hashes."""
    found = _PINNED.fullmatch(named)
    if found is None:
        wrong("NAME==VERSION, such as colour-science==0.4.6", named)
    hashes = texts(raw, wrong)
    for one in hashes:
        if _WHEEL_HASH.fullmatch(one) is None:
            wrong("sha256: and 64 hexadecimal digits, of a wheel", one)
    if not 0 < len(hashes) <= _MOST_HASHES:
        wrong(f"1 to {_MOST_HASHES} hashes", f"{len(hashes):,}")
    return None if found is None else PinnedPackage(normal_name(found[1]), found[2], tuple(sorted({*hashes})))


def normal_name(package: str) -> str:
    """A package's name as PyPI's rules compare it."""
    return re.sub(r"[-_.]+", "-", package).lower()


def attention(raw: object, wrong: Wrong) -> Attention | None:
    """The library that computes attention."""
    found = text(raw, wrong)
    named = next((one for one in Attention if one.value == found), None)
    if named is None:
        choices = " or ".join(one.value for one in Attention)
        wrong(f"{choices}: {_NO_ATTENTION[found]}" if found in _NO_ATTENTION else choices, raw)
    return named


def _known(number: int | None, expected: str, raw: object, wrong: Wrong) -> int:
    if number is None:
        wrong(expected, raw)
    return number or 0
