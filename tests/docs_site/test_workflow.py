"""The workflow that publishes the site."""

from __future__ import annotations

import re
import subprocess

import yaml

from tests.cli.command import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "docs.yml"


def test_actions_are_pinned_to_commits_and_only_the_last_job_may_publish() -> None:
    text = WORKFLOW.read_text()
    uses = re.findall(r"uses: (.+)", text)
    assert len(uses) == 4
    for use in uses:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", use)
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["build"]["permissions"] == {"contents": "read"}
    assert workflow["jobs"]["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}


def test_it_publishes_what_make_site_writes() -> None:
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["build"]["steps"]
    (made,) = [step["run"] for step in steps if "run" in step]
    (published,) = [step["with"]["path"] for step in steps if "pages-artifact" in step.get("uses", "")]
    said = subprocess.run(["make", "-n", *made.split()[1:]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"docs generated/ -o {published} " in said.stdout
