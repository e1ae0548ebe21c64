"""Every value in every template, with texts that try to leave its quotes: the structure of the file must stay the same.

The places are found in the templates themselves, so a new one is among them by itself. `make quoting` tries every text
at every place, and takes each filter out in turn; here each place gets a part of the texts, another one each.
"""

from __future__ import annotations

import os

import pytest

from comfy2runpod.fields import KINDS

from .hostile import HOSTILE, POLYGLOT
from .sites import Rendering, Site, fault_of, template_names

_PART = 12
_WHOLE = bool(os.environ.get("WHOLE_QUOTING"))
RENDERING = Rendering()
BY_TEMPLATE = {
    name: tuple(site for site in RENDERING.sites if site.template == name)
    for name in template_names()
    if any(site.template == name for site in RENDERING.sites)
}


def texts_for(site: Site) -> tuple[str, ...]:
    """Some of the texts, of which every place gets others."""
    return HOSTILE if _WHOLE else (POLYGLOT, *HOSTILE[site.number % _PART :: _PART])


@pytest.mark.parametrize("template", BY_TEMPLATE)
def test_no_value_leaves_its_quotes(template: str) -> None:
    tried = 0
    for site in BY_TEMPLATE[template]:
        for text in texts_for(site):
            tried += 1
            fault = fault_of(RENDERING, site, text)
            assert fault is None, f"{site} with {text!r}: {fault}"
    print(f"{template}: {len(BY_TEMPLATE[template])} places, {tried} renderings")


def test_the_places_are_all_that_templates_print() -> None:
    assert len(RENDERING.sites) > 250
    assert sum(map(len, BY_TEMPLATE.values())) == len(RENDERING.sites)
    # Templates without a value are copied as they are.
    assert set(template_names()) - set(BY_TEMPLATE) <= {
        "client-tsconfig.json.j2",
        "client-index.ts.j2",
        *(f"{kind.document}.{ending}.j2" for kind in KINDS if kind.document for ending in ("html", "md")),
        "gitignore.j2",
    }


@pytest.mark.parametrize("template", BY_TEMPLATE)
def test_every_filter_that_is_taken_out_is_missed(template: str) -> None:
    unmissed = [str(site) for site in BY_TEMPLATE[template] if missed(site) is None]
    assert not unmissed, f"nothing tells that the filter is gone at {', '.join(unmissed)}"


def missed(site: Site) -> str | None:
    """A text that shows that a place's filter is gone."""
    return next((text for text in (POLYGLOT, *HOSTILE) if fault_of(RENDERING, site, text, bare=True)), None)
