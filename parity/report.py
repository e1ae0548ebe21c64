"""Results -> docs/parity.md. The same results give the same bytes: no dates, no times, no paths of this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from parity.exceptions import Key
from parity.judge import Outcome
from parity.suite import Result
from parity.versions import VERSIONS

_HEAD = """# Parity with the editor

<!-- Made by `make parity`; do not edit. -->

What the real ComfyUI editor queues of a graph, beside what we make of it. `make parity` drives the editor's own files
in Chromium over a small stand-in server with our catalog's classes.

- **Right** means: an equal prompt where it would be accepted, an error of ours where it would be refused.
- **Accepted or refused** is our own verdict on the *editor's* prompt (`comfy2runpod.verdict`, the code that `compile`
  refuses with): no ComfyUI is at hand here. Where the editor makes no prompt, we have to refuse.
- **Equal** means: the same node ids, classes and inputs, as JSON (1 is 1.0, true is not 1), over the inputs that a
  class declares: the editor also writes the values of its own buttons and players, which the server ignores.
- Each editor's graphs are read by us as that editor reads them (`--editor`), paid API nodes allowed.
- **Changed graphs** are templates of known classes that were opened in the editor, changed there through the calls
  behind its menus and drags, and saved. The saved file is what counts: it is loaded again for the prompt.
"""
_WRONG = "**{}**"
# In place of diagnostics' codes, where `compile` itself breaks.
CRASHED = "**crashed**"


@dataclass(frozen=True, slots=True)
class Run:
    """All that a report tells of. `packages` holds for each template why `compile` refuses it, if it does."""

    catalog: str
    templates_version: str
    templates: Sequence[Result]
    mutated: Sequence[Result]
    seed: int
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
        "| set | editor | graphs | equal | refused by both | exceptions | wrong | right |",
        "| - | - " + "| -: " * 6 + "|",
    ]
    for name, results in (("templates", run.templates), ("mutated", run.mutated)):
        for version in VERSIONS.values():
            chosen = [
                each for each in results if each.editor == version and each.judgement.outcome is not Outcome.NO_FILE
            ]
            if not chosen:
                continue
            count = Counter(each.judgement.outcome for each in chosen)
            wrong = [each for each in chosen if not each.judgement.outcome.right]
            known = sum((name, version.profile, each.name) in run.exceptions for each in wrong)
            right = len(chosen) - len(wrong)
            rows.append(
                f"| {name} | {version.version} | {len(chosen)} | {count[Outcome.EQUAL]} | {count[Outcome.REFUSED]} "
                f"| {known} | {len(wrong) - known} | {100 * right / len(chosen):.1f} % |"
            )
    failed = sum(each.judgement.outcome is Outcome.NO_FILE for each in run.mutated)
    note = f"\n{failed} of the changed graphs are not counted: the editor itself fails to change or to save them.\n"
    return "## Score\n\n" + "\n".join(rows) + "\n" + (note if failed else "")


def _exceptions(run: Run) -> str:
    rows = []
    for name, results in (("templates", run.templates), ("mutated", run.mutated)):
        for each in results:
            if each.judgement.outcome.right:
                continue
            reason = run.exceptions.get((name, each.editor.profile, each.name), "not explained yet")
            what = f"{each.name} ({each.case.template})" if each.case else each.name
            rows.append(f"| {what} | {each.editor.version} | {each.judgement.outcome.value} | {reason} |")
    if not rows:
        return "## Exceptions\n\nNone.\n"
    head = ["| graph | editor | outcome | reason |", "| - | - | - | - |"]
    return "## Exceptions\n\n" + "\n".join([*head, *rows]) + "\n"


def _changes(run: Run) -> str:
    changed = [each for each in run.mutated if each.judgement.outcome is not Outcome.NO_FILE]
    if not changed:
        return ""
    count: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for each in changed:
        for kind in set(each.kinds):
            count[kind] += 1
            right[kind] += each.judgement.outcome.right
    rows = [f"| {kind} | {count[kind]} | {right[kind]} |" for kind in sorted(count)]
    head = [
        "What was changed, and in how many graphs; a graph has one to five changes. One is played again with",
        "`python -m parity --editor PROFILE --seed SEED --case INDEX`.",
        "",
        "| change | graphs | right |",
        "| - | -: | -: |",
    ]
    return "## Changes\n\n" + "\n".join([*head, *rows]) + "\n"


def _all_templates(run: Run) -> str:
    profiles = [version.profile for version in VERSIONS.values()]
    cells = {(each.editor.profile, each.name): _cell(each) for each in run.templates}
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
