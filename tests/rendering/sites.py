"""Every place where a template prints a value, found in the templates themselves, and what another value does there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from comfy2runpod import __version__
from comfy2runpod.docs_site.reference import _harmless
from comfy2runpod.quoting import FILTERS, NotQuotable, Word
from comfy2runpod.stages.emit import package
from comfy2runpod.stages.emit.environment import NotWritten, environment, only_written
from comfy2runpod.stages.emit.picture import Picture

from .interfaces import interfaces, shown_packages, variants_of
from .structure import structure

TEMPLATES = Path(package.__file__).parents[2] / "templates"
# Those that others include, by the template that does.
INCLUDED = {
    "API-calls.md.j2": "API.md.j2",
    "models.md.j2": "API.md.j2",
    "page-try.html.j2": "index.html.j2",
    "page-reference.html.j2": "index.html.j2",
    **dict.fromkeys(("field-forms.md.j2", "field-image.md.j2", "field-video.md.j2"), "API.md.j2"),
    **dict.fromkeys(("field-forms.html.j2", "field-image.html.j2", "field-video.html.j2"), "index.html.j2"),
}
_AT_TOP = ("Dockerfile.j2",)


@dataclass(frozen=True, slots=True)
class Site:
    """An expression that a template prints, and the filter that writes it, if one does."""

    template: str
    number: int
    line: int
    filter: str | None

    def __str__(self) -> str:
        return f"{self.template}:{self.line}#{self.number}|{self.filter or ''}"


@dataclass(slots=True)
class Change:
    """What a rendering changes: at one place another text, its filter taken out or not."""

    site: Site | None = None
    text: str = ""
    bare: bool = False


class _Probes(NodeTransformer):
    """Puts a call of `probe` around every value, within the filter that writes it."""

    def __init__(self, template: str, sites: list[Site]) -> None:
        self._template = template
        self._sites = sites

    def visit_Output(self, output: nodes.Output) -> nodes.Output:  # noqa: N802 - Jinja's own name
        output.nodes = [self._probed(node) for node in output.nodes]
        return output

    def _probed(self, node: nodes.Expr) -> nodes.Expr:
        if isinstance(node, nodes.TemplateData):
            return node
        written = isinstance(node, nodes.Filter) and node.name in FILTERS
        site = Site(self._template, len(self._sites), node.lineno, node.name if written else None)
        self._sites.append(site)
        inner = node.node if written else node
        number = nodes.Const(site.number)
        probe = nodes.Call(nodes.Name("probe", "load"), [nodes.Const(self._template), number, inner], [], None, None)
        if written:
            node.node = probe
            probe = node
        return nodes.Call(nodes.Name("finish", "load"), [nodes.Const(self._template), number, probe], [], None, None)


class Probed(Environment):
    """The package's own environment with probes in its templates."""

    sites: dict[str, list[Site]]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        found: list[Site] = []
        tree = _Probes(name or "", found).visit(tree)
        self.sites[name or ""] = found
        return tree


class Rendering:
    """Renders templates with one change at a time; `seen` are the places that were reached."""

    def __init__(self) -> None:
        ours = environment()
        self._change = Change()
        self.seen: set[tuple[str, int]] = set()
        self.environment = Probed(
            loader=ours.loader, undefined=ours.undefined, autoescape=ours.autoescape, finalize=ours.finalize,
            trim_blocks=ours.trim_blocks, lstrip_blocks=ours.lstrip_blocks,
            keep_trailing_newline=ours.keep_trailing_newline, cache_size=400,
        )  # fmt: skip
        assert ours.finalize is only_written
        self.environment.sites = {}
        self.environment.filters.update({name: self._filter(name) for name in FILTERS})
        self.environment.globals |= {"probe": self._probe, "finish": self._finish}
        for name in template_names():
            self.environment.get_template(name)

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every place, in the templates' order."""
        return tuple(site for name in template_names() for site in self.environment.sites[name])

    def render(self, template: str, context: Mapping[str, object], change: Change | None = None) -> str:
        """A template's text; NotQuotable or NotWritten where a filter or the environment refuses."""
        self._change = change or Change()
        return self.environment.get_template(template).render(context)

    def _active(self, template: str, number: int) -> bool:
        site = self._change.site
        return site is not None and (site.template, site.number) == (template, number)

    def _probe(self, template: str, number: int, value: object) -> object:
        self.seen.add((template, number))
        return another(value, self._change.text) if self._active(template, number) else value

    def _finish(self, template: str, number: int, written: object) -> object:
        if not (self._active(template, number) and self._change.bare):
            return written
        raw = self._change.text
        return Markup(raw) if ".html" in template else Word(raw)

    def _filter(self, name: str) -> object:
        real = FILTERS[name]

        def filtered(value: object) -> object:
            site = self._change.site
            if self._change.bare and site is not None and site.filter == name:
                # What is taken out is not asked; its text comes as it is.
                try:
                    return real(value)  # type: ignore[operator]
                except (NotQuotable, TypeError):
                    return Word("")
            return real(value)  # type: ignore[operator]

        return filtered


