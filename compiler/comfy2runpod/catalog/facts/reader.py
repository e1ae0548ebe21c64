"""A file of facts -> typed rows, each checked: the one reader of the shipped files and of those beside a graph.

A file beside a graph comes from whoever wrote it for a node pack. Every text is bounded and plain, every key known, and
every row says where it was read and for which releases it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from comfy2runpod.catalog.facts import kinds
from comfy2runpod.catalog.facts.kinds import CheckKind, Fact, Virtual
from comfy2runpod.catalog.facts.releases import Releases
from comfy2runpod.catalog.facts.sizes import SizeRule, Sizes
from comfy2runpod.catalog.facts.values import BadFactsError, Fields, quoted
from comfy2runpod.editor import PROFILES
from comfy2runpod.note_forms import DEBIAN_PACKAGE
from comfy2runpod_contract.json_types import Json, JsonObject, json_type
from comfy2runpod_contract.media import MediaKind, media_facts

MOST_ROWS = 5_000
# Over a whole file: the names that it is about, and those of them that are parts of names, each of which is looked for
# in the name of every class.
MOST_NAMES = 10_000
MOST_PARTS = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One fact: of which classes or types it is, where it was read, and for which releases it holds.

    A class is named in `classes`, or its name begins with one of `beginning` or has one of `containing` in it.
    `types` are the types of widgets, or the kinds of upload, that a fact is of which is of no class. `number` counts
    the file's rows from 1, `kind` is the file's word for the kind of fact, and `pack` whose file it is. `stated` is the
    row as the file has it, which a package carries along.
    """

    number: int
    pack: str
    kind: str
    fact: Fact
    source: str
    releases: Releases
    classes: tuple[str, ...] = ()
    beginning: tuple[str, ...] = ()
    containing: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    stated: JsonObject = field(default_factory=dict, repr=False, compare=False)

    def selects(self, class_type: str) -> bool:
        """Whether a class is selected by a part of its name."""
        return class_type.startswith(self.beginning) or any(part in class_type for part in self.containing)


@dataclass(frozen=True, slots=True)
class FactsFile:
    """A file's rows; `pack` is what they are about, by its id in the registry, `version` its release if it is told."""

    pack: str
    version: str | None
    rows: tuple[Row, ...]


def read_facts(raw: Mapping[str, Json]) -> FactsFile:
    """A file's JSON -> its rows.

    Args:
        raw: an object with `pack`, maybe `version`, and `facts`.

    Raises:
        BadFactsError: what is wrong with it, and in which row.
    """
    head = Fields("the file", {key: value for key, value in raw.items() if key in ("pack", "version", "facts")})
    pack, version = head.name("pack"), head.optional_name("version")
    rows = head.list("facts", MOST_ROWS)
    return FactsFile(pack, version, tuple(_bounded(_row(number, row, pack) for number, row in enumerate(rows, 1))))


