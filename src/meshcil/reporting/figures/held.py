"""Accuracy after each step against the bytes that are really held then: one line per run, from first to last step."""

import numpy
import pandas as pd
from matplotlib.figure import Figure

from meshcil.reporting.drawing import Series, draw_lines, label_ends, percent_axes, say_when_empty
from meshcil.reporting.palette import looks
from meshcil.reporting.scores import RUN
from meshcil.reporting.table import row_names
from meshcil.reporting.tables import held


def draw(scores: pd.DataFrame) -> Figure:
    """One line per run, with bars of one standard deviation over seeds; a point is a step."""
    table = held.build(scores)
    table = table.take(table.values.index[table.values["accuracy"].notna()])
    names = table.names
    look = looks(names["method"])
    keys = [name for name in RUN if name in names]
    first = names.drop_duplicates(keys)
    lines = []
    for name, (_, key) in zip(row_names(first), first.iterrows(), strict=True):
        run = names[(names[keys] == key[keys]).all(axis=1)].sort_values("step").index
        x, y = (table.values.loc[run, column].to_numpy(dtype=float) for column in ("carried", "accuracy"))
        error = table.spreads.loc[run, "accuracy"].to_numpy(dtype=float) if "accuracy" in table.spreads else None
        lines.append(Series(name, look[key["method"]], x, y, error))
    figure = Figure()
    axes = percent_axes(figure, "accuracy")
    draw_lines(axes, lines)
    label_ends(axes, lines)
    say_when_empty(axes, lines)
    axes.set_xlabel("held after the step [MiB]")
    if lines:
        axes.set_xlim(0, 1.05 * max(float(numpy.max(line.x)) for line in lines))
    return figure
