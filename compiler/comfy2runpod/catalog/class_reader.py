"""A class in a catalog's file -> its type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from comfy2runpod.catalog.evident_output import evident_output
from comfy2runpod.catalog.facts.table import NodeFacts
from comfy2runpod.catalog.node_class import Autogrow, InputSpec, NodeClass, Number, OutputSpec, all_specs, slots_of
from comfy2runpod.catalog.slots import declared_slots
from comfy2runpod.json_parts import object_of, objects_of, texts_of
from comfy2runpod_contract.json_types import Json, JsonObject


def read_class(name: str, raw: JsonObject, facts: NodeFacts, *, of_a_pack: bool) -> NodeClass:
    """A class of a catalog.

    Args:
        name: its name.
        raw: its entry in the catalog's file, as `entries.check_class` lets it through.
        facts: what is known of classes beside /object_info.
        of_a_pack: whether a node pack brought it.
    """
    inputs = tuple(_inputs(raw.get("inputs"), facts))
    if of_a_pack:
        inputs = tuple(map(_unlisted, inputs))
    known = facts.of(name)
    output_node = raw.get("output_node") is True
    title = str(raw.get("title") or name)
    told = not output_node or known.saves_nothing
    evident = None if told else evident_output((name, title), inputs, facts)
    return NodeClass(
        name=name,
        title=title,
        inputs=inputs,
        outputs=tuple(_outputs(raw.get("outputs"))),
        output_node=output_node,
        api_node=raw.get("api_node") is True,
        deprecated=raw.get("deprecated") is True,
        input_is_list=raw.get("input_is_list") is True,
        module=str(raw.get("module") or ""),
        by_name={spec.name: spec for spec in inputs},
        types=frozenset(spec.type for spec in all_specs(inputs)),
        slots=declared_slots(slots_of(inputs)),
        forces_sockets=any(spec.force_input for spec in inputs),
        of_a_pack=of_a_pack,
        facts=known,
        saves=known.saves or evident,
    )


def _unlisted(spec: InputSpec) -> InputSpec:
    """An input of a pack's class, marked where its list was empty; so are those that its choices bring."""
    if spec.options:
        options = tuple((key, tuple(map(_unlisted, children))) for key, children in spec.options)
        return replace(spec, options=options)
    empty = spec.type == "COMBO" and not spec.choices and not spec.folders and spec.upload is None
    return replace(spec, unlisted=True) if empty else spec


def _outputs(raw: Json) -> Iterator[OutputSpec]:
    for entry in objects_of("outputs", raw):
        yield OutputSpec(name=str(entry["name"]), type=str(entry["type"]), is_list=entry.get("is_list") is True)


def _inputs(raw: Json, facts: NodeFacts) -> Iterator[InputSpec]:
    for entry in objects_of("inputs", raw):
        yield _input(entry, facts)


def _input(raw: JsonObject, facts: NodeFacts) -> InputSpec:
    choices = raw.get("choices")
    autogrow = raw.get("autogrow")
    options = objects_of("options", raw.get("options"))
    return InputSpec(
        name=str(raw["name"]),
        type=str(raw["type"]),
        required=raw.get("optional") is not True,
        default=raw.get("default"),
        has_default="default" in raw,
        minimum=_number(raw.get("min")),
        maximum=_number(raw.get("max")),
        step=_number(raw.get("step")),
        round=_number(raw.get("round")),
        choices=tuple(choices) if isinstance(choices, list) else None,
        listed=raw.get("listed") is True,
        folders=texts_of("folders", raw.get("folders")),
        extensions=texts_of("extensions", raw.get("extensions")),
        multiline=raw.get("multiline") is True,
        multiselect=raw.get("multiselect") is True,
        dynamic_prompts=raw.get("dynamic_prompts") is True,
        control_after_generate=bool(raw.get("control_after_generate")),
        force_input=raw.get("force_input") is True,
        socketless=raw.get("socketless") is True,
        raw_link=raw.get("raw_link") is True,
        lazy=raw.get("lazy") is True,
        hidden=raw.get("hidden") is True,
        upload=(upload := _text(raw.get("upload"))),
        upload_button=upload in facts.upload_buttons,
        widget_type=_text(raw.get("widget_type")),
        display_name=_text(raw.get("display_name")),
        match_template=_text(raw.get("match_template")),
        options=tuple((entry["key"], tuple(_inputs(entry["inputs"], facts))) for entry in options),
        autogrow=_autogrow(autogrow, facts) if isinstance(autogrow, dict) else None,
        widget=facts.widget_type(_text(raw.get("widget_type")) or str(raw["type"])),
    )


def _autogrow(raw: JsonObject, facts: NodeFacts) -> Autogrow:
    minimum = raw["min"]
    return Autogrow(
        element=_input(object_of("the input that grows", raw["element"]), facts),
        names=texts_of("names", raw["names"]),
        minimum=minimum if isinstance(minimum, int) else 0,
    )


def _number(value: Json) -> Number | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
