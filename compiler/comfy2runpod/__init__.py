"""Compiles a saved ComfyUI workflow into a complete, typed RunPod Serverless endpoint.

The library is what `__all__` names (docs/library.md). Each is imported when it is first asked for, so that the import
of this package costs nothing.
"""

# Not typing's, which takes longer to import than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from comfy2runpod.catalog.classes import Catalog
    from comfy2runpod.diagnostics import CompileError, Diagnostic
    from comfy2runpod.pipeline import CompileResult, Options, compile_graph, files_beside
    from comfy2runpod.pipeline import check_file as check

__version__ = "0.1.0"
__all__ = [
    "Catalog",
    "CompileError",
    "CompileResult",
    "Diagnostic",
    "Options",
    "__version__",
    "check",
    "compile_graph",
    "files_beside",
]

_PLACES = {
    "Catalog": ("comfy2runpod.catalog.classes", "Catalog"),
    "CompileError": ("comfy2runpod.diagnostics", "CompileError"),
    "CompileResult": ("comfy2runpod.pipeline", "CompileResult"),
    "Diagnostic": ("comfy2runpod.diagnostics", "Diagnostic"),
    "Options": ("comfy2runpod.pipeline", "Options"),
    "check": ("comfy2runpod.pipeline", "check_file"),
    "compile_graph": ("comfy2runpod.pipeline", "compile_graph"),
    "files_beside": ("comfy2runpod.pipeline", "files_beside"),
}


def __getattr__(name: str) -> object:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only when a name is used

    module, attribute = place
    found: object = getattr(import_module(module), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
