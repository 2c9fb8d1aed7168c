"""What each gate gains by alignment, host by host."""

import numpy
import pandas as pd
from matplotlib.figure import Figure

from meshcil.reporting.drawing import Series, draw_lines, label_ends, say_when_empty
from meshcil.reporting.palette import GREY, INK, Look, looks
from meshcil.reporting.table import row_names
from meshcil.reporting.tables.alignment import gains, told


def draw(scores: pd.DataFrame) -> Figure:
    """Columns: gates. Small marks: single runs; large ones: the mean of a host's runs, with one standard deviation.

    Gates told the task are shaded and marked.
    """
    pairs = gains(scores, "last_accuracy")
    gates = list(dict.fromkeys(pairs["gate"]))
    look = looks(pairs["method"])
    figure = Figure()
    axes = figure.add_subplot()
    axes.axhline(0, color=INK, linewidth=1)
    hosts = list(pairs.groupby(["method", "label", "dataset", "protocol", "budget"], sort=False))
    names = row_names(
        pd.DataFrame([key for key, _ in hosts], columns=["method", "label", "dataset", "protocol", "budget"])
    )
    lines = []
    for i, ((method, *_), rows) in enumerate(hosts):
        shift = (i - (len(hosts) - 1) / 2) * 0.7 / max(len(hosts), 1)
        style = look[str(method)]
        axes.scatter(
            rows["gate"].map(gates.index) + shift, rows["value"], s=9, color=style.colour, alpha=0.5, linewidths=0
        )
        found = rows.groupby("gate", sort=False)["value"].agg(["mean", "std"])
        places = numpy.array([gates.index(gate) + shift for gate in found.index])
        error = found["std"].to_numpy() if rows["seed"].nunique() > 1 else None
        lines.append(
            Series(names[i], Look(style.colour, style.marker, "none"), places, found["mean"].to_numpy(), error)
        )
    draw_lines(axes, lines)
    for place, gate in enumerate(gates):
        if told(gate) == "yes":
            axes.axvspan(place - 0.5, place + 0.5, color=GREY, alpha=0.15, linewidth=0)
    axes.set_xticks(range(len(gates)), [_tick(gate) for gate in gates])
    axes.set_ylabel("gain by alignment [points]")
    say_when_empty(axes, hosts)
    axes.set_xlim(-0.5, max(0.5, len(gates) - 0.5))
    axes.set_ylim(axes.get_ylim())
    label_ends(axes, lines)
    return figure


def _tick(gate: str) -> str:
    """Narrow, as gates stand close together."""
    return gate.replace("-", "-\n") + ("\n(told)" if told(gate) == "yes" else "")
