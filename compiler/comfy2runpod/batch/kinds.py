"""Groups the faults of a batch by kind: similar faults of many inputs are reported once, with some ids."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from comfy2runpod.batch.journal import Event, Record

# Job ids, file names and numbers, in which messages of one kind may differ.
_OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27,}\w*|\d[\d,._]*", re.IGNORECASE)
_EXAMPLES = 5


@dataclass(slots=True)
class Kind:
    """Inputs with the same fault: the first message, their number, and some of their ids."""

    event: Event
    code: str
    message: str
    count: int
    ids: list[str]


def kind_of(record: Record) -> tuple[str, str, str] | None:
    """Returns the key by which faults are grouped; None if there is no fault."""
    message = ", ".join(record.missing) if record.event is Event.DONE else record.message or ""
    if record.event not in (Event.FAILED, Event.UNCERTAIN) and not record.missing:
        return None
    return record.event.value, record.code or "", _OWN.sub("#", message)


def kinds(records: Iterable[tuple[str, Record]]) -> list[Kind]:
    """Returns the kinds of faults, the most frequent first."""
    found: dict[tuple[str, str, str], Kind] = {}
    for input_id, record in records:
        key = kind_of(record)
        if key is None:
            continue
        message = ", ".join(record.missing) if record.event is Event.DONE else record.message or ""
        kind = found.setdefault(key, Kind(record.event, record.code or "", message, 0, []))
        kind.count += 1
        if len(kind.ids) < _EXAMPLES:
            kind.ids.append(input_id)
    return sorted(found.values(), key=lambda kind: -kind.count)
