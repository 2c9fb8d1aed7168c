"""Which class is taken for which, one matrix per test set."""

import numpy
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from meshcil.config.pictures.confusion import Options
from meshcil.core.errors import InputError
from meshcil.evaluation.metrics import confusion_matrix
from meshcil.reporting.palette import BLUE, INK
from meshcil.reporting.shown import Shown

_DARKEST = 0.5
"""Opacity of a cell with all images of its class, so that its number stays readable in light and dark."""


def draw(shown: Shown, options: Options) -> Figure:
    """Rows: true class. Columns: predicted class. Cells: percent of the true class's images.

    Raises InputError for a test set without predictions.
    """
    names = [name for name in shown.classes if (shown.predictions["true_class"] == name).any()]
    side = 0.34 * len(names) + 1.0
    figure = Figure(figsize=(side, side * len(options.test_sets)))
    for i, test_set in enumerate(options.test_sets):
        rows = shown.predictions[shown.predictions["test_set"] == test_set]
        if rows.empty:
            known = ", ".join(shown.predictions["test_set"].unique())
            raise InputError(f"test set {test_set!r}", "has no predictions to show", f"Known: {known}")
        axes = figure.add_subplot(len(options.test_sets), 1, i + 1)
        _matrix(axes, confusion_matrix(list(rows["true_class"]), list(rows["predicted_class"]), names))
        axes.set_title(test_set, fontsize=10, loc="left")
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
        axes.set_ylabel("true class")
        axes.set_xlabel("predicted class")
    return figure


def _matrix(axes: Axes, counts: pd.DataFrame) -> None:
    share = counts.to_numpy(dtype=float) / numpy.maximum(counts.sum(axis=1).to_numpy()[:, None], 1)
    for (row, column), value in numpy.ndenumerate(share):
        if value > 0:
            axes.fill_between(
                [column - 0.5, column + 0.5], row - 0.5, row + 0.5, color=BLUE, alpha=_DARKEST * value, linewidth=0
            )
            axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=6.5, color=INK)
    axes.set_xlim(-0.5, len(counts) - 0.5)
    axes.set_ylim(len(counts) - 0.5, -0.5)
    axes.grid(False)
    axes.tick_params(length=0)
