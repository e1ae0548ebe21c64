"""python -m parity: our prompts beside the real editors'. Exit code 1 if we are wrong anywhere without a known reason.

A run over everything writes docs/parity.md; a part of it (--template, --case, --editor, …) only prints.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Container, Mapping
from fnmatch import fnmatch
from pathlib import Path

import click

from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod.catalog.release import RELEASE
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.pipeline import Options, compile_graph
from parity.editor import find_chromium
from parity.exceptions import Key, load_exceptions
from parity.failures import clear_failures, write_failure
from parity.judge import Outcome, Result, judged
from parity.live import LiveRun
from parity.mutations import plan
from parity.recording import Recording, load_recording, save_recording
from parity.report import CRASHED, Run, report
from parity.score import scores, stale
from parity.templates import load_templates, of_known_classes, package_version
from parity.versions import VERSIONS

PAGE = Path("docs/parity.md")


@click.command(help=__doc__)
@click.option("--editor", "profiles", type=click.Choice([*VERSIONS]), multiple=True, help="Only as this editor reads.")
@click.option("--made-in", type=click.Choice([*VERSIONS]), multiple=True, help="Only graphs changed in this editor.")
@click.option("--template", "pattern", help="Only templates whose name fits this pattern (such as 'video_*').")
@click.option("--seed", default=1, show_default=True, help="The seed of the changed graphs.")
@click.option("--count", default=100, show_default=True, help="How many changed graphs for each editor.")
@click.option("--case", "only", type=int, multiple=True, help="Only this changed graph of the seed, and no templates.")
@click.option("--no-templates", is_flag=True, help="Only changed graphs.")
@click.option("--again", is_flag=True, help="Judge anew what the editors said in the last whole run, without them.")
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
    again: bool,  # noqa: FBT001
    list_all: bool,  # noqa: FBT001
    failures: Path,
) -> None:
    """Runs the suite, or a part of it."""
    catalog = load_catalog()
    templates = load_templates()
    recorded = failures / "recording.json.gz"
    part = bool(profiles or made_in or pattern or only or no_templates)
    if again and part:
        raise click.UsageError("--again is for the whole of the last run: leave the other choices out")
    if again:
        try:
            recording = load_recording(recorded, templates)
        except (OSError, ValueError) as error:
            raise click.UsageError(f"no recording to judge: {error}") from error
    else:
        fits = {name: data for name, data in templates.items() if pattern is None or fnmatch(name, pattern)}
        known = of_known_classes(templates, catalog)
        run = LiveRun(
            readers=[VERSIONS[profile] for profile in profiles or VERSIONS],
            makers=[VERSIONS[profile] for profile in made_in or VERSIONS],
            templates={} if only or no_templates else fits,
            everything=templates,
            seed=seed,
            cases=[plan(seed, index, known) for index in only or range(count)],
        )
        recording = asyncio.run(run.drive(catalog, _browser()))
        if not part:
            save_recording(recording, recorded)
    clear_failures(failures)
    results = [judged(read, catalog) for read in recording.reads]
    for result in results:
        _tell(result, failures=failures, list_all=list_all)
    exceptions = load_exceptions()
    wrong = _conclude(results, exceptions, templates)
    if not part:
        wrong += _write_page(recording, results, exceptions, templates, catalog)
    sys.exit(1 if wrong else 0)


def _browser() -> Path:
    found = find_chromium()
    if found is None:
        raise click.UsageError("no Chromium found: install one (Debian: chromium), or name it in CHROMIUM")
    return found


def _write_page(
    recording: Recording,
    results: list[Result],
    exceptions: Mapping[Key, str],
    templates: Mapping[str, bytes],
    catalog: Catalog,
) -> int:
    """Writes docs/parity.md; on how many templates `compile` crashes."""
    packages = {name: _package(data, name, catalog) for name, data in templates.items()}
    made = Run(
        catalog=f"ComfyUI {RELEASE.version}",
        templates_version=package_version(),
        seed=recording.seed,
        results=results,
        changed=recording.changed,
        packages=packages,
        exceptions=exceptions,
    )
    PAGE.write_text(report(made), encoding="utf-8")
    click.echo(f"{PAGE} written")
    return sum(CRASHED in codes for codes in packages.values())


def _tell(result: Result, *, failures: Path, list_all: bool) -> None:
    outcome = result.judgement.outcome
    if outcome.right and not list_all:
        return
    read, changed = result.read, result.read.changed
    what = f"{read.name} ({changed.case.template})" if changed else read.name
    more = ", ".join(changed.kinds if changed else ()) if outcome.right else str(write_failure(result, failures))
    click.echo(f"{read.editor.version} {what}: {outcome.value}: {more}")
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
