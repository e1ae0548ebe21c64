"""Links of several inputs into one chain are followed once; the result must be the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.diagnostics import Diagnostic, Locus
from comfy2runpod.editor import PROFILES
from comfy2runpod.ir.document import Canvas, Document, GraphLink, GraphNode, InputSlot, Mode, OutputSlot
from comfy2runpod.stages.flatten.follow import End, Fault, Follower
from comfy2runpod.stages.flatten.scope import Scopes
from comfy2runpod.stages.normalize.node_inputs import Inputs

NO_CLASSES = Catalog(comfyui="", commit="", editor="1.43", classes={})
MODES = {"Reroute": Mode.ALWAYS, "Bypassed": Mode.BYPASS, "Runs": Mode.ALWAYS}
TYPES = ("A", "B", "A,B", "*")


def test_where_an_input_leads_does_not_depend_on_what_was_followed_before() -> None:
    ends = Counter[str]()
    # Enough for the rare ones: a bypassed node in a cycle with itself, asked for two types.
    for seed in range(8000):
        draw = random.Random(seed)
        document = Document("graph.json", _canvas(draw), {}, None, ())
        inputs = Inputs(document, NO_CLASSES)
        root = Scopes(document).root()
        leaves = [*_leaves(document)]
        draw.shuffle(leaves)
        together = Follower(NO_CLASSES, PROFILES["1.43"], inputs)
        for node, index in leaves:
            alone = _told(Follower(NO_CLASSES, PROFILES["1.43"], inputs).end(root, node, index))
            assert _told(together.end(root, node, index)) == alone, (seed, node.id, index)
            ends[type(alone).__name__] += 1
    assert min(ends[kind] for kind in ("FromNode", "Nothing", "LinkCycle")) > 1000


def _leaves(document: Document) -> Iterator[tuple[GraphNode, int]]:
    for node in document.root.nodes:
        if node.type == "Runs":
            yield from ((node, index) for index in range(len(node.inputs)))


def _told(end: End) -> End | Diagnostic:
    return end.diagnostic(at=Locus("graph.json")) if isinstance(end, Fault) else end


def _canvas(draw: random.Random) -> Canvas:
    """Nodes that are mostly followed through, their inputs linked to any output: in cycles, too."""
    kinds = [
        draw.choice(("Reroute", "Bypassed", "Bypassed", "Bypassed", "Runs", "Runs")) for _ in range(draw.randint(3, 8))
    ]
    takes = [draw.choices(TYPES, k=draw.randint(1, 3)) for _ in kinds]
    gives = [draw.choices(TYPES, k=draw.randint(1, 2)) for _ in kinds]
    links: dict[int, GraphLink] = {}
    nodes = []
    for index, kind in enumerate(kinds):
        slots = []
        for place, slot_type in enumerate(takes[index]):
            link = None
            if draw.random() < 0.8:
                origin = draw.randrange(len(kinds))
                link = len(links) + 1
                output = draw.randrange(len(gives[origin]))
                links[link] = GraphLink(link, str(origin), output, str(index), place, slot_type)
            slots.append(InputSlot(f"in{place}", slot_type, link))
        outputs = tuple(OutputSlot(f"out{place}", slot_type) for place, slot_type in enumerate(gives[index]))
        nodes.append(_node(str(index), kind, tuple(slots), outputs))
    return Canvas(tuple(nodes), links)


def _node(node_id: str, kind: str, inputs: tuple[InputSlot, ...], outputs: tuple[OutputSlot, ...]) -> GraphNode:
    return GraphNode(
        id=node_id,
        type=kind,
        title=None,
        mode=MODES[kind],
        inputs=inputs,
        outputs=outputs,
        widgets_values=None,
        models=(),
        proxy_widgets=(),
        pack=None,
        pack_version=None,
        json_path="$",
    )
