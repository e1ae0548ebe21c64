"""Writes docs/settings.md from the worker's settings: every variable, its default, and what it is for."""

from __future__ import annotations

from pathlib import Path

from pydantic_core import PydanticUndefined

from comfy2runpod_runtime.settings import Settings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"


def table() -> str:
    """The page."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = (
            ""
            if default in (None, "", PydanticUndefined)
            else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        )
        rows.append(f"| `{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(
        [
            "# Settings of a worker",
            "",
            "Each is an environment variable, read once at the start; one that is set but empty counts as unset.",
            "What does not fit is said at the start, all of it together. `HF_TOKEN`, `HF_ENDPOINT` and",
            "`SSL_CERT_FILE` mean what they mean everywhere; `CIVITAI_TOKEN` is for models on civitai.com, and sent",
            "nowhere else. Made by `make settings` from `settings.py`.",
            "",
            "| variable | default | |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(table(), encoding="utf-8")
