"""The kinds of facts: what can be known of a node class, or of a type of widget, beside /object_info."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeAlias

from comfy2runpod.catalog.facts.sizes import Sizes
from comfy2runpod_contract.json_types import Json
from comfy2runpod_contract.media import MediaKind

# The input that holds the file name's prefix, unless a fact names another.
PREFIX_INPUT = "filename_prefix"


@dataclass(frozen=True, slots=True)
class Saves:
    """What a class leaves behind: its kind, its media type, and the input that holds the file name's prefix.

    `prefix_input` is None if that is `filename_prefix`, where the class has one. `input` is the input at which it takes
    what it saves, None if that is its first that is no widget. `shown` is for classes that only show something: they
    are outputs if the note says so.
    """

    kind: MediaKind
    media_type: str
    prefix_input: str | None = None
    shown: bool = False
    input: str | None = None


@dataclass(frozen=True, slots=True)
class SavesNothing:
    """A class that looks as if it saved an output, and does not."""


@dataclass(frozen=True, slots=True)
class ValueNode:
    """A class whose output 0 is its `input` unchanged: what is linked to it bounds the value too."""

    input: str


@dataclass(frozen=True, slots=True)
class Scale:
    """A class that scales an image and keeps its shape, so that one which is long enough has a short side of nothing.

    `size` is the input that says how large: in pixels of the long side, or, where `area` is set, in megapixels of
    1024 x 1024. `step` is the input, if there is one, whose multiples the sides become.
    """

    size: str
    area: bool = False
    step: str | None = None


@dataclass(frozen=True, slots=True)
class MaskSource:
    """A loader whose `input` says which part of an image becomes the mask; only `alpha` is its transparency."""

    input: str
    alpha: Json


@dataclass(frozen=True, slots=True)
class ImageLack:
    """What a class needs that the image does not have, and what to do instead.

    `unless_input` is the input, if there is one, for whose values `unless_values` it is not needed. `apt` are the
    Debian packages that bring it, which an image with such a node gets, so that it lacks nothing; `beside` tells that a
    file beside a graph says so, which can be a stranger's.
    """

    what: str
    instead: str
    unless_input: str | None = None
    unless_values: tuple[Json, ...] = ()
    apt: tuple[str, ...] = ()
    beside: bool = False


# The type that stands where a link leads to a node that is in no prompt, so that the editor deletes the input with its
# value.
ABSENT_TYPE = "(absent)"


class Virtual(Enum):
    """How a node that exists only in the editor takes part in links.

    SET and GET are links that are told by a name: a GET stands for what feeds the SET of its name. ABSENT is no node of
    any editor: see `ABSENT_TYPE`.
    """

    NOTE = "note"
    REROUTE = "reroute"
    PRIMITIVE = "primitive"
    SET = "set"
    GET = "get"
    ABSENT = "absent"

    @property
    def passes_on(self) -> bool:
        """Whether what feeds its first input is what it gives."""
        return self in (Virtual.REROUTE, Virtual.SET, Virtual.GET)


@dataclass(frozen=True, slots=True)
class VirtualNode:
    """A node of the editor alone: no server has its class.

    `followed_in_groups` says that the editor follows links through it inside a group node too.
    """

    role: Virtual
    followed_in_groups: bool = False


@dataclass(frozen=True, slots=True)
class ExtraWidgets:
    """Widgets that the editor adds to a class behind the widget of an input, saves values for, and the server ignores.

    `any_number` says that further ones follow, as many as the user made.
    """

    after: str
    names: tuple[str, ...] = ()
    any_number: bool = False


@dataclass(frozen=True, slots=True)
class OwnChoices:
    """A class whose choices are the author's own, in widgets behind its choice that the class does not declare.

    `index` is the choice's place among them, `option` what the widgets of the choices are called, with a number behind.
    The server takes them all (`accept_all_inputs`, which /object_info does not tell), and gives the index out.
    """

    choice: str
    index: str
    option: str

    def is_option(self, name: str) -> bool:
        """Whether a name is that of one of the choices' widgets."""
        number = name.removeprefix(self.option)
        return number.isascii() and number.isdecimal()


@dataclass(frozen=True, slots=True)
class WidgetText:
    """An input whose text may hold `%Node.widget%` and `%date:…%`, which the editor replaces."""

    input: str


@dataclass(frozen=True, slots=True)
class RenamedInput:
    """An input's old name, which older files still have, and the name that it has now."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DecidedByExtension:
    """What a pack's extension of the editor does with a class that we do not do, and what the author can do instead.

    `pack` is whose extension it is. `editor_only` says that no server has the class.
    """

    pack: str
    does: str
    instead: str
    editor_only: bool


@dataclass(frozen=True, slots=True)
class DrawnValue:
    """An input whose negative values stand for a number that the pack's extension draws when the graph is queued."""

    pack: str
    input: str


