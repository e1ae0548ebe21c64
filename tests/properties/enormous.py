"""Files that are small to describe and large to compile, each made by a function of a size.

As a program it compiles cases under a limit of memory, and prints how each ended and the processor time it took:
`enormous.py BYTES SIZE CASE…`
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from comfy2runpod.author.inspection import inspect_graph
from comfy2runpod.author.inspection_text import inspection_text
from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.pipeline import Options, compile_graph

Graph = dict[str, Any]


def node(node_id: Any, kind: str, inputs: list[Any] | None = None, outputs: int = 1, **more: Any) -> Graph:
    """A node; `inputs` are (name, type, link)."""
    return {
        "id": node_id,
        "type": kind,
        "mode": 0,
        "inputs": [{"name": name, "type": slot, "link": link} for name, slot, link in inputs or []],
        "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": []}] * outputs,
        "properties": {},
        "widgets_values": [],
        **more,
    }


def graph(nodes: list[Graph], links: list[list[Any]], definitions: list[Graph] | None = None, **more: Any) -> bytes:
    whole = {"nodes": nodes, "links": links, "version": 0.4, **more}
    return json.dumps({**whole, "definitions": {"subgraphs": definitions}} if definitions else whole).encode()


def image(node_id: int = 1) -> Graph:
    return node(node_id, "EmptyImage", widgets_values=[64, 64, 1, 0])


def save(node_id: int, link: int) -> Graph:
    return node(node_id, "SaveImage", [("images", "IMAGE", link)], 0, widgets_values=["x"])


def chain(size: int, kind: str, name: str, slot: str, mode: int = 0) -> bytes:
    """An image through `size` nodes, one after the other."""
    nodes, links = [image()], []
    for index in range(size):
        nodes.append(node(index + 2, kind, [(name, slot, index + 1)], mode=mode))
        links.append([index + 1, index + 1, 0, index + 2, 0, "IMAGE"])
    links.append([size + 1, size + 1, 0, size + 2, 0, "IMAGE"])
    return graph([*nodes, save(size + 2, size + 1)], links)


def nodes_in_a_row(size: int) -> bytes:
    return chain(size, "ImageInvert", "image", "IMAGE")


def reroutes_in_a_row(size: int) -> bytes:
    return chain(size, "Reroute", "", "*")


def bypassed_in_a_row(size: int) -> bytes:
    return chain(size, "ImageInvert", "image", "IMAGE", mode=4)


def muted_nodes(size: int) -> bytes:
    return graph(
        [image(), save(2, 1), *(node(i + 3, "ImageInvert", mode=2) for i in range(size))], [[1, 1, 0, 2, 0, "IMAGE"]]
    )


def nodes_side_by_side(size: int) -> bytes:
    half = size // 2
    nodes = [n for i in range(half) for n in (image(2 * i + 1), save(2 * i + 2, i))]
    return graph(nodes, [[i, 2 * i + 1, 0, 2 * i + 2, 0, "IMAGE"] for i in range(half)])


def links_to_one_output(size: int) -> bytes:
    return graph([image(), *(save(i + 2, i) for i in range(size))], [[i, 1, 0, i + 2, 0, "IMAGE"] for i in range(size)])


def links_in_the_table_only(size: int) -> bytes:
    return graph([image(), save(2, 1)], [[i + 1, 1, 0, 2, 0, "IMAGE"] for i in range(size)])


def cycle(size: int) -> bytes:
    nodes = [node(i + 1, "ImageInvert", [("image", "IMAGE", i + 1)]) for i in range(size)]
    links = [[i + 1, (i - 1) % size + 1, 0, i + 1, 0, "IMAGE"] for i in range(size)]
    return graph([*nodes, save(size + 1, size + 1)], [*links, [size + 1, 1, 0, size + 1, 0, "IMAGE"]])


def cycle_of_reroutes(size: int) -> bytes:
    nodes = [node(i + 1, "Reroute", [("", "*", i + 1)]) for i in range(size)]
    links = [[i + 1, (i - 1) % size + 1, 0, i + 1, 0, "IMAGE"] for i in range(size)]
    return graph([*nodes, save(size + 1, size + 1)], [*links, [size + 1, 1, 0, size + 1, 0, "IMAGE"]])


def many_cycles(size: int) -> bytes:
    nodes, links = [], []
    for i in range(0, size, 2):
        nodes += [
            node(i, "ImageInvert", [("image", "IMAGE", i + 1)]),
            node(i + 1, "ImageInvert", [("image", "IMAGE", i)]),
        ]
        links += [[i, i, 0, i + 1, 0, "IMAGE"], [i + 1, i + 1, 0, i, 0, "IMAGE"]]
    return graph(nodes, links)


def unknown_classes(size: int) -> bytes:
    return graph([node(i, f"Class of nobody {i}") for i in range(size)], [])


def nearly_known_classes(size: int) -> bytes:
    return graph([node(i, f"KSampler{i}") for i in range(size)], [])


def wrong_values(size: int) -> bytes:
    return graph([node(i, "EmptyImage", widgets_values=["x", -1, None, []]) for i in range(size)], [])


def wrong_values_that_differ(size: int) -> bytes:
    return graph([node(i, "EmptyImage", widgets_values=[f"x{i}", i, [i], {"x": i}, i]) for i in range(size)], [])


def open_inputs(size: int) -> bytes:
    return graph([node(i, "SaveImage", [("images", "IMAGE", None)], widgets_values=["x"]) for i in range(size)], [])


def broken_links(size: int) -> bytes:
    return graph([save(i, i) for i in range(size)], [])


def malformed_nodes(size: int) -> bytes:
    return json.dumps({"nodes": [None] * size, "links": [0] * size}).encode()


def malformed_nodes_that_differ(size: int) -> bytes:
    return json.dumps({"nodes": [{"id": i, "type": i} for i in range(size)], "links": []}).encode()


def one_id_for_all(size: int) -> bytes:
    return graph([save(1, 1) for _ in range(size)], [])


def uuid(number: int) -> str:
    """The id of a definition."""
    return str(UUID(int=number, version=4))


def definition(name: str, nodes: list[Graph], links: list[Graph] | None = None) -> Graph:
    return {"id": name, "name": name, "nodes": nodes, "links": links or [], "inputs": [], "outputs": []}


def one_id_for_all_inside(size: int) -> bytes:
    """Every inner node has the root's id: each is renumbered."""
    definitions = [definition(uuid(i), [save(1, 1) for _ in range(10)]) for i in range(size // 10)]
    return graph([save(1, 1)], [], definitions)


def subgraphs_that_double(size: int) -> bytes:
    """Each holds the next twice: two to the power of 30 nodes."""
    size = min(size, 30)
    definitions = [definition(uuid(i), [node(2 * i, uuid(i + 1)), node(2 * i + 1, uuid(i + 1))]) for i in range(size)]
    return graph([node(1000, uuid(0))], [], [*definitions, definition(uuid(size), [node(2000, "EmptyImage")])])


def empty_subgraphs_that_double(size: int) -> bytes:
    """As above, with nothing in the last: no node would run."""
    size = min(size, 30)
    definitions = [definition(uuid(i), [node(2 * i, uuid(i + 1)), node(2 * i + 1, uuid(i + 1))]) for i in range(size)]
    return graph([node(1000, uuid(0)), image(1001)], [], [*definitions, definition(uuid(size), [])])


def many_instances(size: int) -> bytes:
    return graph(
        [node(i + 1, uuid(0)) for i in range(size)], [], [definition(uuid(0), [image(size + 2), image(size + 3)])]
    )


def many_definitions(size: int) -> bytes:
    return graph(
        [image(), save(2, 1)], [[1, 1, 0, 2, 0, "IMAGE"]], [definition(uuid(i), [image(i + 3)]) for i in range(size)]
    )


def many_inputs(size: int) -> bytes:
    inputs = [(f"images.image{i}", "IMAGE", i + 1) for i in range(size)]
    links = [[i + 1, 1, 0, 2, i, "IMAGE"] for i in range(size)]
    return graph(
        [image(), node(2, "BatchImagesNode", inputs), save(3, size + 1)], [*links, [size + 1, 2, 0, 3, 0, "IMAGE"]]
    )


def many_widget_values(size: int) -> bytes:
    return graph([node(1, "EmptyImage", widgets_values=[1] * size)], [])


def many_promoted_widgets(size: int) -> bytes:
    instance = node(9, uuid(0), properties={"proxyWidgets": [["1", "width"]] * size}, widgets_values=[1] * size)
    return graph([instance], [], [definition(uuid(0), [image()])])


def a_giant_text(size: int) -> bytes:
    return graph([node(1, "CLIPTextEncode", widgets_values=["{" * (size * 100)]), node(2, "a" * (size * 100))], [])


def a_giant_note(size: int) -> bytes:
    note = node(3, "Note", title="comfy2runpod", widgets_values=["inputs: " + "{a: " * size])
    return graph([image(), save(2, 1), note], [[1, 1, 0, 2, 0, "IMAGE"]])


def a_note_of_aliases(size: int) -> bytes:
    """YAML whose aliases multiply."""
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, min(size, 60)))]
    note = node(3, "Note", title="comfy2runpod", widgets_values=["\n".join([*lines, f"title: *a{len(lines) - 1}"])])
    return graph([image(), save(2, 1), note], [[1, 1, 0, 2, 0, "IMAGE"]])


