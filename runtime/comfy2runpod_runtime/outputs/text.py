"""A text that a node shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from comfy2runpod_contract.media import MediaKind, media_facts
from comfy2runpod_runtime.comfyui.history import History
from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.inputs.request_options import RequestOptions
from comfy2runpod_runtime.outputs.base import Output
from comfy2runpod_runtime.outputs.measures import Measures


@dataclass(frozen=True, slots=True)
class Text(Output):
    """A text that a node shows; no file."""

    is_file: ClassVar[bool] = False

    media_type: str = media_facts(MediaKind.TEXT).media_type

    def is_saved(self, history: History) -> bool:
        """Whether the node showed a text."""
        return bool(history.texts.get(self.node))

    def saved(self, history: History, title: str) -> tuple[str, ...]:
        """The texts that the node showed."""
        return self._one_or_many(history.texts.get(self.node, ()), title, "text")

    def prepared(self, path: Path, options: RequestOptions) -> tuple[Path, Measures]:
        """None: a text is no file."""
        del options
        raise OutputInvalid(f"{path.name} is a file; {self.name} is a text.")
