"""Variants of one method side by side: average and last accuracy with their spread over seeds."""

from collections.abc import Mapping
from typing import Any

import numpy
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from meshcil.config.base import Settings, validate
from meshcil.reporting.drawing import legend_above, row_names, say_when_empty
from meshcil.reporting.layout import spread
from meshcil.reporting.palette import BLUE, INK, ORANGE, PAPER
from meshcil.reporting.style import RC, WIDTH
from meshcil.reporting.tables import comparison

_SHOWN = (("average [%]", "average accuracy", BLUE, "o"), ("last [%]", "last accuracy", ORANGE, "D"))


class Options(Settings):
    """Settings of this kind of figure."""

    reference: str = ""
    """Method whose values are drawn as lines for comparison; the first one when empty."""


@rc_context(RC)
def draw(scores: pd.DataFrame, options: Mapping[str, Any]) -> Figure:
    """One row per run, two dots with bars of one standard deviation; lines mark the reference.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of a `comparison` figure")
    table = comparison.build(scores, {"reference": settings.reference})
    table = table.dropna(subset=["average [%]"]).reset_index(drop=True)
    figure = Figure(figsize=(WIDTH, 1.25 + 0.34 * max(2, len(table))))
    axes = figure.add_subplot()
    reference = table.index[table["change [%]"].isna()][:1]
    for shift, (column, _, colour, marker) in zip((-0.13, 0.13), _SHOWN, strict=True):
        values, there = table[column].to_numpy(dtype=float), spread(column) in table
        error = numpy.nan_to_num(table[spread(column)].to_numpy(dtype=float)) if there else None
        axes.errorbar(
            values,
            table.index + shift,
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
            axes.axvline(values[row], color=colour, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
    axes.set_yticks(table.index, row_names(table), color=INK)
    axes.invert_yaxis()
    axes.set_xlim(*_limits(table))
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("accuracy [%]")
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", label=name) for _, name, colour, marker in _SHOWN
    ]
    legend_above(figure, handles)
    say_when_empty(axes, list(table.index))
    return figure


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """Whole tens around all values: variants of one method lie close together."""
    values = table[[column for column, *_ in _SHOWN]].to_numpy(dtype=float)
    if not numpy.isfinite(values).any():
        return 0.0, 100.0
    low, high = numpy.nanmin(values), numpy.nanmax(values)
    return max(0.0, 10 * numpy.floor(low / 10 - 0.2)), min(100.0, 10 * numpy.ceil(high / 10 + 0.2))
