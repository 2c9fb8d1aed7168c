"""How far the second task shifts each latent dimension, and how far alignment moves it back."""

import pandas as pd
from matplotlib.figure import Figure

from meshcil.reporting.drawing import say_when_empty
from meshcil.reporting.palette import BLUE, GREY


def draw(scores: pd.DataFrame) -> Figure:
    """One panel per study, first seed: bars are dimensions, ordered by how far the second task shifted them."""
    rows = scores[scores["metric"].isin(["shift", "movement"]) & (scores["seed"] == scores["seed"].min())]
    figure = Figure()
    panels = list(rows.groupby("label", sort=False))
    axes = figure.subplots(1, max(len(panels), 1), squeeze=False)[0]
    for panel, (label, own) in zip(axes, panels, strict=False):
        table = own.pivot(index="class_name", columns="metric", values="value").sort_values("shift", ascending=False)
        places = range(len(table))
        panel.bar(places, table["shift"], width=1.0, color=GREY, alpha=0.5, label="shifted by the second task")
        panel.bar(places, table["movement"], width=0.5, color=BLUE, label="moved by alignment")
        panel.set_xticks([])
        panel.set_xlabel(label)
    axes[0].set_ylabel("mean distance")
    say_when_empty(axes[0], panels)
    if panels:
        figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, loc="outside upper center", ncols=2)
    return figure
