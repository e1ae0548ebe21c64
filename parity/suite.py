"""What an editor does for the suite: reads graphs, and changes them, one after the other in one browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod.catalog.classes import Catalog
from parity.editor import Editor, Reading
from parity.mutations import Case
from parity.server import StandInServer
from parity.versions import EditorVersion

_PAGE_LASTS = 40  # graphs; then a new page, since an editor keeps every subgraph that it ever saw


@dataclass(frozen=True, slots=True)
class Changed:
    """A case as an editor carried it out: what was done (kind, words), and the file, or the error if it failed."""

    case: Case
    made_in: EditorVersion
    done: tuple[tuple[str, str], ...]
    graph: str | None
    error: str | None

    @property
    def name(self) -> str:
        """How reports name it: `1.43/seed:index`."""
        return f"{self.made_in.profile}/{self.case.seed}:{self.case.index}"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the changes that were made."""
        return tuple(kind for kind, _ in self.done)


@dataclass(frozen=True, slots=True)
class Read:
    """A graph file as an editor read it. `changed` tells where the file came from, if it is no template."""

    editor: EditorVersion
    name: str
    graph: bytes
    reading: Reading
    changed: Changed | None = None


@asynccontextmanager
async def running_editor(version: EditorVersion, catalog: Catalog, chromium: Path) -> AsyncIterator[Editor]:
    """An editor of a version over the stand-in server, with the catalog's classes and no files."""
    server = StandInServer(version.static, catalog)
    try:
        async with Editor(await server.start(), chromium) as editor:
            yield editor
    finally:
        await server.stop()


async def read_templates(editor: Editor, version: EditorVersion, templates: Mapping[str, bytes]) -> AsyncIterator[Read]:
    """Each template as the editor reads it."""
    for count, (name, data) in enumerate(templates.items()):
        if count and count % _PAGE_LASTS == 0:
            await editor.reload()
        yield Read(version, name, data, await editor.read(data.decode("utf-8")))


async def change(
    editor: Editor, version: EditorVersion, templates: Mapping[str, bytes], cases: Iterable[Case]
) -> AsyncIterator[Changed]:
    """Each case: a template changed in the editor and saved."""
    for case in cases:
        mutated = await editor.mutate(templates[case.template].decode("utf-8"), case.draw, case.steps)
        yield Changed(case, version, mutated.done, mutated.graph, mutated.error)


async def read_changed(editor: Editor, version: EditorVersion, graphs: Iterable[Changed]) -> AsyncIterator[Read]:
    """Each changed graph as the editor reads the file; those that were not saved are omitted."""
    for count, changed in enumerate(graphs, 1):
        if count % _PAGE_LASTS == 0:
            await editor.reload()
        if changed.graph is not None:
            reading = await editor.read(changed.graph)
            yield Read(version, changed.name, changed.graph.encode("utf-8"), reading, changed)
