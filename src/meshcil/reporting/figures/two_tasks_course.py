"""Accuracy on the first task while the aligner learns."""

import pandas as pd
from matplotlib.figure import Figure

from meshcil.reporting.drawing import Series, label_ends, percent_axes, say_when_empty
from meshcil.reporting.palette import BLUE, GREY, INK, ORANGE, PURPLE, VERMILION, Look

_COLOURS = (BLUE, VERMILION, PURPLE, ORANGE)


def draw(scores: pd.DataFrame) -> Figure:
    """One line per study with a band of one standard deviation over seeds; dotted: accuracy before the second task.

    Crosses: where held-out training images stop the aligner, one per seed.
    """
    figure = Figure()
    axes = percent_axes(figure, "first task")
    lines = []
    test = scores[scores["test_set"] == "first"]
    for (label, own), colour in zip(test.groupby("label", sort=False), _COLOURS, strict=False):
        course = own[own["metric"] == "course"].groupby("step")["value"].agg(["mean", "std"]) * 100
        if course.empty:
            continue
        x = course.index.to_numpy(dtype=float)
        spread = course["std"].fillna(0)
        axes.plot(x, course["mean"], color=colour, linewidth=2)
        lines.append(Series(str(label), Look(colour, ""), x, course["mean"].to_numpy(), None))
        axes.fill_between(x, course["mean"] - spread, course["mean"] + spread, color=colour, alpha=0.2, linewidth=0)
        axes.axhline(100 * own.loc[own["metric"] == "after_first", "value"].mean(), color=colour, linestyle=":")
        stops = own[own["metric"] == "held_out_iteration"]["value"]
        reached = own[own["metric"] == "aligned_held_out"]["value"] * 100
        axes.scatter(stops, reached, color=INK, marker="x", s=24, linewidths=1, zorder=4)
    axes.set_xlabel("iterations of the aligner")
    axes.grid(axis="y", color=GREY, alpha=0.2)
    say_when_empty(axes, lines)
    label_ends(axes, lines)
    return figure
