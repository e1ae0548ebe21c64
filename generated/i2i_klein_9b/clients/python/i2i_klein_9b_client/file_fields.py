"""The fields of a request that take a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from .checks import refuse
from .errors import Detail
from .files import FileFault, FileKind, encoded_file


def encoded(
    request: Mapping[str, object], schema: Mapping[str, object], kinds: Iterable[FileKind], *, check: bool = True
) -> dict[str, object]:
    """Encodes the files of a request, and reads those that are given as paths or open files.

    Args:
        request: the request.
        schema: the JSON Schema of the input.
        kinds: the kinds of files that it has fields for.
        check: whether to check the files.

    Raises:
        InvalidInput: files exceed a limit of their field, or have another format.
        InputRefused: a file cannot be read.
    """
    by_media: Mapping[object, FileKind] = {kind.media: kind for kind in kinds}
    sent = dict(request)
    faults: list[Detail] = []
    properties = cast("Mapping[str, Mapping[str, Any]]", schema.get("properties", {}))
    for name, limits in properties.items():
        kind = by_media.get(limits.get("x-media"))
        if kind is None or name not in sent:
            continue
        try:
            sent[name] = encoded_file(kind, name, sent[name], limits, check=check)
        except FileFault as fault:
            faults.append(Detail(str(fault), name))
    refuse(faults)
    return sent
