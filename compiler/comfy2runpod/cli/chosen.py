"""The options of `compile` that a package's manifest keeps: from the command line, back to it, and as words to type."""

from __future__ import annotations

import os
import shlex

from comfy2runpod.cli.graphs import Settings
from comfy2runpod.pipeline import Options
from comfy2runpod.write import Chosen
from comfy2runpod_contract.model_urls import hub_address
from comfy2runpod_contract.texts import one_line


def chosen_of(settings: Settings) -> Chosen:
    """What a command was given."""
    options = settings.options
    catalogs = tuple(one_line(path.name) for path in settings.catalogs)
    return Chosen(
        options.editor,
        options.allow_api_nodes,
        tuple(sorted(options.api_nodes)),
        catalogs,
        options.allow_image_additions,
    )


def options_of(chosen: Chosen) -> Options:
    """What a package was compiled with, but for the catalogs, which only a person names.

    Raises:
        ValueError: it was by an editor that this version does not know.
    """
    return Options(
        editor=chosen.editor,
        allow_api_nodes=chosen.allow_api_nodes,
        api_nodes=frozenset(chosen.api_nodes),
        allow_image_additions=chosen.allow_image_additions,
        hub=hub_address(os.environ),
    )


def typed(chosen: Chosen) -> str:
    """The options as they are typed; nothing where they are the defaults."""
    return shlex.join(
        [
            *(["--editor", chosen.editor] if chosen.editor is not None else []),
            *(["--allow-api-nodes"] if chosen.allow_api_nodes else []),
            *(word for name in chosen.api_nodes for word in ("--allow-api-node", name)),
            *(["--allow-image-additions"] if chosen.allow_image_additions else []),
            *(word for name in chosen.catalogs for word in ("--catalog", name)),
        ]
    )