def _bounded(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, up to the one with which the file is about too many names."""
    names = parts = 0
    for row in rows:
        parts += len(row.beginning) + len(row.containing)
        names += len(row.classes) + len(row.types)
        if parts > MOST_PARTS:
            found = (
                f"the file has {parts:,} parts of names (`beginning`, `containing`); {MOST_PARTS:,} are read at most"
            )
            raise BadFactsError(f"fact {row.number}: up to here {found}: name the classes in their place")
        if names > MOST_NAMES:
            found = f"the file has {names:,} names of classes and types; {MOST_NAMES:,} are read at most"
            raise BadFactsError(f"fact {row.number}: up to here {found}: split it into several files")
        yield row


def _row(number: int, raw: Json, pack: str) -> Row:
    if not isinstance(raw, dict):
        raise BadFactsError(f"fact {number} is {json_type(raw)}; expected an object")
    row = Fields(f"fact {number}", raw)
    kind = row.name("fact")
    read = _READERS.get(kind)
    if read is None:
        raise BadFactsError(f"fact {number}: {kind!r} is no kind of fact; known are {', '.join(_READERS)}")
    made = Row(
        number,
        pack,
        kind,
        read(row, pack),
        row.text("source"),
        _releases(row),
        classes=_once(row.names("classes")),
        beginning=_once(row.names("beginning")),
        containing=_once(row.names("containing")),
        types=_once(row.names("types")),
        stated=raw,
    )
    row.finish()
    of_types = isinstance(made.fact, (kinds.WidgetType, kinds.UploadButton, kinds.SavedType))
    if of_types != bool(made.types) or bool(made.classes or made.beginning or made.containing) == of_types:
        keys = "types" if of_types else "classes, beginning or containing"
        raise BadFactsError(f"fact {number}: {kind} is told of {keys}, and of nothing else")
    return made


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _releases(row: Fields) -> Releases:
    text = row.name("versions")
    try:
        return Releases.parse(text)
    except ValueError as error:
        raise BadFactsError(f"{row.at}: versions: {error}") from None


def _saves(row: Fields, _pack: str) -> Fact:
    kind = row.one_of("kind", MediaKind)
    return kinds.Saves(
        input=row.optional_name("input"),
        kind=kind,
        media_type=_media_type(row, kind),
        prefix_input=row.optional_name("prefix_input"),
        shown=row.flag("shown"),
    )


def _media_type(row: Fields, kind: MediaKind) -> str:
    """A media type of the kind: of the same top-level type as the kind's own, or JSON for a text."""
    media_type = row.media_type("media_type")
    top = media_facts(kind).media_type.partition("/")[0]
    if media_type.partition("/")[0] != top and (kind, media_type) != (MediaKind.TEXT, "application/json"):
        wanted = f"{top}/*" + (" or application/json" if kind is MediaKind.TEXT else "")
        raise BadFactsError(
            f"{row.at}: media_type is {quoted(media_type)}; expected {wanted} for the kind {kind.value}"
        )
    return media_type


def _saved_type(row: Fields, _pack: str) -> Fact:
    kind = row.one_of("kind", MediaKind)
    return kinds.SavedType(
        kind=kind,
        media_type=_media_type(row, kind),
        unless=frozenset(row.names("unless")),
        form_inputs=row.names("form_inputs"),
        forms=frozenset(row.names("forms")),
    )


def _scale(row: Fields, _pack: str) -> Fact:
    return kinds.Scale(row.name("size"), area=row.flag("area"), step=row.optional_name("step"))


def _image_lack(row: Fields, _pack: str) -> Fact:
    unless = row.optional_name("unless_input")
    values = row.values("unless_values") if unless is not None else ()
    apt = row.names("apt")
    if wrong := [name for name in apt if DEBIAN_PACKAGE.fullmatch(name) is None]:
        raise BadFactsError(f"{wrong[0]!r} is no name of a Debian package")
    return kinds.ImageLack(row.text("what"), row.text("instead"), unless, values, apt)


def _virtual(row: Fields, _pack: str) -> Fact:
    role = row.one_of("role", Virtual, Virtual.ABSENT)
    return kinds.VirtualNode(role, followed_in_groups=row.flag("followed_in_groups"))


def _extra_widgets(row: Fields, _pack: str) -> Fact:
    after = row.name("after") if row.has("after") else ""
    return kinds.ExtraWidgets(after, row.names("names"), any_number=row.flag("any_number"))


def _decided_by_extension(row: Fields, pack: str) -> Fact:
    return kinds.DecidedByExtension(pack, row.text("does"), row.text("instead"), editor_only=row.flag("editor_only"))


def _own_check(row: Fields, _pack: str) -> Fact:
    check = row.one_of("check", CheckKind)
    inputs = row.names("inputs")
    needs_one = check in (CheckKind.INPUT_FILE, CheckKind.ASPECT_RATIO, CheckKind.LINK_TYPE)
    if (needs_one and len(inputs) != 1) or (check is CheckKind.ANY_NONZERO and not inputs):
        raise BadFactsError(f"{row.at}: inputs: {check.value} looks at {'one input' if needs_one else 'inputs'}")
    ratio = check is CheckKind.ASPECT_RATIO
    return kinds.OwnCheck(
        function=row.name("function"),
        check=check,
        inputs=inputs,
        takes_all=row.flag("takes_all"),
        takes_types=check is CheckKind.LINK_TYPE,
        what=row.name("what") if check is CheckKind.INPUT_FILE else "",
        types=row.names("types_taken") if check is CheckKind.LINK_TYPE else (),
        least=row.number("least") if ratio else 0.0,
        most=row.number("most") if ratio else 0.0,
        refusal=row.text("refusal") if check in (CheckKind.ANY_NONZERO, CheckKind.LINK_TYPE) else "",
    )


# What a rule goes by, for those that go by anything; all of it must be told.
_SIZE_KEYS: Mapping[SizeRule, tuple[str, ...]] = {
    SizeRule.SAME_IMAGES: ("input",),
    SizeRule.SAME_LATENT: ("input",),
    SizeRule.BATCH_IMAGES: ("input",),
    SizeRule.BATCH_MASKS: ("input",),
    SizeRule.VALUE: ("input",),
    SizeRule.IMAGE_LATENT: ("cell",),
    SizeRule.VIDEO_LATENT: ("cell", "stride"),
    SizeRule.CONDITIONED_VIDEO_LATENT: ("cell", "stride"),
    SizeRule.OPAQUE: ("type",),
    SizeRule.NEAREST_SIDES: ("sides",),
    SizeRule.RESOLUTION: ("sides",),
}


def _sizes(row: Fields, _pack: str) -> Fact:
    rule = row.one_of("rule", SizeRule)
    keys = _SIZE_KEYS.get(rule, ())
    return Sizes(
        rule,
        input=row.name("input") if "input" in keys else "",
        cell=row.pixels("cell") if "cell" in keys else 1,
        stride=row.pixels("stride") if "stride" in keys else 1,
        type=row.name("type") if "type" in keys else "",
        sides=row.pairs("sides") if "sides" in keys else (),
    )


def _widget_type(row: Fields, _pack: str) -> Fact:
    profiles = {*row.by_name("new_values"), *row.names("wrapped_by")} - PROFILES.keys()
    if profiles:
        raise BadFactsError(f"{row.at}: {quoted(min(profiles))} is no editor; known are {', '.join(PROFILES)}")
    return kinds.WidgetType(
        objects=row.flag("objects"),
        no_numbers=row.flag("no_numbers"),
        new_values=row.by_name("new_values"),
        wrapped_by=frozenset(row.names("wrapped_by")),
        fixed=(row.value("fixed"),) if row.has("fixed") else (),
        saved=row.flag("saved", default=True),
        least=row.number("least") if row.has("least") else None,
    )


_READERS: Mapping[str, Callable[[Fields, str], Fact]] = {
    "saves": _saves,
    "saves_nothing": lambda _row, _pack: kinds.SavesNothing(),
    "value_node": lambda row, _pack: kinds.ValueNode(row.name("input")),
    "scale": _scale,
    "mask_source": lambda row, _pack: kinds.MaskSource(row.name("input"), row.value("alpha")),
    "image_lack": _image_lack,
    "virtual": _virtual,
    "extra_widgets": _extra_widgets,
    "own_choices": lambda row, _pack: kinds.OwnChoices(row.name("choice"), row.name("index"), row.name("option")),
    "widget_text": lambda row, _pack: kinds.WidgetText(row.name("input")),
    "renamed_input": lambda row, _pack: kinds.RenamedInput(row.name("old"), row.name("new")),
    "decided_by_extension": _decided_by_extension,
    "drawn_value": lambda row, pack: kinds.DrawnValue(pack, row.name("input")),
    "no_control": lambda _row, _pack: kinds.NoControl(),
    "values_by_name": lambda row, pack: kinds.ValuesByName(pack, frozenset(row.names("shows"))),
    "successor": lambda row, _pack: kinds.Successor(row.name("class_type"), row.names_by_name("inputs")),
    "splits_batch": lambda row, _pack: kinds.SplitsBatch(row.name("input")),
    "own_check": _own_check,
    "sizes": _sizes,
    "widget_type": _widget_type,
    "saved_type": _saved_type,
    "upload_button": lambda _row, _pack: kinds.UploadButton(),
}
