"""One job, ready to run."""

from __future__ import annotations

from dataclasses import dataclass

from comfy2runpod_runtime.delivery.job_delivery import JobDelivery
from comfy2runpod_runtime.inputs.request_options import RequestOptions
from comfy2runpod_runtime.outputs.base import Output
from comfy2runpod_runtime.prompt import Prompt, Run


@dataclass(frozen=True, slots=True)
class Job:
    """What is needed to run a job.

    Attributes:
        prompt: the package's prompt with the request's values.
        run: the prompt id, seeds and input files of this run.
        outputs: all outputs of the package.
        options: which outputs are requested, and in what form.
        delivery: how the results reach the caller.
    """

    prompt: Prompt
    run: Run
    outputs: tuple[Output, ...]
    options: RequestOptions
    delivery: JobDelivery

    @property
    def requested_outputs(self) -> tuple[Output, ...]:
        """The outputs that the request asks for."""
        return tuple(output for output in self.outputs if output.name in self.options.outputs)
