"""Memory of each run after its last step, by what it is needed for."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from meshcil.reporting.drawing import legend_above, say_when_empty
from meshcil.reporting.palette import BLUE, ORANGE, SKY
from meshcil.reporting.scores import last_step, overall
from meshcil.reporting.style import WIDTH
from meshcil.reporting.table import assemble, mebibytes, row_names

_PARTS = (
    ("deploy", "to predict", BLUE),
    ("carry", "kept for the next step", SKY),
    ("peak", "only in training", ORANGE),
)


def draw(scores: pd.DataFrame) -> Figure:
    """One bar per run; each part is what its ledger counts beyond the one before."""
    held = {ledger: mebibytes(last_step(overall(scores, f"{ledger}_bytes"))) for ledger, _, _ in _PARTS}
    table = assemble(scores, held)
    table = table.take(table.values.dropna().index)
    rows = table.values.index
    figure = Figure(figsize=(WIDTH, 1.25 + 0.36 * max(2, len(rows))))
    axes = figure.add_subplot()
    left = pd.Series(0.0, index=rows)
    for ledger, _, colour in _PARTS:
        total = table.values[ledger]
        axes.barh(rows, total - left, left=left, height=0.62, color=colour)
        left = total
    for position, total in left.items():
        axes.annotate(f"{total:.3g}", (total, position), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_yticks(rows, row_names(table.names))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.margins(x=0.1)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("memory after the last step [MiB]")
    legend_above(figure, [Patch(color=colour, label=name) for _, name, colour in _PARTS])
    say_when_empty(axes, list(rows))
    return figure
