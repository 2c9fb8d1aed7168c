"""A page with the graph of jobs behind a file: one column per distance from it, nothing loaded from elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshcil.reporting.html import environment

_BOX, _GAP, _ROW = 250, 60, 46
"""Pixels: width of a box, space between columns, height of a row."""


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


def columns(nodes: Sequence[Node]) -> list[list[Node]]:
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
    levels = columns(nodes)
    boxes = {
        node.name: Box(node, level * (_BOX + _GAP), row * _ROW)
        for level, members in enumerate(levels)
        for row, node in enumerate(members)
    }
    lines = [
        f"M{box.x + _BOX} {box.y + 15}C{box.x + _BOX + _GAP // 2} {box.y + 15} {other.x - _GAP // 2} {other.y + 15}"
        f" {other.x} {other.y + 15}"
        for box in boxes.values()
        for other in (boxes[parent] for parent in box.node.parents)
    ]
    size = (len(levels) * (_BOX + _GAP) - _GAP, max(map(len, levels)) * _ROW)
    template = environment().get_template("graph.html.j2")
    return template.render(title=title, lead=lead, shared=shared, boxes=list(boxes.values()), lines=lines, size=size)
