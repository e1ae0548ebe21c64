"""What can be wrong with model files at their hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, did_you_mean


@dataclass(frozen=True, kw_only=True)
class GatedModel(Diagnostic):
    """A repository that wants its licence accepted."""

    code: ClassVar[str] = "gated-model"
    repo: str

    @property
    def reason(self) -> str:
        """The repository."""
        return f"The repository {self.repo} is gated: it gives its files only to accounts that accepted its licence."

    @property
    def remedy(self) -> str:
        """Accept it."""
        return f"Accept the licence at https://huggingface.co/{self.repo} and set HF_TOKEN."


@dataclass(frozen=True, kw_only=True)
class MissingModel(Diagnostic):
    """A file that its repository does not have."""

    code: ClassVar[str] = "missing-model"
    repo: str
    path: str
    near: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The file and the repository."""
        return f"{self.repo} has no file {self.path}."

    @property
    def remedy(self) -> str:
        """The nearest."""
        return f"{did_you_mean(self.near)}Correct the URL in `properties.models` of its loader, or in the note."


@dataclass(frozen=True, kw_only=True)
class HubUnreachable(Diagnostic):
    """The hub does not answer."""

    code: ClassVar[str] = "hub-unreachable"
    hub: str
    problem: str

    @property
    def reason(self) -> str:
        """What happened."""
        return f"The hub {self.hub} cannot be asked for the file: {self.problem}."

    @property
    def remedy(self) -> str:
        """Try again."""
        return "Check the network (and HF_ENDPOINT, if it is set) and run it again."


@dataclass(frozen=True, kw_only=True)
class BadHubAnswer(Diagnostic):
    """A hub that answers something else than what a hub does."""

    code: ClassVar[str] = "bad-hub-answer"
    hub: str
    problem: str

    @property
    def reason(self) -> str:
        """What is wrong with it."""
        return f"What {self.hub} answers to the question for the file is of no use: {self.problem}."

    @property
    def remedy(self) -> str:
        """Look who answers."""
        return "Check HF_ENDPOINT, if it is set, and whether a proxy or a log-in page answers in the hub's place."


@dataclass(frozen=True, kw_only=True)
class BadLock(Diagnostic):
    """A lock file that is none."""

    code: ClassVar[str] = "bad-lock"
    problem: str

    @property
    def reason(self) -> str:
        """What is wrong."""
        return f"This is not a model lock ({self.problem})."

    @property
    def remedy(self) -> str:
        """Make it anew."""
        return "Remove it and run `comfy2runpod lock` on the graph."
