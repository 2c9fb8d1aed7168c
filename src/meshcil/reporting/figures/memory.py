"""Memory of each run after its last step, by what it is needed for."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from meshcil.config.base import Settings, validate
from meshcil.reporting.drawing import legend_above, row_names, say_when_empty
from meshcil.reporting.layout import assemble, mebibytes
from meshcil.reporting.palette import BLUE, ORANGE, SKY
from meshcil.reporting.scores import last_step, overall
from meshcil.reporting.style import RC, WIDTH

_PARTS = (
    ("deploy", "to predict", BLUE),
    ("carry", "kept for the next step", SKY),
    ("peak", "only in training", ORANGE),
)


class Options(Settings):
    """None: the figure has one form."""


@rc_context(RC)
def draw(scores: pd.DataFrame, options: Mapping[str, Any]) -> Figure:
    """One bar per run; each part is what its ledger counts beyond the one before.

    Raises:
        InputError: for an unknown option.
    """
    validate(Options, dict(options), "options of a `memory` figure")
    held = {ledger: mebibytes(last_step(overall(scores, f"{ledger}_bytes"))) for ledger, _, _ in _PARTS}
    table = assemble(scores, {f"{ledger} [MiB]": rows for ledger, rows in held.items()})
    table = table.dropna(subset=[f"{ledger} [MiB]" for ledger, _, _ in _PARTS]).reset_index(drop=True)
    figure = Figure(figsize=(WIDTH, 1.25 + 0.36 * max(2, len(table))))
    axes = figure.add_subplot()
    left = pd.Series(0.0, index=table.index)
    for ledger, _, colour in _PARTS:
        total = table[f"{ledger} [MiB]"]
        axes.barh(table.index, total - left, left=left, height=0.62, color=colour)
        left = total
    for position, total in left.items():
        axes.annotate(f"{total:.3g}", (total, position), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_yticks(table.index, row_names(table))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.margins(x=0.1)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("memory after the last step [MiB]")
    legend_above(figure, [Patch(color=colour, label=name) for _, name, colour in _PARTS])
    say_when_empty(axes, list(table.index))
    return figure
