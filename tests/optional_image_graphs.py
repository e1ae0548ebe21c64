"""Small graphs of images that may be omitted, as ComfyUI saves them, and which nodes their notes bypass."""

from __future__ import annotations

from typing import Any

Graph = dict[str, Any]

# Input slots of the classes that the graphs below use, and what each gives.
SLOTS = {
    "LoadImage": ((), ("IMAGE", "MASK")),
    "ImageBlend": (("image1", "image2"), ("IMAGE",)),
    "ImageStitch": (("image1", "image2"), ("IMAGE",)),
    "ImageInvert": (("image",), ("IMAGE",)),
    "ImageScaleBy": (("image",), ("IMAGE",)),
    "ImageScaleToTotalPixels": (("image",), ("IMAGE",)),
    "ImageScale": (("image", "width"), ("IMAGE",)),
    "GetImageSize": (("image",), ("INT", "INT", "INT")),
    "PreviewImage": (("images",), ()),
    "Reroute": (("",), ("*",)),
    "SaveImage": (("images",), ()),
}
VALUES: dict[str, list[object]] = {
    "LoadImage": ["cat.png", "image"],
    "ImageBlend": [0.5, "normal"],
    "ImageStitch": ["right", True, 0, "white"],
    "ImageScaleBy": ["area", 0.5],
    "ImageScaleToTotalPixels": ["area", 1.0, 8],
    "ImageScale": ["area", 512, 512, "disabled"],
    "SaveImage": ["x"],
}


def canvas(
    nodes: dict[int, tuple[str, dict[str, tuple[int, int]]]], links_as_objects: bool
) -> tuple[list[Any], list[Any]]:
    """Nodes by id: class, and for each linked input the node and output that it comes from."""
    links: list[Any] = []
    made: dict[int, Any] = {}
    for node_id, (class_type, _) in nodes.items():
        names, gives = SLOTS.get(class_type, (("a", "b"), ("IMAGE",)))
        made[node_id] = {
            "id": node_id,
            "type": class_type,
            "pos": [0, 0],
            "size": [200, 100],
            "flags": {},
            "order": 0,
            "mode": 0,
            "inputs": [{"name": name, "type": "*" if not name else "IMAGE", "link": None} for name in names],
            "outputs": [{"name": kind, "type": kind, "links": []} for kind in gives],
            "properties": {},
            "widgets_values": VALUES.get(class_type, []),
        }
        if class_type == "ImageScale":
            made[node_id]["inputs"][1] |= {"type": "INT", "widget": {"name": "width"}}
    for node_id, (_, origins) in nodes.items():
        for slot, given in enumerate(made[node_id]["inputs"]):
            if given["name"] in origins:
                origin, output = origins[given["name"]]
                link = 100 * node_id + slot
                given["link"] = link
                if origin > 0:
                    made[origin]["outputs"][output]["links"].append(link)
                row = (link, origin, output, node_id, slot, given["type"])
                keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
                links.append(dict(zip(keys, row, strict=True)) if links_as_objects else list(row))
    return list(made.values()), links


def graph(note: str, nodes: dict[int, tuple[str, dict[str, tuple[int, int]]]], **more: object) -> Graph:
    made, links = canvas(nodes, links_as_objects=False)
    made.append(
        {"id": 99, "type": "Note", "title": "comfy2runpod", "mode": 0, "inputs": [], "outputs": [], "properties": {}}
        | {"widgets_values": [note]}
    )
    return {"last_node_id": 99, "last_link_id": 9999, "nodes": made, "links": links, "version": 0.4, **more}


