"""Which inputs a node has for given values, and how the server converts values and links."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from comfy2runpod.catalog.folders import COMFYUI_MODEL_EXTENSIONS, INPUT_FOLDERS
from comfy2runpod.catalog.node_class import DYNAMIC_COMBO, MATCHES_INPUT, InputSpec
from comfy2runpod_contract.json_types import Json

# The names of the files in a folder; None if they are not known, and any plausible name is accepted.
Files: TypeAlias = Callable[[str], Iterable[str] | None]

_ANYTHING = frozenset({"*", MATCHES_INPUT})


def live_inputs(
    specs: Iterable[InputSpec], given: Mapping[str, Json], prefix: str = "", *, required: bool = True
) -> Iterator[tuple[str, InputSpec, bool]]:
    """The inputs that a class has for given values: name, spec, and whether it is required.

    A dynamic combo brings the inputs of its choice, an autogrowing input its elements.
    """
    for spec in specs:
        name = prefix + spec.name
        if spec.autogrow is not None:
            grow = spec.autogrow
            for index, element in enumerate(grow.names):
                yield f"{name}.{element}", grow.element, index < grow.minimum and grow.element.required
        elif spec.type == DYNAMIC_COMBO:
            chosen = _chosen(spec, name, given)
            if chosen is not None:
                yield from live_inputs(chosen, given, f"{name}.")
                yield name, spec, required and spec.required
        else:
            yield name, spec, required and spec.required


def is_dynamic(specs: Iterable[InputSpec], given: Mapping[str, Json]) -> bool:
    """Whether the given values add inputs whose names are paths."""
    return any(
        spec.autogrow is not None or (spec.type == DYNAMIC_COMBO and _chosen(spec, spec.name, given) is not None)
        for spec in specs
    )


def _chosen(spec: InputSpec, name: str, given: Mapping[str, Json]) -> tuple[InputSpec, ...] | None:
    if name not in given:
        return None
    return next((children for key, children in spec.options if key == given[name]), None)


def converted(kind: str, value: Json) -> Json:
    """A constant as the server converts it for an input of that type.

    Raises:
        TypeError, ValueError, OverflowError: it cannot.
    """
    match kind:
        case "INT":
            return int(cast("int | float | str", value))
        case "FLOAT":
            return float(cast("int | float | str", value))
        case "STRING":
            return str(value)
        case "BOOLEAN":
            return bool(value)
        case _:
            return value


def unwrapped(value: Json) -> Json:
    """A value without the wrapper that distinguishes a list from a link."""
    return value["__value__"] if isinstance(value, dict) and "__value__" in value else value


def link_fits(given: str, wanted: str) -> bool:
    """Whether the server accepts a link from an output of type `given` to an input of type `wanted`."""
    if given == wanted or given in _ANYTHING or wanted in _ANYTHING:
        return True
    have = {part.strip() for part in given.split(",")}
    want = {part.strip() for part in wanted.split(",")}
    return bool(have & want) or "*" in have or "*" in want


@dataclass(slots=True)
class Present:
    """Which files exist; if `files` is or returns None, any plausible name is accepted."""

    files: Files | None
    _known: dict[str, frozenset[str] | None]

    def listed(self, spec: InputSpec, value: Json) -> bool:
        """Whether an input offers a value: one of its choices, or a file of its folders."""
        if value in (spec.choices or ()):
            # True equals 1 in Python, and so for the server.
            return True
        if spec.unlisted:
            return isinstance(value, str)
        if not spec.folders or not isinstance(value, str):
            return False
        found = [self._in_folder(folder, value) for folder in spec.folders]
        if None not in found:
            return any(found)
        if True in found or any(folder in INPUT_FOLDERS for folder in spec.folders):
            return True
        extensions = {*spec.extensions}
        if extensions & COMFYUI_MODEL_EXTENSIONS:
            extensions |= COMFYUI_MODEL_EXTENSIONS
        return value.casefold().endswith(tuple(extensions))

    def annotated(self, name: str) -> bool:
        """Whether a user's file exists: `cat.png`, or `cat.png [output]` for a generated one."""
        if name == "":
            return True
        for folder in ("output", "input", "temp"):
            if name.endswith(f"[{folder}]"):
                # The server cuts the mark and one character before it, the last for all but [output].
                return self._in_folder(folder, name.removesuffix(f"[{folder}]").rstrip(" ")) is not False
        return self._in_folder("input", name) is not False

    def _in_folder(self, folder: str, name: str) -> bool | None:
        if folder not in self._known:
            names = None if self.files is None else self.files(folder)
            self._known[folder] = None if names is None else frozenset(names)
        known = self._known[folder]
        return None if known is None else name in known


def present(files: Files | None) -> Present:
    """Which files exist; each folder is read once."""
    return Present(files, {})