def noted(text: str) -> bytes:
    note = node(3, "Note", title="comfy2runpod", widgets_values=[text])
    return graph([image(), save(2, 1), note], [[1, 1, 0, 2, 0, "IMAGE"]])


def a_note_of_fields(size: int) -> bytes:
    return noted("inputs:\n" + "".join(f"  f{i}: 1.width\n" for i in range(size)))


def a_field_from_many(size: int) -> bytes:
    return noted("inputs: {w: {from: [" + "1.width, " * size + "]}}")


def a_fence_without_end(size: int) -> bytes:
    return noted("```yaml" + "\n" * size * 5 + " \n" * size)


def app_mode_that_chooses_everything(size: int) -> bytes:
    chosen = [[1, "width"], *([1, f"w{i}"] for i in range(size))]
    extra = {"linearData": {"inputs": chosen, "outputs": list(range(size))}}
    return graph([image(), save(2, 1)], [[1, 1, 0, 2, 0, "IMAGE"]], extra=extra)


def many_loaders_with_lists(size: int) -> bytes:
    """Each loader's own list of models is looked for in those of all."""
    size //= 4
    models = [{"name": f"m{i}.safetensors", "url": f"https://h.org/m{i}"} for i in range(size)]
    loaders = [
        node(i + 3, "VAELoader", widgets_values=[model["name"]], properties={"models": [model]})
        for i, model in enumerate(models)
    ]
    return graph([image(), save(2, 1), *loaders], [[1, 1, 0, 2, 0, "IMAGE"]])


