"""A run in the editors: first every change, in each of them, then every reading, of all files by each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from comfy2runpod.catalog.classes import Catalog
from parity.mutations import Case
from parity.recording import Recording
from parity.suite import Changed, Read, change, read_changed, read_templates, running_editor
from parity.versions import EditorVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """What to do: `templates` are read as they are; `cases` change any of `everything`."""

    readers: Sequence[EditorVersion]
    makers: Sequence[EditorVersion]
    templates: Mapping[str, bytes]
    everything: Mapping[str, bytes]
    seed: int
    cases: Sequence[Case]

    async def drive(self, catalog: Catalog, chromium: Path) -> Recording:
        """Does it, showing how far it is."""
        changed: list[Changed] = []
        for version in self.makers if self.cases else ():
            with click.progressbar(length=len(self.cases), label=f"graphs changed in {version.version}") as bar:
                async with running_editor(version, catalog, chromium) as editor:
                    async for each in change(editor, version, self.everything, self.cases):
                        changed.append(each)
                        bar.update(1)
        for each in changed:
            if each.graph is None:
                why = (each.error or "").partition("\n")[0]
                click.echo(f"{each.name} ({each.case.template}): not counted, the editor failed: {why}")
        reads: list[Read] = []
        for version in self.readers:
            with click.progressbar(
                length=len(self.templates) + len(changed), label=f"read by {version.version}"
            ) as bar:
                async with running_editor(version, catalog, chromium) as editor:
                    as_they_are = read_templates(editor, version, self.templates)
                    for part in (as_they_are, read_changed(editor, version, changed)):
                        async for read in part:
                            reads.append(read)
                            bar.update(1)
        return Recording(self.seed, changed, reads)
