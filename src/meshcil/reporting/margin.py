"""The finding in one figure: by how much iNeMo is ahead of iCaRL, with more and more of the object hidden."""

from collections.abc import Sequence

import numpy
from matplotlib.figure import Figure

from meshcil.evaluation.contrast import LEAST, interval
from meshcil.reporting.drawing import Series, draw_lines, label_ends
from meshcil.reporting.kept import Kept
from meshcil.reporting.palette import BLUE, GREEN, INK, VERMILION, Look
from meshcil.reporting.style import look, svg_bytes

LEVELS = {"clean": "nothing", "L1": "20–40 %", "L2": "40–60 %", "L3": "60–80 %"}
PAIRS = (
    ("inemo-rivals", "inemo-pretrained-study", "icarl-pretrained", "paper's rules", Look(BLUE, "o")),
    ("inemo-rivals", "inemo-pretrained-study-ours", "icarl-pretrained", "our additions", Look(VERMILION, "s", "--")),
    ("inemo-scratch", "inemo-study", "icarl-study", "our additions, from scratch", Look(GREEN, "^", ":")),
)
"""Experiment, method, what it is compared with, and how the line is called and looks."""


def margins(kept: Sequence[Kept]) -> list[Series]:
    """Difference of last accuracies in points at each level, seed by seed: mean and half of the 95 % interval.

    Args:
        kept: results of the experiments; those without the two methods, or with too few seeds, are left out.
    """
    found, scores = [], {one.name: one.scores for one in kept}
    for experiment, method, other, name, drawn in PAIRS:
        if experiment not in scores:
            continue
        rows = scores[experiment]
        rows = rows[
            (rows["metric"] == "last_accuracy") & rows["test_set"].isin(list(LEVELS)) & (rows["class_name"] == "")
        ]
        rows = rows[rows["task"] == ""]
        table = rows.pivot_table(index="seed", columns=["method", "test_set"], values="value")
        wanted = [(one, level) for one in (method, other) for level in LEVELS]
        if not all(column in table.columns for column in wanted) or len(table) < LEAST:
            continue
        results = [interval((100 * (table[method, level] - table[other, level])).dropna().tolist()) for level in LEVELS]
        means = numpy.array([result.mean for result in results])
        halves = numpy.array([result.high - result.mean for result in results])
        found.append(Series(name, drawn, numpy.arange(len(LEVELS), dtype=float), means, halves))
    return found


def caption(lines: Sequence[Series]) -> str:
    """What the figure says, in two sentences; "" for no lines."""
    if not lines:
        return ""
    leads = [
        f"{line.y[0]:.1f} points with nothing hidden and {line.y[-1]:.1f} with 60–80 % ({line.name})" for line in lines
    ]
    grows = [line.y[-1] > line.y[0] for line in lines]
    word = (
        "grows" if all(grows) else f"grows in {sum(grows)} of {len(grows)} settings" if any(grows) else "does not grow"
    )
    return (
        f"iNeMo is ahead of iCaRL by {', by '.join(leads)}: with occlusion the lead {word}. Networks start from "
        "ImageNet where nothing else is said. Means over seeds with 95 % intervals."
    )


def margin_svg(kept: Sequence[Kept]) -> bytes | None:
    """The figure as SVG; None where nothing is kept that it could show."""
    lines = margins(kept)
    if not lines:
        return None
    with look():
        figure = Figure(figsize=(7.2, 3.0))
        axes = figure.add_subplot()
        axes.axhline(0, color=INK, linewidth=1)
        draw_lines(axes, lines)
        label_ends(axes, lines)
        axes.set_xticks(range(len(LEVELS)), list(LEVELS.values()))
        axes.set_xlabel("share of the object that is hidden")
        axes.set_ylabel("iNeMo minus iCaRL [points]")
        return svg_bytes(figure)
