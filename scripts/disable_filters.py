"""Disables each filter of each template in turn, and each function that assembles Python code.

The rendering test must fail without each of them; otherwise it tests nothing.

    PYTHONPATH=. python scripts/disable_filters.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from unittest.mock import patch

from comfy2runpod.expressions.expression import ExpressionError
from comfy2runpod.quoting import NotQuotable, Python, Script, Word
from comfy2runpod.stages.emit import emit
from tests.rendering.hostile import HOSTILE, POLYGLOT
from tests.rendering.interfaces import PROMPT, interfaces, variants_of
from tests.rendering.structure import structure
from tests.rendering.test_packages import texts_in
from tests.rendering.test_templates import RENDERING, missed

# The replacement of each function.
FUNCTIONS: dict[str, Callable[..., object]] = {
    "comfy2runpod.quoting._escaped": lambda text, **_: text,
    "comfy2runpod.fields.base.name": Word,
    "comfy2runpod.fields.base.python_text": lambda text, *_: Python(f'"{text}"'),
    "comfy2runpod.stages.emit.template_models.media_type": Word,
    "comfy2runpod.stages.emit.template_models.name": Word,
    "comfy2runpod.stages.emit.client_types.script": lambda value: Script(f'"{value}"'),
    "comfy2runpod.stages.emit.template_models.python_text": lambda text, *_: Python(f'"{text}"'),
}


def is_missed(function: str) -> bool:
    """Whether some text of some interface changes the package once a function is disabled."""
    whole = interfaces()[0]
    variants = variants_of(whole)
    base = {path: text for path, text in emit(whole, PROMPT, variants).items() if isinstance(text, str)}
    with patch(function, FUNCTIONS[function]):
        for _, put in texts_in(whole):
            for text in (POLYGLOT, *HOSTILE[:8]):
                try:
                    files = emit(put(text), PROMPT, variants)
                except (NotQuotable, ExpressionError, KeyError, OSError, ValueError):
                    continue
                for path, said in files.items():
                    if isinstance(said, str) and said != base.get(path) and _is_otherwise(path, said, base):
                        return True
    return False


def _is_otherwise(path: str, said: str, base: dict[str, str]) -> bool:
    try:
        return path.endswith((".py", ".ts")) and structure(path, said) != structure(path, base[path])
    except (ValueError, SyntaxError, KeyError):
        return True


def main() -> int:
    """Exit code 1 if something can be disabled without a failing test."""
    gone = [str(site) for site in RENDERING.sites if missed(site) is None]
    gone += [function for function in FUNCTIONS if not is_missed(function)]
    for what in gone:
        print(f"disabled, and no test fails: {what}", file=sys.stderr)
    count = len(RENDERING.sites) + len(FUNCTIONS)
    print(f"{count - len(gone)} of {count} filters and functions are noticed when they are disabled")
    return 1 if gone else 0


if __name__ == "__main__":
    sys.exit(main())
