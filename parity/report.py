"""Results -> docs/parity.md. The same results give the same bytes: no dates, no times, no paths of this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from parity.exceptions import Key
from parity.judge import Outcome, Result
from parity.score import key_of, scores
from parity.suite import Changed
from parity.versions import VERSIONS

_HEAD = """# Parity with the editor

<!-- Made by `make parity`; do not edit. -->

What the real ComfyUI editor queues of a graph, beside what we make of it. `make parity` drives the editor's own files
in Chromium over a small stand-in server with our catalog's classes.

- **Right** means: an equal prompt where it would be accepted, an error of ours where it would be refused.
- **Accepted or refused** is our own verdict on the *editor's* prompt (`comfy2runpod.server_check`, the code that
  `compile` refuses with): no ComfyUI is at hand here. A real ComfyUI 0.21.0 was asked once for the editor's prompts
  of all templates; it said the same of each. Where the editor makes no prompt, we have to refuse.
- **Equal** means: the same node ids, classes and inputs, as JSON (1 is 1.0, true is not 1), over the inputs that a
  class declares: the editor also writes the values of its own buttons and players, which the server ignores.
- Each editor's graphs are read by us as that editor reads them (`--editor`), paid API nodes allowed.
- **Changed graphs** are templates of known classes that were opened in the editor, changed there through the calls
  behind its menus and drags, and saved. The saved file is what counts: each editor loads its own files and the other's
  for the prompt.
"""
_WRONG = "**{}**"
# In place of diagnostics' codes, where `compile` itself breaks.
CRASHED = "**crashed**"


@dataclass(frozen=True, slots=True)
class Run:
    """All that a report tells of: the results, and the graphs changed for them with those that could not be saved.

    `packages` holds for each template why `compile` refuses it, if it does.
    """

    catalog: str
    templates_version: str
    seed: int
    results: Sequence[Result]
    changed: Sequence[Changed]
    packages: Mapping[str, tuple[str, ...]]
    exceptions: Mapping[Key, str]


def report(run: Run) -> str:
    """The whole page."""
    sections = [_HEAD, _versions(run), _score(run), _exceptions(run), _changes(run), _all_templates(run)]
    return "\n".join(sections)


def _versions(run: Run) -> str:
    editors = ", ".join(each.version for each in VERSIONS.values())
    return f"""ComfyUI's classes: {run.catalog}. Editors: `comfyui-frontend-package` {editors}. Templates:
`comfyui-workflow-templates-json` {run.templates_version}. Changed graphs: seed {run.seed}.
"""


def _score(run: Run) -> str:
    rows = [
        "| set | read by | graphs | equal | refused by both | exceptions | wrong | right |",
        "| - | - " + "| -: " * 6 + "|",
    ]
    for each in scores(run.results, run.exceptions):
        equal, refused = each.outcomes.get(Outcome.EQUAL, 0), each.outcomes.get(Outcome.REFUSED, 0)
        rows.append(
            f"| {each.set} | {each.editor.version} | {each.graphs} | {equal} | {refused} "
            f"| {each.known} | {each.wrong} | {100 * each.right:.1f} % |"
        )
    failed = sum(each.graph is None for each in run.changed)
    note = f"\n{failed} more graphs are not counted: the editor itself failed to change or to save them.\n"
    return "## Score\n\n" + "\n".join(rows) + "\n" + (note if failed else "")


def _exceptions(run: Run) -> str:
    rows = []
    for each in run.results:
        if each.judgement.outcome.right:
            continue
        reason = run.exceptions.get(key_of(each), "not explained yet")
        read = each.read
        what = f"{read.name} ({read.changed.case.template})" if read.changed else read.name
        rows.append(f"| {what} | {read.editor.version} | {each.judgement.outcome.value} | {reason} |")
    if not rows:
        return "## Exceptions\n\nNone.\n"
    head = [
        "A changed graph is named by the profile of the editor that saved it, the seed, and its index.",
        "",
        "| graph | read by | outcome | reason |",
        "| - | - | - | - |",
    ]
    return "## Exceptions\n\n" + "\n".join([*head, *rows]) + "\n"


def _changes(run: Run) -> str:
    count: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for each in run.results:
        if each.read.changed is not None:
            for kind in set(each.read.changed.kinds):
                count[kind] += 1
                right[kind] += each.judgement.outcome.right
    if not count:
        return ""
    rows = [f"| {kind} | {count[kind]} | {right[kind]} |" for kind in sorted(count)]
    head = [
        "What was changed, and in how many readings; a graph has one to five changes. One is played again with",
        "`python -m parity --made-in PROFILE --editor PROFILE --seed SEED --case INDEX`.",
        "",
        "| change | graphs | right |",
        "| - | -: | -: |",
    ]
    return "## Changes\n\n" + "\n".join([*head, *rows]) + "\n"


def _all_templates(run: Run) -> str:
    profiles = [version.profile for version in VERSIONS.values()]
    cells = {(each.read.editor.profile, each.read.name): _cell(each) for each in run.results}
    head = [
        "In each editor's reading: our prompt is *equal* to the editor's, or both refuse it, and our",
        "diagnostics' codes stand there. `package`: whether `compile` makes a package of it.",
        "",
        f"| template | {' | '.join(profiles)} | package |",
        "| - " * (len(profiles) + 2) + "|",
    ]
    rows = []
    for name, codes in run.packages.items():
        read = " | ".join(cells.get((profile, name), "") for profile in profiles)
        rows.append(f"| {name} | {read} | {_codes(codes) or 'yes'} |")
    return "## All templates\n\n" + "\n".join([*head, *rows]) + "\n"


def _cell(result: Result) -> str:
    judgement = result.judgement
    if judgement.outcome is Outcome.EQUAL:
        return "equal"
    if judgement.outcome is Outcome.REFUSED:
        return _codes(judgement.codes)
    return _WRONG.format(judgement.outcome.value)


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(codes)
