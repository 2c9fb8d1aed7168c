"""Accuracy against the memory that may be kept between steps."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from meshcil.config.figures.budget import Options
from meshcil.reporting.drawing import Series, draw_lines, label_ends, percent_axes, say_when_empty
from meshcil.reporting.palette import looks
from meshcil.reporting.table import Table
from meshcil.reporting.tables import budget

_AXIS = {
    "images": ("exemplars", "exemplars kept [images]"),
    "carried": ("carried", "carried between steps [MiB]"),
    "paper": ("paper", "parameters and exemplar pixels [MiB]"),
}


def draw(scores: pd.DataFrame, options: Options) -> Figure:
    """One line per method, one point per budget."""
    table = budget.build(scores)
    x, x_label = _AXIS[options.x]
    lines = _lines(table, x, options.accuracy)
    figure = Figure()
    axes = percent_axes(figure, {"average": "average accuracy", "last": "last accuracy"}[options.accuracy])
    draw_lines(axes, lines)
    label_ends(axes, lines)
    say_when_empty(axes, lines)
    if options.x == "images" and lines:
        axes.set_xscale("log", base=2)
        ticks = sorted({int(value) for line in lines for value in line.x})
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([str(tick) for tick in ticks])
    axes.set_xlabel(x_label)
    return figure


def _lines(table: Table, x: str, y: str) -> list[Series]:
    look = looks(table.names["method"])
    lines = []
    for label, names in table.names.groupby("label", sort=False):
        # Without exemplars there is no point on a logarithmic axis.
        points = table.values.loc[names.index].dropna(subset=[x, y])
        points = points[points[x] > 0].sort_values(x)
        if len(points):
            method = names["method"].iloc[0]
            error = table.spreads.loc[points.index, y].to_numpy(dtype=float) if y in table.spreads else None
            place, height = (points[name].to_numpy(dtype=float) for name in (x, y))
            lines.append(Series(str(label), look[method], place, height, error))
    return lines
