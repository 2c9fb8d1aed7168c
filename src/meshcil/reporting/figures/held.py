"""Accuracy after each step against the bytes that are really held then: one line per run, from first to last step."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from meshcil.config.base import Settings, validate
from meshcil.reporting.drawing import Series, draw_lines, label_ends, percent_axes, row_names, say_when_empty
from meshcil.reporting.layout import spread
from meshcil.reporting.palette import looks
from meshcil.reporting.scores import RUN
from meshcil.reporting.style import RC
from meshcil.reporting.tables import held


class Options(Settings):
    """Settings of this kind of figure."""

    memory: Literal["carried", "paper"] = "carried"
    """Horizontal axis: what is carried to the next step, or what MEMO counts of it."""


@rc_context(RC)
def draw(scores: pd.DataFrame, options: Mapping[str, Any]) -> Figure:
    """One line per run, with bars of one standard deviation over seeds; a point is a step.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of a `held` figure")
    table = held.build(scores, {}).dropna(subset="accuracy [%]")
    column = f"{settings.memory} [MiB]"
    look = looks(table["method"])
    keys = [name for name in RUN if name in table]
    first = table.drop_duplicates(keys)
    lines = []
    for name, (_, key) in zip(row_names(first), first.iterrows(), strict=True):
        run = table[(table[keys] == key[keys]).all(axis=1)].sort_values("step")
        x, y = (run[c].to_numpy(dtype=float) for c in (column, "accuracy [%]"))
        error = run[spread("accuracy [%]")].to_numpy(dtype=float) if spread("accuracy [%]") in run else None
        lines.append(Series(name, look[key["method"]], x, y, error))
    figure = Figure()
    axes = percent_axes(figure, "accuracy")
    draw_lines(axes, lines)
    label_ends(axes, lines)
    say_when_empty(axes, lines)
    axes.set_xlabel(f"held after the step [MiB{'' if settings.memory == 'carried' else ', as MEMO counts'}]")
    if lines:
        axes.set_xlim(0, 1.05 * max(float(numpy.max(line.x)) for line in lines))
    return figure