@dataclass(frozen=True, slots=True)
class NoControl:
    """A class behind whose seed an extension takes the editor's control word away."""


@dataclass(frozen=True, slots=True)
class ValuesByName:
    """Classes that save their widgets' values as an object, by name, and whose they are.

    `shows` are names in it that reach no prompt: buttons and players.
    """

    pack: str
    shows: frozenset[str]


@dataclass(frozen=True, slots=True)
class Successor:
    """The class that takes a removed one's place, and which of its inputs it keeps: new name -> old name."""

    class_type: str
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SplitsBatch:
    """A class that makes a list of the batch at `input`: of a single image a list of one."""

    input: str


class CheckKind(StrEnum):
    """How a class checks its own inputs."""

    ANYTHING = "anything"
    INPUT_FILE = "input_file"
    ANY_NONZERO = "any_nonzero"
    ASPECT_RATIO = "aspect_ratio"
    LINK_TYPE = "link_type"


@dataclass(frozen=True, slots=True)
class OwnCheck:
    """A class that checks inputs in its own way: the server leaves their bounds and choices alone.

    `function` is the server's name of it, as its messages have it. `inputs` are those that it is handed; `takes_all`
    says that it is handed every input, `takes_types` that it judges the types of links itself. `what` is what it calls
    a file, `types` are those that a link may have, `least` and `most` bound a ratio, `refusal` is what it answers.
    """

    function: str
    check: CheckKind
    inputs: tuple[str, ...] = ()
    takes_all: bool = False
    takes_types: bool = False
    what: str = ""
    types: tuple[str, ...] = ()
    least: float = 0.0
    most: float = 0.0
    refusal: str = ""

    def claims(self, name: str) -> bool:
        """Whether the server leaves an input's bounds and choices to this check."""
        return self.takes_all or (name in self.inputs and not self.takes_types)


@dataclass(frozen=True, slots=True)
class WidgetType:
    """A type whose inputs are widgets: a value in the node, with or without a socket beside it.

    `objects` says that its values are objects, `no_numbers` that none is a number. `new_values` are, by editor profile,
    the value of a widget that the file has none for, which passes over the declared default. `wrapped_by` are the
    profiles that write the type's word beside the value. `fixed` is what the widget puts into a prompt whatever is
    saved for it, in a tuple; `saved` says whether a value is saved for it. `least` bounds the numbers in an object.
    """

    objects: bool = False
    no_numbers: bool = False
    new_values: Mapping[str, Json] = field(default_factory=dict)
    wrapped_by: frozenset[str] = frozenset()
    fixed: tuple[Json, ...] = ()
    saved: bool = True
    least: float | None = None


@dataclass(frozen=True, slots=True)
class UploadButton:
    """A kind of upload for which the editor adds a button behind a class's required widgets."""


@dataclass(frozen=True, slots=True)
class SavedType:
    """A type of link that an output node saves as a file of one kind, where its other inputs say nothing else.

    An input named in `unless` says that it becomes something else, such as a film. An input with one of `form_inputs`
    in its name chooses the file's form: all of its choices must be among `forms`.
    """

    kind: MediaKind
    media_type: str
    unless: frozenset[str]
    form_inputs: tuple[str, ...]
    forms: frozenset[str]


ClassFact: TypeAlias = (
    Saves
    | SavesNothing
    | ValueNode
    | Scale
    | MaskSource
    | ImageLack
    | VirtualNode
    | ExtraWidgets
    | OwnChoices
    | WidgetText
    | RenamedInput
    | DecidedByExtension
    | DrawnValue
    | NoControl
    | ValuesByName
    | Successor
    | SplitsBatch
    | OwnCheck
    | Sizes
)
Fact: TypeAlias = ClassFact | WidgetType | UploadButton | SavedType


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """All that is known of one class."""

    saves: Saves | None = None
    saves_nothing: bool = False
    value_input: str | None = None
    scale: Scale | None = None
    mask_source: MaskSource | None = None
    image_lack: ImageLack | None = None
    virtual: Virtual | None = None
    followed_in_groups: bool = False
    extra_widgets: tuple[ExtraWidgets, ...] = ()
    own_choices: OwnChoices | None = None
    widget_texts: frozenset[str] = frozenset()
    renamed_inputs: Mapping[str, str] = field(default_factory=dict)
    extension: DecidedByExtension | None = None
    drawn_value: DrawnValue | None = None
    has_control: bool = True
    values_by_name: ValuesByName | None = None
    successor: Successor | None = None
    splits_batch: str | None = None
    own_check: OwnCheck | None = None
    sizes: Sizes | None = None

    def current_name(self, name: str) -> str:
        """The name that an input has in this version, where the class renamed it."""
        return self.renamed_inputs.get(name, name)


NOTHING_KNOWN = ClassFacts()