def another(value: object, text: str) -> object:
    """A value of the same shape with another text wherever a value stands."""
    match value:
        case list():
            return [another(item, text) for item in value]
        case tuple():
            return tuple(another(item, text) for item in value)
        case dict():
            return {f"{text}{at}": another(item, text) for at, item in enumerate(value.values())}
    return text


@cache
def template_names() -> tuple[str, ...]:
    """Every template of the compiler."""
    return tuple(sorted([path.name for path in TEMPLATES.glob("*.j2")] + list(_AT_TOP)))


@cache
def contexts(template: str) -> tuple[Mapping[str, object], ...]:
    """Contexts that a template is rendered in."""
    shown = shown_packages()
    if template == "site-index.html.j2":
        return ({"packages": shown, "version": __version__}, {"packages": shown[:1], "version": __version__})
    if template == "site-reference.html.j2":
        return ({"package": shown[0], "document": _harmless(shown[0].openapi)},)
    picture = Picture("docs/picture.png", b"")
    found = [package._context(interface, variants_of(interface), "{}\n", picture) for interface in interfaces()]
    for context in found:
        # Our own files, as they are: long, and without a value in them.
        context["page"] = replace(context["page"], style=Markup("a {}"), script=Markup("a()"))  # type: ignore[type-var]
    return tuple(found)


def root(template: str) -> str:
    """The template that is rendered for the sake of one."""
    return INCLUDED.get(template, template)


def reaching(rendering: Rendering, site: Site) -> Iterator[tuple[str, Mapping[str, object], object]]:
    """The first context in which a place is reached: the text there, and its structure."""
    template = root(site.template)
    for number, context in enumerate(contexts(template)):
        text, shape, seen = _plain(rendering, template, number)
        if (site.template, site.number) in seen:
            yield text, context, shape
            return


_PLAIN: dict[tuple[int, str, int], tuple[str, object, frozenset[tuple[str, int]]]] = {}


def _plain(rendering: Rendering, template: str, number: int) -> tuple[str, object, frozenset[tuple[str, int]]]:
    key = (id(rendering), template, number)
    if key not in _PLAIN:
        rendering.seen.clear()
        text = rendering.render(template, contexts(template)[number])
        _PLAIN[key] = (text, structure(template, text), frozenset(rendering.seen))
    return _PLAIN[key]


def fault_of(rendering: Rendering, site: Site, text: str, *, bare: bool = False) -> str | None:
    """What is wrong with a template that prints another text at a place; None if nothing is."""
    if site.filter in ("word", "name", "camel", "debian_package") and _is_plain(text):
        return None
    for _, context, shape in reaching(rendering, site):
        template = root(site.template)
        try:
            rendered = rendering.render(template, context, Change(site, text, bare))
        except (NotQuotable, NotWritten):
            return None
        try:
            found = structure(template, rendered)
        except (ValueError, SyntaxError, RecursionError) as error:
            return f"{type(error).__name__}: {error}"
        return None if found == shape else "its structure is another"
    return "it is never reached"


def _is_plain(text: str) -> bool:
    """Whether a text is a word that needs no quotes anywhere: what these filters let through unchanged."""
    return text.isascii() and re.fullmatch(r"[\w./+-]+", text) is not None
