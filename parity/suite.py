"""Runs the suite in one editor: graphs in, judgements out, one after the other in one browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod.catalog import Catalog
from parity.editor import Editor, Reading
from parity.judge import Judgement, Ours, Outcome, judge, ours_of
from parity.mutations import Case, plan
from parity.server import StandInServer
from parity.versions import EditorVersion

_PAGE_LASTS = 40  # graphs; then a new page, since an editor keeps every subgraph that it ever saw


@dataclass(frozen=True, slots=True)
class Result:
    """One graph's way through an editor and through us. `done` tells the changes (kind, words), `case` their plan."""

    editor: EditorVersion
    name: str
    graph: bytes
    reading: Reading
    ours: Ours
    judgement: Judgement
    case: Case | None = None
    done: tuple[tuple[str, str], ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the changes that were made."""
        return tuple(kind for kind, _ in self.done)


@asynccontextmanager
async def running_editor(version: EditorVersion, catalog: Catalog, chromium: Path) -> AsyncIterator[Editor]:
    """An editor of a version over the stand-in server, with the catalog's classes and no files."""
    server = StandInServer(version.static, catalog)
    try:
        async with Editor(await server.start(), chromium) as editor:
            yield editor
    finally:
        await server.stop()


async def convert_templates(
    editor: Editor, version: EditorVersion, catalog: Catalog, templates: Mapping[str, bytes]
) -> AsyncIterator[Result]:
    """Each template as the editor reads it, beside ours."""
    for count, (name, data) in enumerate(templates.items()):
        if count and count % _PAGE_LASTS == 0:
            await editor.reload()
        reading = await editor.read(data.decode("utf-8"))
        yield _result(version, catalog, name, data, reading)


async def convert_mutated(
    editor: Editor, version: EditorVersion, catalog: Catalog, templates: Mapping[str, bytes], cases: Iterable[Case]
) -> AsyncIterator[Result]:
    """Each case: a template changed in the editor and saved, and the saved file as it reads it then, beside ours."""
    for count, case in enumerate(cases, 1):
        if count % _PAGE_LASTS == 0:
            await editor.reload()
        mutated = await editor.mutate(templates[case.template].decode("utf-8"), case.draw, case.steps)
        if mutated.graph is None:
            # The editor cannot save what the changes made of it: there is no file to convert.
            reading = Reading(None, mutated.error, 0)
            judgement = Judgement(Outcome.NO_FILE, (), (f"the editor fails: {mutated.error}",))
            yield Result(version, case.name, b"", reading, Ours(None), judgement, case, mutated.done)
            continue
        reading = await editor.read(mutated.graph)
        yield _result(version, catalog, case.name, mutated.graph.encode("utf-8"), reading, case, mutated.done)


def cases(seed: int, indices: Iterable[int], templates: Sequence[str]) -> list[Case]:
    """The cases of a seed."""
    return [plan(seed, index, templates) for index in indices]


def _result(
    version: EditorVersion,
    catalog: Catalog,
    name: str,
    data: bytes,
    reading: Reading,
    case: Case | None = None,
    done: tuple[tuple[str, str], ...] = (),
) -> Result:
    ours = ours_of(data, f"{name}.json", catalog, version.profile)
    return Result(version, name, data, reading, ours, judge(reading, ours, catalog), case, done)
