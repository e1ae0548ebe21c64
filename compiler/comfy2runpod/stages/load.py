"""bytes -> Document: reads a saved graph into typed objects; nothing is resolved here.

Both schemas are read: 0.4 (links are arrays) and 1 (links are objects). Inside a subgraph links are always objects.
What no stage uses (positions, colours, groups) is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from comfy2runpod.diagnostics import Collector, CompileError, Locus
from comfy2runpod.errors import load as errors
from comfy2runpod.ir.document import (
    LONGEST_ID,
    Canvas,
    Document,
    GraphLink,
    GraphNode,
    GroupDefinition,
    GroupLink,
    GroupSlot,
    InputSlot,
    LinkId,
    Mode,
    ModelRef,
    NodeId,
    OutputSlot,
    PanelSlot,
    Subgraph,
    group_name,
    numeric_id,
)
from comfy2runpod.json_text import glimpse
from comfy2runpod.read_json import FileBytes, parse_json
from comfy2runpod_contract.json_types import Json, JsonObject, json_type

_LINK_KEYS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
_MODES = {mode.value: mode for mode in Mode}


def load(data: FileBytes, file: str) -> Document:
    """Reads a saved graph.

    Args:
        data: the file's bytes.
        file: its name, for messages.

    Raises:
        CompileError: it is not a graph; every malformed part is named.
    """
    return document_of(parse_json(data, file), file)


def document_of(raw: Json, file: str) -> Document:
    """Reads a saved graph that has been parsed as JSON already.

    Raises:
        CompileError: it is not a graph; every malformed part is named.
    """
    if not isinstance(raw, dict):
        raise CompileError([errors.NotAGraph(at=Locus(file), found=_other(raw))])
    if not isinstance(raw.get("nodes"), list):
        raise CompileError([_what_it_is(raw, file)])
    return _Reader(file).document(raw)


def _other(raw: Json) -> str:
    """A JSON value that is not an object, in words."""
    if raw is None:
        return "null"
    kind = json_type(raw)
    return f"an empty {kind}" if raw in ([], "") else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _what_it_is(raw: JsonObject, file: str) -> errors.NotAGraph | errors.ApiPromptGiven:
    nodes = [value for value in raw.values() if isinstance(value, dict) and "class_type" in value]
    if raw and len(nodes) == len(raw):
        return errors.ApiPromptGiven(at=Locus(file), nodes=len(nodes))
    keys = ", ".join(sorted(raw)[:5])
    return errors.NotAGraph(at=Locus(file), found=f"an object with the keys {keys}" if keys else "an empty object")


class _Reader:
    """Reads one file. Malformed parts are collected and omitted, so that all are reported together.

    Places are passed as a path and a key, which are joined only if something is wrong.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._found = Collector()

    def document(self, raw: JsonObject) -> Document:
        root = self._canvas(raw, "$")
        definitions = self._object(raw.get("definitions", {}), "$.definitions")
        subgraphs: dict[str, Subgraph] = {}
        for index, entry in enumerate(self._list(definitions.get("subgraphs"), "$.definitions.subgraphs")):
            path = f"$.definitions.subgraphs[{index}]"
            subgraph = self._subgraph(self._object(entry, path), path)
            subgraphs[subgraph.id] = subgraph
        extra = raw.get("extra")
        extra = extra if isinstance(extra, dict) else {}
        canvases = (root, *(subgraph.canvas for subgraph in subgraphs.values()))
        groups = dict(
            self._groups(extra.get("groupNodes"), {node.type for canvas in canvases for node in canvas.nodes})
        )
        version = extra.get("frontendVersion")
        app = extra.get("linearData")
        self._found.finish()
        return Document(
            file=self._file,
            root=root,
            subgraphs=subgraphs,
            frontend_version=version if isinstance(version, str) else None,
            app_inputs=tuple(_pairs(app.get("inputs") if isinstance(app, dict) else None)),
            last_node_id=_last_node_id(raw),
            groups=groups,
        )

    def _subgraph(self, raw: JsonObject, path: str) -> Subgraph:
        return Subgraph(
            id=self._text(raw.get("id"), path, ".id"),
            name=str(raw.get("name") or ""),
            canvas=self._canvas(raw, path),
            inputs=tuple(self._panel(raw.get("inputs"), f"{path}.inputs")),
            outputs=tuple(self._panel(raw.get("outputs"), f"{path}.outputs")),
            json_path=path,
            last_node_id=_last_node_id(raw),
        )

    def _groups(self, raw: Json, types: set[str]) -> Iterator[tuple[str, GroupDefinition]]:
        """The definitions of the group nodes among these types; files keep unused definitions too."""
        if not isinstance(raw, dict):
            return
        for name in sorted(filter(None, map(group_name, types))):
            if name in raw:
                path = f"$.extra.groupNodes[{json.dumps(name)}]"
                yield name, self._group(name, self._object(raw[name], path), path)

    def _group(self, name: str, raw: JsonObject, path: str) -> GroupDefinition:
        nodes = []
        for index, entry in enumerate(self._list(raw.get("nodes"), path, ".nodes")):
            node_path = f"{path}.nodes[{index}]"
            nodes.append(self._node({**self._object(entry, node_path), "id": index}, node_path))
        external: dict[tuple[int, int], str] = {}
        for entry in self._list(raw.get("external"), path, ".external"):
            match entry:
                case [int() as index, int() as slot, kind, *_] if kind is not None:
                    external[index, slot] = _slot_type(kind)
        config = raw.get("config")
        config = config if isinstance(config, dict) else {}
        return GroupDefinition(
            name=name,
            nodes=tuple(nodes),
            links=tuple(self._group_links(raw.get("links"), f"{path}.links")),
            external=external,
            inputs={(index, key): slot for index, key, slot in _group_slots(config, "input")},
            outputs={
                (index, output): slot
                for index, key, slot in _group_slots(config, "output")
                if (output := numeric_id(key)) is not None
            },
            json_path=path,
        )

    def _group_links(self, raw: Json, path: str) -> Iterator[GroupLink]:
        for index, entry in enumerate(self._list(raw, path)):
            match entry:
                case [_, _, None, *_] | [_, None, *_] | [_, _, _, None, *_]:
                    continue  # its other end is outside the group
                case [int() | None as origin, int() as slot, int() as target, int() as end, *rest] if (
                    min(origin or 0, slot, target, end) >= 0
                ):
                    kind = rest[1] if len(rest) > 1 else None
                    yield GroupLink(origin, slot, target, end, None if kind is None else _slot_type(kind))
                case _:
                    expected = "a group's link: origin index and slot, target index and slot, origin id, type"
                    self._malformed(f"{path}[{index}]", expected, entry)

    def _panel(self, raw: Json, path: str) -> Iterator[PanelSlot]:
        for index, entry in enumerate(self._list(raw, path)):
            slot = self._object(entry, f"{path}[{index}]")
            label = slot.get("label")
            yield PanelSlot(
                name=str(slot.get("name") or ""),
                type=_slot_type(slot.get("type")),
                label=label if isinstance(label, str) and label else None,
                link_ids=tuple(item for item in self._list(slot.get("linkIds"), path) if isinstance(item, int)),
            )

    def _canvas(self, raw: JsonObject, path: str) -> Canvas:
        nodes = []
        for index, entry in enumerate(self._list(raw.get("nodes"), path, ".nodes")):
            node_path = f"{path}.nodes[{index}]"
            if isinstance(entry, dict):
                nodes.append(self._node(entry, node_path))
            else:
                self._malformed(node_path, "a node (an object)", entry)
        links: dict[LinkId, GraphLink] = {}
        for index, entry in enumerate(self._list(raw.get("links"), path, ".links")):
            link = self._link(entry, path, index)
            if link is not None:
                links[link.id] = link
        return Canvas(nodes=tuple(nodes), links=links)

    def _node(self, raw: JsonObject, path: str) -> GraphNode:
        properties = raw.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        title, kind = raw.get("title"), raw.get("type")
        return GraphNode(
            id=self._node_id(raw.get("id"), path, ".id"),
            type=kind if isinstance(kind, str) and kind else self._text(kind, path, ".type"),
            title=title if isinstance(title, str) and title else None,
            mode=self._mode(raw.get("mode", 0), path, ".mode"),
            inputs=self._input_slots(raw.get("inputs"), path, ".inputs"),
            outputs=self._output_slots(raw.get("outputs"), path, ".outputs"),
            widgets_values=self._widgets_values(raw.get("widgets_values"), path, ".widgets_values"),
            models=tuple(self._models(properties["models"], path, ".properties.models"))
            if "models" in properties
            else (),
            proxy_widgets=tuple(_pairs(properties["proxyWidgets"])) if "proxyWidgets" in properties else (),
            pack=_optional_text(properties.get("cnr_id")) or _optional_text(properties.get("aux_id")),
            pack_version=_optional_text(properties.get("ver")),
            json_path=path,
            alias=_optional_text(properties.get("Node name for S&R")),
            replaces_text=properties.get("Run widget replace on values") is True,
        )

    # Half of all that is read are slots and links: where all is well, nothing is called for them but what makes them.

    def _input_slots(self, raw: Json, path: str, key: str) -> tuple[InputSlot, ...]:
        found = []
        for index, entry in enumerate(self._list(raw, path, key)):
            get = (entry if isinstance(entry, dict) else self._object(entry, f"{path}{key}[{index}]")).get
            name, kind, link, widget, label = get("name"), get("type"), get("link"), get("widget"), get("label")
            if link is not None and (not isinstance(link, int) or isinstance(link, bool)):
                self._malformed(f"{path}{key}[{index}].link", "a link id or null", link)
                link = None
            widget_name = widget.get("name") if isinstance(widget, dict) else None
            found.append(
                InputSlot(
                    name if isinstance(name, str) else str(name or ""),
                    kind if isinstance(kind, str) else _slot_type(kind),
                    link,
                    widget_name if isinstance(widget_name, str) else None,
                    label if isinstance(label, str) and label else None,
                )
            )
        return tuple(found)

    def _output_slots(self, raw: Json, path: str, key: str) -> tuple[OutputSlot, ...]:
        found = []
        for index, entry in enumerate(self._list(raw, path, key)):
            get = (entry if isinstance(entry, dict) else self._object(entry, f"{path}{key}[{index}]")).get
            name, kind, links = get("name"), get("type"), get("links")
            found.append(
                OutputSlot(
                    name if isinstance(name, str) else str(name or ""),
                    kind if isinstance(kind, str) else _slot_type(kind),
                    tuple([item for item in links if isinstance(item, int)]) if isinstance(links, list) else (),
                )
            )
        return tuple(found)

    def _widgets_values(self, raw: Json, path: str, key: str) -> tuple[Json, ...] | JsonObject | None:
        if isinstance(raw, list):
            return tuple(raw)
        if raw is None or isinstance(raw, dict):
            return raw
        self._malformed(path + key, "an array or an object", raw)
        return None

    def _models(self, raw: Json, path: str, key: str) -> Iterator[ModelRef]:
        for index, entry in enumerate(self._list(raw, path, key)):
            model = self._object(entry, f"{path}{key}[{index}]")
            yield ModelRef(
                name=self._text(model.get("name"), f"{path}{key}[{index}].name"),
                url=_optional_text(model.get("url")) or "",
                directory=_optional_text(model.get("directory")) or "",
                hash=_optional_text(model.get("hash")),
                hash_type=_optional_text(model.get("hash_type")),
            )

    def _link(self, raw: Json, path: str, index: int) -> GraphLink | None:
        values: Sequence[Json] = ()
        if isinstance(raw, list):
            # The sixth is the type.
            values = raw[:6] if len(raw) > 5 else [*raw, None]  # noqa: PLR2004
        elif isinstance(raw, dict):
            values = [raw.get(key) for key in _LINK_KEYS]
        if len(values) == len(_LINK_KEYS):
            link_id, origin, slot, target, end, kind = values
            if (
                isinstance(link_id, int)
                and isinstance(origin, (int, str))
                and isinstance(slot, int)
                and isinstance(target, (int, str))
                and isinstance(end, int)
            ):
                kind = kind if isinstance(kind, str) else _slot_type(kind)
                return GraphLink(link_id, str(origin), slot, str(target), end, kind)
        expected = "a link: id, origin id and slot, target id and slot, type"
        self._malformed(f"{path}.links[{index}]", expected, raw)
        return None

    def _mode(self, raw: Json, path: str, key: str = "") -> Mode:
        mode = _MODES.get(raw) if isinstance(raw, int) else None
        if mode is None:
            self._malformed(path + key, "a mode from 0 to 4", raw)
        return mode or Mode.ALWAYS

    def _node_id(self, raw: Json, path: str, key: str = "") -> NodeId:
        if isinstance(raw, (int, str)) and not isinstance(raw, bool) and raw != "":
            node_id = str(raw)
            if len(node_id) <= LONGEST_ID:
                return node_id
            self._malformed(path + key, f"a node id of at most {LONGEST_ID} characters", raw)
        else:
            self._malformed(path + key, "a node id", raw)
        return ""

    def _text(self, raw: Json, path: str, key: str = "") -> str:
        if isinstance(raw, str) and raw:
            return raw
        self._malformed(path + key, "a text", raw)
        return ""

    def _list(self, raw: Json, path: str, key: str = "") -> list[Json]:
        if isinstance(raw, list):
            return raw
        if raw is not None:
            self._malformed(path + key, "an array", raw)
        return []

    def _object(self, raw: Json, path: str) -> JsonObject:
        if isinstance(raw, dict):
            return raw
        self._malformed(path, "an object", raw)
        return {}

    def _malformed(self, path: str, expected: str, found: Json) -> None:
        what = "nothing" if found is None else f"{json_type(found)} {glimpse(found)[:60]}"
        self._found.add(errors.MalformedGraph(at=Locus(self._file, json_path=path), expected=expected, found=what))


