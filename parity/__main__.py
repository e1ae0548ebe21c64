"""python -m parity: our prompts beside the real editors'. Exit code 1 if we are wrong anywhere without a known reason.

A run over everything writes docs/parity.md; a part of it (--template, --case, --editor, …) only prints.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import click

from comfy2runpod.catalog import DEFAULT_VERSION, Catalog, load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.pipeline import Options, compile_graph
from parity.editor import find_chromium
from parity.exceptions import Key, load_exceptions
from parity.failures import clear_failures, write_failure
from parity.judge import Outcome
from parity.mutations import Case, plan
from parity.report import CRASHED, Run, report
from parity.score import scores, stale
from parity.suite import Changed, Result, change, convert_changed, convert_templates, running_editor
from parity.templates import load_templates, of_known_classes, package_version
from parity.versions import VERSIONS, EditorVersion

PAGE = Path("docs/parity.md")


@click.command(help=__doc__)
@click.option("--editor", "profiles", type=click.Choice([*VERSIONS]), multiple=True, help="This editor only.")
@click.option("--made-in", type=click.Choice([*VERSIONS]), multiple=True, help="Only graphs changed in this editor.")
@click.option("--template", "pattern", help="Only templates whose name fits this pattern (such as 'video_*').")
@click.option("--seed", default=1, show_default=True, help="The seed of the changed graphs.")
@click.option("--count", default=100, show_default=True, help="How many changed graphs for each editor.")
@click.option("--case", "only", type=int, multiple=True, help="Only this changed graph of the seed, and no templates.")
@click.option("--no-templates", is_flag=True, help="Only changed graphs.")
@click.option("--list", "list_all", is_flag=True, help="Print a line for every graph.")
@click.option("--failures", type=click.Path(path_type=Path), default=Path("build/parity"), show_default=True)
def main(
    profiles: tuple[str, ...],
    made_in: tuple[str, ...],
    pattern: str | None,
    seed: int,
    count: int,
    only: tuple[int, ...],
    no_templates: bool,  # noqa: FBT001 - click calls it by name
    list_all: bool,  # noqa: FBT001
    failures: Path,
) -> None:
    """Runs the suite, or a part of it."""
    chromium = find_chromium()
    if chromium is None:
        raise click.UsageError("no Chromium found: install one (Debian: chromium), or name it in CHROMIUM")
    catalog = load_catalog()
    everything = load_templates()
    chosen = {name: data for name, data in everything.items() if pattern is None or fnmatch(name, pattern)}
    chosen = {} if only or no_templates else chosen
    known = of_known_classes(everything, catalog)
    plans = [plan(seed, index, known) for index in only or range(count)]
    readers = [VERSIONS[profile] for profile in profiles or VERSIONS]
    makers = [VERSIONS[profile] for profile in made_in or VERSIONS]
    clear_failures(failures)
    tell = partial(_tell, failures=failures, list_all=list_all)
    driver = _Driver(catalog, chromium, everything, tell)
    results, changed = asyncio.run(driver.run(readers, makers, chosen, plans))
    exceptions = load_exceptions()
    whole = not (profiles or made_in or pattern or only or no_templates)
    crashes = 0
    if whole:
        packages = {name: _package(data, name, catalog) for name, data in everything.items()}
        crashes = sum(CRASHED in codes for codes in packages.values())
        version = f"ComfyUI {DEFAULT_VERSION}"
        PAGE.write_text(report(Run(version, package_version(), seed, results, changed, packages, exceptions)), "utf-8")
        click.echo(f"{PAGE} written")
    sys.exit(1 if _conclude(results, exceptions, everything) + crashes else 0)


@dataclass(frozen=True, slots=True)
class _Driver:
    """What every part of a run needs."""

    catalog: Catalog
    chromium: Path
    everything: Mapping[str, bytes]
    tell: Callable[[Result], None]

    async def run(
        self, readers: list[EditorVersion], makers: list[EditorVersion], chosen: Mapping[str, bytes], plans: list[Case]
    ) -> tuple[list[Result], list[Changed]]:
        """All results, and the graphs that were changed for them."""
        changed: list[Changed] = []
        for version in makers if plans else ():
            with click.progressbar(length=len(plans), label=f"graphs changed in {version.version}") as bar:
                async with running_editor(version, self.catalog, self.chromium) as editor:
                    async for each in change(editor, version, self.everything, plans):
                        changed.append(each)
                        bar.update(1)
        for each in changed:
            if each.graph is None:
                click.echo(f"{each.name} ({each.case.template}): not counted, the editor failed: {each.error}")
        results: list[Result] = []
        for version in readers:
            with click.progressbar(length=len(chosen) + len(changed), label=f"read by {version.version}") as bar:
                async with running_editor(version, self.catalog, self.chromium) as editor:
                    as_saved = convert_templates(editor, version, self.catalog, chosen)
                    mutated = convert_changed(editor, version, self.catalog, changed)
                    for part in (as_saved, mutated):
                        async for result in part:
                            results.append(result)
                            bar.update(1)
        for result in results:
            self.tell(result)
        return results, changed


def _tell(result: Result, *, failures: Path, list_all: bool) -> None:
    outcome = result.judgement.outcome
    if outcome.right and not list_all:
        return
    changed = result.changed
    what = f"{result.name} ({changed.case.template})" if changed else result.name
    more = ", ".join(changed.kinds if changed else ()) if outcome.right else str(write_failure(result, failures))
    click.echo(f"{result.editor.version} {what}: {outcome.value}: {more}")
    if outcome is not Outcome.EQUAL and (list_all or not outcome.right):
        for line in result.judgement.why[:5]:
            click.echo(f"    {line}")


def _conclude(results: list[Result], exceptions: Mapping[Key, str], templates: Container[str]) -> int:
    """Prints the figures; how many of them are not as they should be."""
    unexplained = 0
    for score in scores(results, exceptions):
        outcomes = [(score.outcomes.get(outcome, 0), outcome.value) for outcome in Outcome]
        shown = ", ".join(f"{count} {outcome}" for count, outcome in outcomes if count)
        click.echo(f"{score.set}, read by {score.editor.version}: {score.graphs} graphs: {shown}")
        unexplained += score.wrong
    no_longer = stale(results, exceptions, templates)
    for key in sorted(no_longer):
        click.echo(f"no longer an exception, take it out of exceptions.toml: {' '.join(key)}")
    click.echo(f"{unexplained} wrong without a known reason")
    return unexplained + len(no_longer)


def _package(data: bytes, name: str, catalog: Catalog) -> tuple[str, ...]:
    """The codes of the diagnostics for which `compile` makes no package; none if it does, CRASHED if it breaks."""
    try:
        compile_graph(data, f"{name}.json", catalog, Options(allow_api_nodes=True))
    except CompileError as error:
        return tuple(sorted({diagnostic.code for diagnostic in error.diagnostics}))
    except Exception as error:  # noqa: BLE001 - a crash is a finding, and the suite goes on
        click.echo(f"compile crashes on {name}: {type(error).__name__}: {error}")
        return (CRASHED,)
    return ()


if __name__ == "__main__":
    main()
