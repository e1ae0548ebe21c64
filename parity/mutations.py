"""Which graphs are changed, and how: cases drawn from a seed, each of which can be played again alone.

What a change does stands in `page/mutate.js`, under the same word.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

# A change, and how often it is drawn beside the others: those that leave a graph useless are the rarer ones.
KINDS = {
    "bypass": 2,
    "mute": 1,
    "bypass_instance": 2,
    "mute_instance": 1,
    "wrap": 5,
    "nest": 4,
    "unpack": 2,
    "promote": 5,
    "expose": 4,
    "reroute_node": 3,
    "reroute_point": 3,
    "instance_value": 5,
    "inner_value": 4,
    "value": 2,
    "primitive": 4,
    "constant": 3,
    "connect": 3,
    "disconnect": 1,
    "second_instance": 3,
    "clone_instance": 2,
    "group_node": 1,
}
_STEPS = {1: 1, 2: 3, 3: 4, 4: 3, 5: 2}

# Half of the templates have no subgraph: most changes are about them.
_WRAPPED_FIRST = 0.5


@dataclass(frozen=True, slots=True)
class Case:
    """One graph to change. `steps` holds for each change its kind and, after it, the kinds to try in its place."""

    seed: int
    index: int
    template: str
    draw: int
    steps: tuple[tuple[str, ...], ...]


def plan(seed: int, index: int, templates: Sequence[str]) -> Case:
    """The case of a seed and an index; the same for the same list of templates, whatever other cases are run."""
    draw = random.Random(f"{seed}:{index}")  # noqa: S311 - to be repeatable is the point
    template = draw.choice(templates)
    count = draw.choices([*_STEPS], weights=[*_STEPS.values()])[0]
    steps = [_in_random_order(draw) for _ in range(count)]
    if draw.random() < _WRAPPED_FIRST:
        steps[0] = ("wrap", *(kind for kind in steps[0] if kind != "wrap"))
    return Case(seed, index, template, draw.getrandbits(32), tuple(steps))


def _in_random_order(draw: random.Random) -> tuple[str, ...]:
    """Every kind once, the frequent ones more likely in front."""
    return tuple(sorted(KINDS, key=lambda kind: draw.random() ** (1 / KINDS[kind]), reverse=True))