def many_names_of_one_kind(size: int) -> bytes:
    """A subgraph that exposes the same name again and again."""
    size //= 10
    inner = [node(i + 10, "EmptyImage", [("width", "INT", i + 1)], widgets_values=[1, 1, 1, 0]) for i in range(size)]
    links = [
        {"id": i + 1, "origin_id": -10, "origin_slot": i, "target_id": i + 10, "target_slot": 0, "type": "INT"}
        for i in range(size)
    ]
    whole = definition(uuid(0), inner, links)
    whole["inputs"] = [{"id": str(i), "name": "w", "type": "INT", "linkIds": [i + 1]} for i in range(size)]
    instance = node(1, uuid(0), [("w", "INT", None)] * size)
    return graph([instance, image(2), save(3, 1)], [[1, 2, 0, 3, 0, "IMAGE"]], [whole])


def outputs_without_number(size: int) -> bytes:
    return links_to_one_output(max(size // 10, 1500))


def deep_values(size: int) -> bytes:
    deep = "[" * size + "]" * size
    return graph([node(1, "EmptyImage", widgets_values="@")], []).replace(b'"@"', deep.encode())


def as_deep_as_can_be_read(size: int) -> bytes:
    """Nested just below where a reader gives up, so that whatever looks at the value after it must cope."""
    deep = "[" * 900 + "]" * 900
    whole = graph([node(1, "EmptyImage", widgets_values=["@", "@"]), save(2, 1)], [[1, 1, 0, 2, 0, "IMAGE"]])
    return whole.replace(b'"@"', deep.encode())


def deep_in_every_place(size: int) -> bytes:
    deep = ("[" * 900 + "]" * 900).encode()
    whole = graph(
        [
            node("@", "@", [("@", "@", "@")], mode="@", title="@"),
            {"id": 1, "type": "EmptyImage", "widgets_values": "@"},
        ],
        ["@"],  # type: ignore[list-item] - that is the point
    )
    return whole.replace(b'"@"', deep)


def primitives_in_a_row(size: int) -> bytes:
    """The size that an image is scaled to, through one node after the other."""
    loader, scaler, last = size + 2, size + 3, size + 4
    nodes = [node(1, "PrimitiveInt", widgets_values=[512, "fixed"])]
    for index in range(size):
        value = [("value", "INT", index + 1)]
        nodes.append(node(index + 2, "PrimitiveInt", value, widgets_values=[512, "fixed"]))
        nodes[-1]["inputs"][0]["widget"] = {"name": "value"}
    loads = node(loader, "LoadImage", widgets_values=["x.png", "image"])
    scales = node(
        scaler, "ImageScaleToMaxDimension", [("image", "IMAGE", size + 2), ("largest_size", "INT", size + 1)],
        widgets_values=["area", 512],
    )  # fmt: skip
    scales["inputs"][1]["widget"] = {"name": "largest_size"}
    note = node("note", "Note", title="comfy2runpod", widgets_values=[f"inputs: {{image: {{from: {loader}.image}}}}"])
    links = [[index + 1, index + 1, 0, index + 2, 0, "INT"] for index in range(size)]
    links += [[size + 1, size + 1, 0, scaler, 1, "INT"], [size + 2, loader, 0, scaler, 0, "IMAGE"]]
    links += [[size + 3, scaler, 0, last, 0, "IMAGE"]]
    return graph([*nodes, loads, scales, save(last, size + 3), note], links)


def a_primitive_into_subgraphs_that_double(size: int) -> bytes:
    """A value goes into an instance, and from there into two of the next definition: two to the power of 30 ways."""
    size = min(size, 30)
    definitions = []
    for i in range(size):
        inner = [node(2 * i + half, uuid(i + 1), [("value", "INT", half)], mode=2) for half in (0, 1)]
        links = [
            {"id": half, "origin_id": -10, "origin_slot": 0, "target_id": 2 * i + half, "target_slot": 0, "type": "INT"}
            for half in (0, 1)
        ]
        definitions.append(definition(uuid(i), inner, links))
        definitions[-1]["inputs"] = [{"name": "value", "type": "INT", "linkIds": [0, 1]}]
    definitions.append(definition(uuid(size), [image(3000)]))
    primitive = node(1000, "PrimitiveNode", widgets_values=[64, "fixed"])
    primitive["outputs"] = [{"name": "INT", "type": "INT", "links": [1]}]
    outer = node(1001, uuid(0), [("value", "INT", 1)], mode=2)
    links = [[1, 1000, 0, 1001, 0, "INT"], [2, 1002, 0, 1003, 0, "IMAGE"]]
    nodes = [primitive, outer, image(1002), save(1003, 2)]
    return graph(nodes, links, definitions, extra={"frontendVersion": "1.43.18"})


def huge_numbers(size: int) -> bytes:
    digits = "9" * min(size, 4000)
    whole = graph(
        [node("@", "EmptyImage", widgets_values=["@", "@", "@", "@"]), save("@", "@")], [["@", "@", "@", "@", "@", "X"]]
    )  # type: ignore[arg-type]
    return whole.replace(b'"@"', digits.encode())


def a_number_too_long(size: int) -> bytes:
    return b'{"nodes": [' + b"9" * size * 10 + b"]}"


CASES: dict[str, Callable[[int], bytes]] = {
    made.__name__: made
    for made in (
        nodes_in_a_row, reroutes_in_a_row, bypassed_in_a_row, muted_nodes, nodes_side_by_side, links_to_one_output,
        links_in_the_table_only, cycle, cycle_of_reroutes, many_cycles,
        unknown_classes, nearly_known_classes, wrong_values, wrong_values_that_differ, open_inputs, broken_links,
        malformed_nodes, malformed_nodes_that_differ, one_id_for_all, one_id_for_all_inside,
        many_instances, many_definitions, many_inputs,
        many_widget_values, many_promoted_widgets, a_giant_text, a_giant_note, a_note_of_aliases, deep_values,
        a_note_of_fields, a_field_from_many, a_fence_without_end, app_mode_that_chooses_everything,
        many_loaders_with_lists, many_names_of_one_kind, outputs_without_number, as_deep_as_can_be_read,
        deep_in_every_place, primitives_in_a_row, a_primitive_into_subgraphs_that_double,
        huge_numbers, a_number_too_long,
        subgraphs_that_double, empty_subgraphs_that_double,
    )
}  # fmt: skip


# Larger ones are no case for an author's tool.
INSPECTED = 5_000


def run(name: str, size: int) -> dict[str, Any]:
    """Compiles a case and looks at it: how it ended, how much was said of it, and the processor time."""
    data = CASES[name](size)
    before = time.process_time()
    try:
        compile_graph(data, f"{name}.json", load_catalog(), Options())
        ended, said = "compiled", ""
    except CompileError as error:
        ended, said = error.diagnostics[0].code, str(error)
    if size <= INSPECTED or "double" in name:
        # What cannot be compiled is looked at all the same.
        with suppress(CompileError):
            inspection_text(inspect_graph(data, f"{name}.json", load_catalog(), Options()))
    return {"name": name, "ended": ended, "said": len(said), "seconds": time.process_time() - before}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
    load_catalog()
    for case in sys.argv[3:]:
        print(json.dumps(run(case, int(sys.argv[2]))), flush=True)
