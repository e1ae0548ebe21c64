"""Diagnostics for programs: JSON, SARIF for code scanning and GitHub annotations, with lines in the file."""

from comfy2runpod.report.github import github_commands
from comfy2runpod.report.places import Placed, place
from comfy2runpod.report.plain import diagnostics_json
from comfy2runpod.report.sarif import sarif_log

__all__ = ["Placed", "diagnostics_json", "github_commands", "place", "sarif_log"]
