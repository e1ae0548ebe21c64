"""Properties of every compilation, whatever the file: how it ends, its messages, and its time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod.diagnostics import CompileError, Diagnostic, render
from comfy2runpod.pipeline import Options, compile_graph
from comfy2runpod.report import diagnostics_json, github_commands, place, sarif_log

# Of the processor's time, so that a busy machine is no failure; what is meant to be caught takes minutes.
SECONDS = 20.0
# Nobody reads more, and no log should hold it.
WORDS = 5_000_000
# Written out once more, not taken from the code that is tested.
RAW = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0001]"
)


@contextmanager
def bounded(what: object) -> Iterator[None]:
    """Fails if what is done inside takes too much of the processor's time."""
    before = time.process_time()
    yield
    spent = time.process_time() - before
    assert spent < SECONDS, f"{spent:.1f} seconds for {str(what)[:300]}"


def harmless(text: str) -> str:
    """The text, which must be fit for a terminal and a UTF-8 file."""
    found = RAW.search(text)
    assert found is None, f"{found[0]!r} in {text[max(0, found.start() - 100) : found.end() + 20]!r}"
    assert len(text) < WORDS
    text.encode()
    return text


def told_well(found: tuple[Diagnostic, ...], data: bytes, file: str) -> None:
    """Diagnostics in every form that they are given in."""
    if not found:
        return
    harmless(render(found))
    placed = place(found, {file: data})
    for text in (diagnostics_json(placed), sarif_log(placed, exit_code=1)):
        harmless(text)
        json.loads(text, parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))
    for line in harmless(github_commands(placed)).splitlines():
        assert line.startswith(("::error ", "::warning "))


def ends_well(
    data: bytes, editor: str | None = None, *, file: str = "graph.json", catalog: Catalog | None = None
) -> tuple[Diagnostic, ...]:
    """Compiles; a package's texts and a refusal's words must be harmless, and neither may take long.

    Gives what was found: all of a refusal, or the warnings.
    """
    with bounded(data[:2000]):
        try:
            made = compile_graph(data, file, catalog or load_catalog(), Options(editor=editor, allow_api_nodes=True))
        except CompileError as refused:
            told_well(refused.diagnostics, data, file)
            return refused.diagnostics
    for name, text in made.files.items():
        harmless(name)
        if isinstance(text, str):
            found = RAW.search(text)
            assert found is None, f"{found[0]!r} in {name}"
    told_well(made.diagnostics, data, file)
    return made.diagnostics
