"""Accuracy on all classes seen against the number of classes seen."""

import numpy
import pandas as pd
from matplotlib.figure import Figure

from meshcil.reporting.drawing import Series, draw_lines, label_ends, percent_axes, say_when_empty, series
from meshcil.reporting.palette import INK, Look
from meshcil.reporting.tables import steps


def draw(scores: pd.DataFrame) -> Figure:
    """One line per run, and what guessing would give."""
    table = steps.build(scores)
    columns = list(table.values.columns)
    classes = [int(name.split()[0]) for name in columns]
    figure = Figure()
    axes = percent_axes(figure, "accuracy")
    lines = series(table, columns, classes)
    draw_lines(axes, lines)
    if lines:
        guess = numpy.array([100 / count for count in classes])
        axes.plot(classes, guess, color=INK, linewidth=1, linestyle=":")
        lines.append(Series("chance", Look(INK, "", ":"), numpy.array(classes), guess, None))
    label_ends(axes, lines)
    say_when_empty(axes, lines)
    axes.set_xticks(classes)
    axes.set_xlabel("classes seen")
    return figure
