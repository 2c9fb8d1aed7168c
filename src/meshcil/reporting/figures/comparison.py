"""Variants of one method side by side: average and last accuracy with their spread over seeds."""

import numpy
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from meshcil.config.figures.comparison import Options
from meshcil.reporting.drawing import legend_above, say_when_empty
from meshcil.reporting.palette import BLUE, INK, ORANGE, PAPER
from meshcil.reporting.style import WIDTH
from meshcil.reporting.table import row_names
from meshcil.reporting.tables import comparison

_SHOWN = (("average", "average accuracy", BLUE, "o"), ("last", "last accuracy", ORANGE, "D"))


def draw(scores: pd.DataFrame, options: Options) -> Figure:
    """One row per run, two dots with bars of one standard deviation; lines mark the reference."""
    table = comparison.build(scores, comparison.Options(reference=options.reference))
    table = table.take(table.values.index[table.values["average"].notna()])
    values, spreads = table.values, table.spreads
    figure = Figure(figsize=(WIDTH, 1.25 + 0.34 * max(2, len(values))))
    axes = figure.add_subplot()
    reference = values.index[values[comparison.CHANGE].isna()][:1]
    for shift, (column, _, colour, marker) in zip((-0.13, 0.13), _SHOWN, strict=True):
        error = numpy.nan_to_num(spreads[column].to_numpy(dtype=float)) if column in spreads else None
        axes.errorbar(
            values[column].to_numpy(dtype=float),
            values.index + shift,
            xerr=error,
            color=colour,
            marker=marker,
            linestyle="none",
            markersize=6.5,
            markeredgecolor=PAPER,
            markeredgewidth=0.7,
            capsize=2.5,
            zorder=3,
        )
        for row in reference:
            axes.axvline(values.at[row, column], color=colour, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
    axes.set_yticks(values.index, row_names(table.names), color=INK)
    axes.invert_yaxis()
    axes.set_xlim(*_limits(values))
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("accuracy [%]")
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", label=name) for _, name, colour, marker in _SHOWN
    ]
    legend_above(figure, handles)
    say_when_empty(axes, list(values.index))
    return figure


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """Whole tens around all values: variants of one method lie close together."""
    values = table[[column for column, *_ in _SHOWN]].to_numpy(dtype=float)
    if not numpy.isfinite(values).any():
        return 0.0, 100.0
    low, high = numpy.nanmin(values), numpy.nanmax(values)
    return max(0.0, 10 * numpy.floor(low / 10 - 0.2)), min(100.0, 10 * numpy.ceil(high / 10 + 0.2))
