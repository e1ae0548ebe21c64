"""What can be wrong with model files at their hub."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Text


class GatedModel(Diagnostic):
    """A repository that wants its licence accepted."""

    code = "gated-model"
    repo: str

    reason = Text("The repository {repo} is gated: it gives its files only to accounts that accepted its licence.")
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
    """The hub does not answer."""

    code = "hub-unreachable"
    hub: str
    problem: str

    reason = Text("The hub {hub} cannot be asked for the file: {problem}.")
    remedy = Text("Check the network (and HF_ENDPOINT, if it is set) and run it again.")


class BadHubAnswer(Diagnostic):
    """A hub that answers something else than what a hub does."""

    code = "bad-hub-answer"
    hub: str
    problem: str

    reason = Text("What {hub} answers to the question for the file is of no use: {problem}.")
    remedy = Text("Check HF_ENDPOINT, if it is set, and whether a proxy or a log-in page answers in the hub's place.")


class BadLock(Diagnostic):
    """A lock file that is none."""

    code = "bad-lock"
    problem: str

    reason = Text("This is not a model lock ({problem}).")
    remedy = Text("Remove it and run `comfy2runpod lock` on the graph.")
