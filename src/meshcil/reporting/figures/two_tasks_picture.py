"""Latents of the first task in two dimensions: before the second task, after it, and aligned."""

import pandas as pd
from matplotlib.figure import Figure

from meshcil.reporting.drawing import say_when_empty
from meshcil.reporting.palette import BLUE, GREEN, ORANGE, PURPLE, VERMILION

_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)
_MOMENTS = {"before": "before the second task", "after": "after it", "aligned": "aligned"}


def draw(scores: pd.DataFrame) -> Figure:
    """One row per study, one column per moment; the axes are the main directions before the second task."""
    rows = scores[scores["metric"].isin(["x", "y"])]
    labels = list(dict.fromkeys(rows["label"]))
    figure = Figure(figsize=(7.5, 2.6 * max(len(labels), 1)))
    grid = figure.subplots(max(len(labels), 1), len(_MOMENTS), squeeze=False, sharex="row", sharey="row")
    for line, label in zip(grid, labels, strict=False):
        for axes, (moment, title) in zip(line, _MOMENTS.items(), strict=True):
            own = rows[(rows["label"] == label) & (rows["test_set"] == moment)]
            points = own.pivot(index=["class_name", "count"], columns="metric", values="value")
            for digit, colour in zip(sorted(set(own["class_name"])), _COLOURS, strict=False):
                axes.scatter(
                    points.loc[digit, "x"], points.loc[digit, "y"], s=7, color=colour, linewidths=0, label=digit
                )
            axes.set_title(title, fontsize=9)
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(label)
    say_when_empty(grid[0][0], labels)
    if labels:
        grid[0][-1].legend(frameon=False, fontsize=7, loc="best", title="digit")
    return figure