def subgraph(definition: str, inside: dict[int, tuple[str, dict[str, tuple[int, int]]]], output: int) -> dict[str, Any]:
    """A definition with the inputs a and b and one output, all images."""
    nodes, links = canvas(inside, links_as_objects=True)
    links.append({"id": 1, "origin_id": output, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE"})
    shown = [
        {"id": name, "name": name, "type": "IMAGE"}
        | {"linkIds": [link["id"] for link in links if (link["origin_id"], link["origin_slot"]) == (-10, slot)]}
        for slot, name in enumerate("ab")
    ]
    return {
        "id": definition,
        "version": 1,
        "state": {"lastGroupId": 0, "lastNodeId": 99, "lastLinkId": 9999, "lastRerouteId": 0},
        "revision": 0,
        "config": {},
        "name": "Inside",
        "inputNode": {"id": -10, "bounding": [-200, 0, 120, 80]},
        "outputNode": {"id": -20, "bounding": [400, 0, 120, 60]},
        "inputs": shown,
        "outputs": [{"id": "out", "name": "IMAGE", "type": "IMAGE", "linkIds": [1]}],
        "widgets": [],
        "nodes": nodes,
        "groups": [],
        "links": links,
    }


UUID = "11111111-2222-3333-4444-555555555555"


def chain() -> Graph:
    """Each image is blended into what comes before; the third over a reroute, the fourth in half its size."""
    note = """inputs:
  image: 1.image
  b: {from: 2.image, required: false, bypass: 12}
  c: {from: 3.image, required: false, bypass: [13]}
  d: {from: 4.image, required: false, bypass: [14]}
outputs: {out: 20}
"""
    return graph(
        note,
        {
            1: ("LoadImage", {}),
            2: ("LoadImage", {}),
            3: ("LoadImage", {}),
            4: ("LoadImage", {}),
            12: ("ImageBlend", {"image1": (1, 0), "image2": (2, 0)}),
            5: ("Reroute", {"": (12, 0)}),
            13: ("ImageBlend", {"image1": (5, 0), "image2": (3, 0)}),
            6: ("ImageScaleBy", {"image": (4, 0)}),
            14: ("ImageBlend", {"image1": (13, 0), "image2": (6, 0)}),
            20: ("SaveImage", {"images": (14, 0)}),
            # Nothing needs these; the second reads what goes.
            7: ("ImageInvert", {"image": (1, 0)}),
            8: ("ImageInvert", {"image": (6, 0)}),
        },
    )


def one_needs_the_other() -> Graph:
    """The third image stands beside the second: without the second, neither is looked at."""
    note = """inputs:
  image: 1.image
  b: {from: 2.image, required: false, bypass: [12]}
  c: {from: 3.image, required: false, bypass: [3, 6]}
outputs: {out: 20}
"""
    return graph(
        note,
        {
            1: ("LoadImage", {}),
            2: ("LoadImage", {}),
            3: ("LoadImage", {}),
            6: ("ImageScaleBy", {"image": (3, 0)}),
            11: ("ImageStitch", {"image1": (2, 0), "image2": (6, 0)}),
            12: ("ImageBlend", {"image1": (1, 0), "image2": (11, 0)}),
            20: ("SaveImage", {"images": (12, 0)}),
        },
    )


def needed_again() -> Graph:
    """Node 5 is idle without the second image, but not without the second and the third."""
    note = """inputs:
  image: 1.image
  b: {from: 2.image, required: false, bypass: [12]}
  c: {from: 3.image, required: false, bypass: [30]}
outputs: {out: 20}
"""
    inside = subgraph(UUID, {41: ("ImageInvert", {"image": (-10, 1)})}, 41)
    return graph(
        note,
        {
            1: ("LoadImage", {}),
            2: ("LoadImage", {}),
            3: ("LoadImage", {}),
            5: ("ImageInvert", {"image": (1, 0)}),
            30: (UUID, {"a": (5, 0), "b": (3, 0)}),
            11: ("ImageBlend", {"image1": (5, 0), "image2": (2, 0)}),
            12: ("ImageBlend", {"image1": (30, 0), "image2": (11, 0)}),
            20: ("SaveImage", {"images": (12, 0)}),
        },
        definitions={"subgraphs": [inside]},
    )


def two_instances() -> Graph:
    """Two instances of one subgraph, whose inner node is bypassed in both, as ComfyUI does."""
    note = """inputs:
  image: 1.image
  b: {from: [2.image], required: false, bypass: ["30:41", "31:41"]}
outputs: {out: 20}
"""
    inside = subgraph(UUID, {41: ("ImageBlend", {"image1": (-10, 0), "image2": (-10, 1)})}, 41)
    return graph(
        note,
        {
            1: ("LoadImage", {}),
            2: ("LoadImage", {}),
            30: (UUID, {"a": (1, 0), "b": (2, 0)}),
            5: ("ImageInvert", {"image": (1, 0)}),
            31: (UUID, {"a": (5, 0), "b": (2, 0)}),
            12: ("ImageBlend", {"image1": (30, 0), "image2": (31, 0)}),
            20: ("SaveImage", {"images": (12, 0)}),
        },
        definitions={"subgraphs": [inside]},
    )


def own_value() -> Graph:
    """Without the second image its width is not known: the widget has its own value again, a preview is gone."""
    note = """inputs:
  image: 1.image
  b: {from: 2.image, required: false, bypass: [10, 11]}
outputs: {out: 20}
"""
    return graph(
        note,
        {
            1: ("LoadImage", {}),
            2: ("LoadImage", {}),
            10: ("GetImageSize", {"image": (2, 0)}),
            11: ("PreviewImage", {"images": (2, 0)}),
            12: ("ImageScale", {"image": (1, 0), "width": (10, 0)}),
            20: ("SaveImage", {"images": (12, 0)}),
        },
    )


CASES = {made.__name__: made() for made in (chain, one_needs_the_other, needed_again, two_instances, own_value)}
BYPASS = {
    "chain": {"b": ["12"], "c": ["13"], "d": ["14"]},
    "one_needs_the_other": {"b": ["12"], "c": ["3", "6"]},
    "needed_again": {"b": ["12"], "c": ["30"]},
    "two_instances": {"b": ["30:41"]},
    "own_value": {"b": ["10", "11"]},
}
