"""One metric over test sets: lines where the sets are levels of one thing, dots where they are not."""

from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from meshcil.config.base import Settings
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


class Options(Settings):
    """Settings of this kind of figure."""

    metric: str = "accuracy"
    """`accuracy`, `pose_accuracy_pi6` or `pose_accuracy_pi18`."""
    test_sets: tuple[str, ...] = ()
    """Test sets from left to right; all when absent."""
    form: Literal["lines", "dots"] = "lines"
    """`lines` for levels, `dots` for sets without an order."""
    tick_labels: dict[str, str] = {}
    """What to write below a test set instead of its name."""
    label: str = "accuracy"
    """Of the vertical axis."""


def draw(scores: pd.DataFrame, options: Options) -> Figure:
    """One line, or one colour of dots, per run."""
    table = robustness.build(scores, robustness.Options(metric=options.metric, test_sets=options.test_sets))
    names = test_set_order(scores, options.test_sets)
    ticks = [options.tick_labels.get(name, name) for name in names]
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
