"""The worker's settings, each an environment variable of the same name in capitals."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

# RunPod carries 10 MB for /run; base64 makes 4 bytes of 3, and the JSON around it takes a little.
_INLINE_BYTES = 7_400_000


class Settings(BaseSettings):
    """Read once, when the worker starts."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    comfyui_url: str | None = Field(
        None, description="A running ComfyUI to use, by HTTP and websocket alone. Unset: the worker starts its own."
    )
    comfyui_dir: Path = Field(Path("/opt/comfyui"), description="Where ComfyUI's source is.")
    comfyui_python: Path = Field(
        Path("/opt/comfyui-venv/bin/python"),
        description="ComfyUI's own Python: torch lives there, not in the worker's.",
    )
    comfyui_port: int = Field(8188, description="The port of the worker's own ComfyUI.", ge=1, le=65535)
    comfyui_args: str = Field("", description="Further arguments for ComfyUI, such as --highvram.")
    comfyui_start_timeout_seconds: float = Field(
        300, description="How long ComfyUI may take to answer; a cold network volume is slow.", gt=0
    )
    request_timeout_seconds: float = Field(30, description="How long one HTTP request to ComfyUI may take.", gt=0)
    job_timeout_seconds: float = Field(3600, description="How long a job may run before it is interrupted.", gt=0)
    poll_seconds: float = Field(
        2, description="How often the history is asked when no event comes; events only make it faster.", gt=0
    )
    max_inline_bytes: int = Field(
        _INLINE_BYTES, description="The largest result that is answered inline, before base64.", gt=0
    )
    models_dir: Path = Field(Path("/opt/comfyui/models"), description="Where model files are kept.")
    hf_cache_dir: Path = Field(
        Path("/runpod-volume/huggingface-cache/hub"), description="RunPod's cache of Hugging Face repositories."
    )
