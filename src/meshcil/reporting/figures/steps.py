"""Accuracy on all classes seen against the number of classes seen."""

from collections.abc import Mapping
from typing import Any

import numpy
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from meshcil.config.base import Settings, validate
from meshcil.reporting.drawing import Series, draw_lines, label_ends, percent_axes, say_when_empty, series
from meshcil.reporting.layout import unit
from meshcil.reporting.palette import INK, Look
from meshcil.reporting.style import RC
from meshcil.reporting.tables import steps


class Options(Settings):
    """Settings of this kind of figure."""

    metric: str = "accuracy"
    """Metric of the clean test set."""
    label: str = "accuracy"
    """Of the vertical axis."""
    chance: bool = True
    """Draw what guessing would give."""


@rc_context(RC)
def draw(scores: pd.DataFrame, options: Mapping[str, Any]) -> Figure:
    """One line per run.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of a `steps` figure")
    table = steps.build(scores, {"metric": settings.metric})
    columns = [name for name in table.columns if unit(name) and " std" not in name]
    classes = [int(name.split()[0]) for name in columns]
    figure = Figure()
    axes = percent_axes(figure, settings.label)
    lines = series(table, columns, classes)
    draw_lines(axes, lines)
    if settings.chance and lines:
        guess = numpy.array([100 / count for count in classes])
        axes.plot(classes, guess, color=INK, linewidth=1, linestyle=":")
        lines.append(Series("chance", Look(INK, "", ":"), numpy.array(classes), guess, None))
    label_ends(axes, lines)
    say_when_empty(axes, lines)
    axes.set_xticks(classes)
    axes.set_xlabel("classes seen")
    return figure
