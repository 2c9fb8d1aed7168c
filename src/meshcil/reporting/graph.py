"""A page with the graph of jobs behind a file: a row per distance from it, or several; nothing is loaded for it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshcil.reporting.html import environment

_BOX, _GAP, _HEIGHT, _ROW = 262, 26, 44, 80
"""Pixels: width of a box, space between two, height of a box, and of a row with the space below it."""
_LETTERS = 38
"""Of a line in a box."""
_ACROSS = 4
"""Boxes in a row, so that the page takes it; what is as far from the file and finds no place begins another row."""


@dataclass(frozen=True)
class Node:
    """A job.

    Attributes:
        name: unique on the page.
        title: one line.
        altered: marked as altered.
        facts: name -> text.
        settings: name -> text.
        parents: names of the jobs it read from.
    """

    name: str
    title: str
    altered: bool
    facts: Mapping[str, str]
    settings: Mapping[str, str]
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Box:
    """A node in the drawing, pixels from the upper left corner."""

    node: Node
    x: int
    y: int

    @property
    def lines(self) -> tuple[str, str]:
        """What the job did, and of what: the end of it where the box is too narrow."""
        words = self.node.title.split(" ")
        place = next((i for i, word in enumerate(words) if "/" in word), len(words) - 1)
        return " ".join(words[:place]), re.sub(rf"^.+(?=.{{{_LETTERS}}})", "…", " ".join(words[place:]))


def levels(nodes: Sequence[Node]) -> list[list[Node]]:
    """Nodes by their longest distance from the first one, which all others lie behind."""
    known = {node.name: node for node in nodes}
    depth = {nodes[0].name: 0}
    waiting = [nodes[0].name]
    while waiting:
        name = waiting.pop()
        for parent in known[name].parents:
            if depth.get(parent, -1) < depth[name] + 1:
                depth[parent] = depth[name] + 1
                waiting.append(parent)
    return [[n for n in nodes if depth[n.name] == level] for level in range(max(depth.values()) + 1)]


def graph_page(title: str, lead: Sequence[str], shared: Mapping[str, str], nodes: Sequence[Node]) -> str:
    """HTML text of the page.

    Args:
        title: the file or number.
        lead: lines below the title.
        shared: facts in which all jobs agree.
        nodes: jobs; the first wrote the file.
    """
    rows = [level[i : i + _ACROSS] for level in levels(nodes) for i in range(0, len(level), _ACROSS)]
    boxes = {
        node.name: Box(node, place * (_BOX + _GAP), number * _ROW)
        for number, members in enumerate(rows)
        for place, node in enumerate(members)
    }
    lines = [
        f"M{box.x + _BOX // 2} {box.y + _HEIGHT}c0 {_ROW - _HEIGHT} {other.x - box.x} {other.y - box.y - _ROW}"
        f" {other.x - box.x} {other.y - box.y - _HEIGHT}"
        for box in boxes.values()
        for other in (boxes[parent] for parent in box.node.parents)
    ]
    size = (max(map(len, rows)) * (_BOX + _GAP) - _GAP, len(rows) * _ROW - _ROW + _HEIGHT)
    template = environment().get_template("graph.html.j2")
    return template.render(title=title, lead=lead, shared=shared, boxes=list(boxes.values()), lines=lines, size=size)
