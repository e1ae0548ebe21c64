"""What can be wrong with model files at their hub."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Text


class GatedModel(Diagnostic):
    """A repository that requires its licence to be accepted."""

    code = "gated-model"
    repo: str

    reason = Text("The repository {repo} is gated: only accounts that accepted its licence can download its files.")
    remedy = Text("Accept the licence at https://huggingface.co/{repo} and set HF_TOKEN.")


class MissingModel(Diagnostic):
    """A file that its repository does not have."""

    code = "missing-model"
    repo: str
    path: str
    near: tuple[str, ...]

    reason = Text("{repo} has no file {path}.")
    remedy = Text("{near:did_you_mean}Correct the URL in `properties.models` of its loader, or in the note.")


class HubUnreachable(Diagnostic):
    """A hub that does not answer."""

    code = "hub-unreachable"
    hub: str
    problem: str

    reason = Text("The hub {hub} could not be queried for the file: {problem}.")
    remedy = Text("Check the network (and HF_ENDPOINT, if it is set) and run it again.")


class BadHubAnswer(Diagnostic):
    """An answer that is not one of a hub."""

    code = "bad-hub-answer"
    hub: str
    problem: str

    reason = Text("The answer of {hub} about the file cannot be used: {problem}.")
    remedy = Text("Check HF_ENDPOINT, if it is set, and whether a proxy or a log-in page answers instead of the hub.")


class BadLock(Diagnostic):
    """A file that is not a model lock."""

    code = "bad-lock"
    problem: str

    reason = Text("This is not a model lock ({problem}).")
    remedy = Text("Remove it and run `comfy2runpod lock` on the graph.")
