"""A generated package, as the runtime uses it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_runtime.errors import PackageError
from comfy2runpod_runtime.inputs.seeds import random_seed
from comfy2runpod_runtime.job.redelivery import RawJob
from comfy2runpod_runtime.outputs.base import Output
from comfy2runpod_runtime.prompt import Prompt, PromptTemplate, Run

log = logging.getLogger(__name__)

Request = TypeVar("Request", bound=BaseModel)
Patch: TypeAlias = Callable[[Prompt, Request, Run], None]


@dataclass(frozen=True, slots=True)
class Package(Generic[Request]):
    """What a package consists of.

    Attributes:
        folder: the package's folder.
        template: its compiled prompt.
        request: the model of a job's input.
        answer: the model of an answer.
        patch: writes a request into a prompt.
        seeds: the fields that are seeds.
        outputs: the outputs, in order.
    """

    folder: Path
    template: PromptTemplate
    request: type[Request]
    answer: type[BaseModel]
    patch: Patch[Request]
    seeds: tuple[str, ...]
    outputs: tuple[Output, ...]

    def draw_seeds(self, request: Request) -> dict[str, int]:
        """Returns the seeds of a run, by field: the request's, and random ones where it has none. 0 is a valid seed."""
        values = {name: getattr(request, name) for name in self.seeds}
        return {name: random_seed(self.request, name) if value is None else value for name, value in values.items()}

    def validate_answer(self, answer: JsonObject) -> JsonObject:
        """Returns the answer if it fits the package's model.

        Raises:
            PackageError: the answer does not fit.
        """
        try:
            self.answer.model_validate(answer)
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False))
            raise PackageError(f"the answer does not fit the package's Output: {fields}") from None
        return answer

    def warm_up_job(self, setting: str) -> RawJob | None:
        """Reads the warm-up job.

        Args:
            setting: WARMUP: `on` for the package's test_input.json, or the path of a JSON file.

        Returns:
            The job; None if the file cannot be read, which is logged.
        """
        path = self.folder / "test_input.json" if setting == "on" else Path(setting)
        try:
            sample = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            log.warning("no warm-up: %s cannot be read (%s)", path.name, type(error).__name__)
            return None
        job_input = sample.get("input", sample) if isinstance(sample, dict) else sample
        return {"id": "warm-up", "input": job_input}
