"""Pose accuracy over occlusion levels, at both angles that the field reports."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from meshcil.config.figures.pose import Options
from meshcil.reporting.drawing import draw_lines, label_ends, legend_above, percent_axes, say_when_empty, series
from meshcil.reporting.palette import INK
from meshcil.reporting.scores import test_set_order
from meshcil.reporting.tables import robustness


def draw(scores: pd.DataFrame, options: Options) -> Figure:
    """Per run a thick line for errors below pi/6 and a thin dotted one below pi/18."""
    names = test_set_order(scores, options.test_sets)
    figure = Figure()
    axes = percent_axes(figure, "pose accuracy")
    drawn = []
    for metric, thin in (("pose_accuracy_pi6", False), ("pose_accuracy_pi18", True)):
        table = robustness.build(scores, robustness.Options(metric=metric, test_sets=options.test_sets))
        lines = series(table, names, range(len(names)))
        draw_lines(axes, lines, thin=thin)
        drawn.append(lines)
    label_ends(axes, drawn[0])
    kinds = ((2.0, "-", "error below π/6 (30°)"), (1.3, ":", "below π/18 (10°)"))
    legend_above(
        figure, [Line2D([], [], color=INK, linewidth=width, linestyle=dash, label=text) for width, dash, text in kinds]
    )
    say_when_empty(axes, drawn[0])
    axes.set_xticks(range(len(names)), [options.tick_labels.get(name, name) for name in names])
    return figure
