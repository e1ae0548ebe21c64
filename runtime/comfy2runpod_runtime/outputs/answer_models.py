"""What the generated models of answers share."""

from __future__ import annotations

from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from comfy2runpod_contract.media import ADDRESS_KEYS, FILE_MEASURES

Model = TypeVar("Model", bound=BaseModel)

_SAID = {one.name: one.description for one in (*ADDRESS_KEYS, *FILE_MEASURES)}


def inline_or_url(model: Model, data: str) -> Model:
    """A file's model as it is, if it holds either the file, under the name `data`, or its `url` and `expires_at`.

    Raises:
        ValueError: it holds both, neither, or half of an address.
    """
    inline = getattr(model, data) is not None
    address = [getattr(model, name) is not None for name in ("url", "expires_at")]
    if any(address) == inline or any(address) != all(address):
        raise ValueError(f"either {data}, or url and expires_at")
    return model


class AnswerFile(BaseModel):
    """A file of an answer, and what is known of every file; subclasses add what is measured on their kind."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    data: Annotated[str | None, Field(description="The file, base64.")] = None
    url: Annotated[str | None, Field(json_schema_extra={"format": "uri"}, description=_SAID["url"])] = None
    expires_at: Annotated[
        str | None, Field(json_schema_extra={"format": "date-time"}, description=_SAID["expires_at"])
    ] = None
    media_type: Annotated[str, Field(description=_SAID["media_type"])]
    bytes: Annotated[int, Field(description=_SAID["bytes"])]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description=_SAID["sha256"])]

    @model_validator(mode="after")
    def _in_one_form(self) -> Self:
        return inline_or_url(self, "data")
