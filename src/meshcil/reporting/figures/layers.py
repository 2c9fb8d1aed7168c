"""A quantity of each block of a network, one line per quantity, relative to the largest block where it has a unit."""

import numpy
import pandas as pd
from matplotlib.figure import Figure

from meshcil.config.figures.layers import Options
from meshcil.reporting.drawing import Series, draw_lines, label_ends, percent_axes, say_when_empty
from meshcil.reporting.palette import looks
from meshcil.reporting.tables import layers

_SHOWN = {
    "movement": ("gradient norm", "gradient norm per root of parameters", "shift"),
    "likeness": (
        "CKA of maps, unbiased",
        "CKA of maps, unbiased, fresh weights",
        "CKA of pooled maps, unbiased",
        "CKA of pooled maps, unbiased, fresh weights",
    ),
}


def draw(scores: pd.DataFrame, options: Options) -> Figure:
    """One line per quantity over the blocks of the first study named, with one standard deviation over seeds."""
    table = layers.build(scores)
    names = table.names
    table = table.take(names.index[names["label"] == names["label"].iloc[0]]) if len(names) else table
    titles = [title for title in _SHOWN[options.show] if table.values[title].notna().any()]
    look = looks(pd.Series(titles, dtype=str))
    lines = []
    for title in titles:
        values = table.values[title].to_numpy(dtype=float)
        factor = 100 / numpy.nanmax(values) if options.show == "movement" else 100
        error = _over_seeds(scores, layers.COLUMNS[title], table.names)
        places = numpy.arange(1, len(values) + 1)
        lines.append(Series(title, look[title], places, factor * values, None if error is None else factor * error))
    figure = Figure()
    axes = percent_axes(figure, "of the largest block" if options.show == "movement" else "CKA")
    draw_lines(axes, lines)
    label_ends(axes, lines)
    say_when_empty(axes, lines)
    if lines:
        axes.set_xticks(lines[0].x)
    axes.set_xlabel("block, from the image")
    return figure


def _over_seeds(scores: pd.DataFrame, metric: str, names: pd.DataFrame) -> numpy.ndarray | None:
    """Standard deviation over seeds of each block's mean over steps; None with one seed."""
    rows = layers.later_steps(scores)
    rows = rows[(rows["metric"] == metric) & (rows["label"] == names["label"].iloc[0])]
    found = rows.groupby(["block", "seed"])["value"].mean().groupby("block").std()
    return found.reindex(names["block"]).to_numpy(dtype=float) if rows["seed"].nunique() > 1 else None
