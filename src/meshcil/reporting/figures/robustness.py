"""One metric over test sets: lines where the sets are levels of one thing, dots where they are not."""

from textwrap import wrap

import pandas as pd
from matplotlib.figure import Figure

from meshcil.config.figures.robustness import Options
from meshcil.reporting.drawing import (
    draw_dots,
    draw_lines,
    label_ends,
    legend_above,
    percent_axes,
    say_when_empty,
    series,
)
from meshcil.reporting.scores import test_set_order
from meshcil.reporting.tables import robustness


def draw(scores: pd.DataFrame, options: Options) -> Figure:
    """One line, or one colour of dots, per run."""
    table = robustness.build(scores, robustness.Options(metric=options.metric, test_sets=options.test_sets))
    names = test_set_order(scores, options.test_sets)
    ticks = [_narrow(options.tick_labels.get(name, name)) for name in names]
    figure = Figure()
    axes = percent_axes(figure, options.label)
    rows = series(table, names, range(len(names)))
    if options.form == "lines":
        draw_lines(axes, rows)
        label_ends(axes, rows)
        axes.set_xticks(range(len(names)), ticks)
    else:
        legend_above(figure, draw_dots(axes, rows, ticks))
    say_when_empty(axes, rows)
    return figure


def _narrow(label: str) -> str:
    """A label in lines that leave room for its neighbour's beside a legend."""
    return "\n".join(part for line in label.splitlines() for part in wrap(line, 12))
