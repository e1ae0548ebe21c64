"""What a package's patch code makes of its prompt without some images, and the graph with nodes bypassed by hand."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.pipeline import CompileResult, Options, compile_graph
from comfy2runpod.write import write_package

# A prompt, or the nodes of one, as JSON.
Nodes = dict[str, Any]

_SCRIPT = """
import json, sys
from pathlib import Path
from comfy2runpod_runtime import Run
from patch import patch
from schema import Input
example = json.loads(Path("test_input.json").read_text())["input"]
found = []
for given in json.loads(sys.argv[1]):
    prompt = json.loads(Path("workflow_api.json").read_text())
    request = Input.model_validate({**example, **{name: "AAAA" for name in given}})
    patch(prompt, request, Run("p", {"seed": 7}, {name: f"{name}.png" for name in [*example, "image", *given]}))
    found.append(prompt)
print(json.dumps(found))
"""


def compiled(graph: Mapping[str, Any]) -> CompileResult:
    """The package of a graph."""
    return compile_graph(json.dumps(graph).encode(), "graph.json", load_catalog(), Options())


def every_combination(names: Collection[str]) -> list[tuple[str, ...]]:
    """None of them, each, each two, and so on."""
    return [chosen for size in range(len(names) + 1) for chosen in combinations(names, size)]


def patched(package: CompileResult, folder: Path, variants: Collection[tuple[str, ...]]) -> list[Nodes]:
    """The prompts that the package's own code makes, one for each combination of images that are omitted."""
    optional = optional_images(package)
    given = [[name for name in optional if name not in names] for names in variants]
    write_package(package.files, folder)
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, json.dumps(given)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    prompts: list[Nodes] = json.loads(done.stdout)
    return prompts


def optional_images(package: CompileResult) -> list[str]:
    """The names of the images that may be omitted."""
    properties = json.loads(package.files["docs/input.schema.json"])["properties"]
    return [name for name, said in properties.items() if said.get("x-media") and "null" in said["type"]]


def bypassed(graph: Mapping[str, Any], paths: Collection[str]) -> dict[str, Any]:
    """The graph as it is saved after Ctrl+B on these nodes."""
    changed = copy.deepcopy(dict(graph))
    for path in paths:
        nodes = changed["nodes"]
        *instances, last = path.split(":")
        for instance in instances:
            (found,) = [node for node in nodes if str(node["id"]) == instance]
            (definition,) = [each for each in changed["definitions"]["subgraphs"] if each["id"] == found["type"]]
            nodes = definition["nodes"]
        (node,) = [node for node in nodes if str(node["id"]) == last]
        node["mode"] = 4
    return changed


def compared(package: CompileResult, prompt: Nodes) -> Nodes:
    """What ComfyUI runs of a prompt: the nodes that its outputs need, without what every request writes anew."""
    interface = package.interface
    written = {(target.node_id, target.input) for field in interface.fields for target in field.targets}
    written |= {(output.node_id, str(output.prefix_input)) for output in interface.outputs}
    return {
        node_id: {
            "class_type": prompt[node_id]["class_type"],
            "inputs": {
                name: value for name, value in prompt[node_id]["inputs"].items() if (node_id, name) not in written
            },
        }
        for node_id in sorted(_needed(prompt))
    }


def open_links(prompt: Nodes) -> list[str]:
    """The inputs that are linked to a node that is not there."""
    return [
        f"{node_id}.{name}" for node_id, node in prompt.items() for name, origin in _links(node) if origin not in prompt
    ]


def _needed(prompt: Nodes) -> set[str]:
    catalog = load_catalog()
    found: set[str] = set()
    classes = {node_id: catalog.get(node["class_type"]) for node_id, node in prompt.items()}
    waiting = [node_id for node_id, known in classes.items() if known is not None and known.output_node]
    while waiting:
        node_id = waiting.pop()
        if node_id not in found:
            found.add(node_id)
            waiting.extend(origin for _, origin in _links(prompt[node_id]) if origin in prompt)
    return found


def _links(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in node["inputs"].items():
        match value:
            case [str() as origin, int()]:
                yield name, origin
