"""Accuracy against the memory that may be kept between steps."""

from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from meshcil.config.base import Settings, validate
from meshcil.reporting.drawing import Series, draw_lines, label_ends, percent_axes, say_when_empty
from meshcil.reporting.layout import spread
from meshcil.reporting.palette import looks
from meshcil.reporting.style import RC
from meshcil.reporting.tables import budget

_AXIS = {
    "images": ("exemplars", "exemplars kept [images]"),
    "carried": ("carried [MiB]", "carried between steps [MiB]"),
    "paper": ("paper [MiB]", "parameters and exemplar pixels [MiB]"),
}


class Options(Settings):
    """Settings of this kind of figure."""

    x: Literal["images", "carried", "paper"] = "carried"
    """Horizontal axis: exemplar images, MiB carried between steps (network, bank, exemplars), or MiB as MEMO counts."""
    accuracy: Literal["average", "last"] = "average"
    """Vertical axis: average incremental accuracy, or accuracy after the last step."""


@rc_context(RC)
def draw(scores: pd.DataFrame, options: Mapping[str, Any]) -> Figure:
    """One line per method, one point per budget.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of a `budget` figure")
    table = budget.build(scores, {})
    x, x_label = _AXIS[settings.x]
    lines = _lines(table, x, f"{settings.accuracy} [%]")
    figure = Figure()
    axes = percent_axes(figure, {"average": "average accuracy", "last": "last accuracy"}[settings.accuracy])
    draw_lines(axes, lines)
    label_ends(axes, lines)
    say_when_empty(axes, lines)
    if settings.x == "images" and lines:
        axes.set_xscale("log", base=2)
        ticks = sorted({int(value) for line in lines for value in line.x})
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([str(tick) for tick in ticks])
    axes.set_xlabel(x_label)
    return figure


def _lines(table: pd.DataFrame, x: str, y: str) -> list[Series]:
    look = looks(table["method"])
    lines = []
    for label, rows in table.groupby("label", sort=False):
        # Without exemplars there is no point on a logarithmic axis.
        rows = rows.dropna(subset=[x, y])
        rows = rows[rows[x] > 0].sort_values(x)
        method = rows["method"].iloc[-1] if len(rows) else ""
        error = rows[spread(y)].to_numpy(dtype=float) if spread(y) in rows else None
        if len(rows):
            lines.append(
                Series(label, look[method], rows[x].to_numpy(dtype=float), rows[y].to_numpy(dtype=float), error)
            )
    return lines