def _group_slots(config: JsonObject, side: str) -> Iterator[tuple[int, str, GroupSlot]]:
    """The settings in a group's `config` for inputs or outputs: node index, slot key and setting."""
    for key_of_node, entry in config.items():
        slots = entry.get(side) if isinstance(entry, dict) else None
        index = numeric_id(key_of_node)
        if index is None or not isinstance(slots, dict):
            continue
        for key, slot in slots.items():
            if isinstance(slot, dict):
                visible = slot.get("visible")
                shown = visible if isinstance(visible, bool) else None
                yield index, key, GroupSlot(_optional_text(slot.get("name")), shown)


def _pairs(raw: Json) -> Iterator[tuple[NodeId, str]]:
    for entry in raw if isinstance(raw, list) else []:
        match entry:
            case [int() | str() as node_id, str() as name, *_]:
                yield str(node_id), name
            case _:
                continue


def _last_node_id(raw: JsonObject) -> int:
    """The highest node id that the editor has assigned: its own key in schema 0.4, in `state` in schema 1."""
    state = raw.get("state")
    found = state.get("lastNodeId") if isinstance(state, dict) else raw.get("last_node_id")
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _optional_text(raw: Json) -> str | None:
    return raw if isinstance(raw, str) and raw else None


def _slot_type(raw: Json) -> str:
    """A slot's type as text: old files have the choices of a combo instead, and 0 or -1 for any type."""
    if isinstance(raw, str):
        return raw
    return "COMBO" if isinstance(raw, list) else "*"
