"""ELI's two-task experiment: the course of alignment, how far latents move, or a picture of them."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from meshcil.config.figures.two_tasks import Options
from meshcil.reporting.drawing import Series, label_ends, percent_axes, say_when_empty
from meshcil.reporting.palette import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION, Look

_STUDIES = (BLUE, VERMILION, PURPLE, ORANGE)
_DIGITS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)
_SPREAD = {"after_second": "after the second task", "aligned": "aligned"}
_MOMENTS = {"before": "before the second task", "after": "after it", "aligned": "aligned"}


def draw(scores: pd.DataFrame, options: Options) -> Figure:
    """One line, panel or row per study."""
    if options.show == "spread":
        return _spread(scores, options.published)
    return {"course": _course, "movement": _movement, "picture": _picture}[options.show](scores)


def _spread(scores: pd.DataFrame, published: Mapping[str, Mapping[str, float]]) -> Figure:
    """One row per study and moment: a dot per seed, and a cross at what the paper states for its one seed."""
    figure = Figure(figsize=(6.4, 2.8))
    axes = figure.subplots()
    rows = scores[(scores["test_set"] == "first") & scores["metric"].isin(_SPREAD)]
    names = []
    for (study, label), own in rows.groupby(["method", "label"], sort=False):
        for metric, words in _SPREAD.items():
            values = own[own["metric"] == metric]["value"] * 100
            axes.scatter(values, [len(names)] * len(values), s=26, color=BLUE, alpha=0.6, linewidths=0)
            stated = published.get(str(study), {}).get(metric)
            if stated is not None:
                axes.scatter([stated], [len(names)], s=42, color=INK, marker="x", linewidths=1.4, zorder=4)
            names.append(f"{label}, {words}")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("accuracy on the first task [%]")
    axes.grid(axis="x", color=GREY, alpha=0.2)
    say_when_empty(axes, names)
    return figure


def _course(scores: pd.DataFrame) -> Figure:
    """One line per study with a band of one standard deviation over seeds; dotted: accuracy before the second task.

    Crosses: where held-out training images stop the aligner, one per seed.
    """
    figure = Figure()
    axes = percent_axes(figure, "first task")
    lines = []
    test = scores[scores["test_set"] == "first"]
    for (label, own), colour in zip(test.groupby("label", sort=False), _STUDIES, strict=False):
        course = own[own["metric"] == "course"].groupby("step")["value"].agg(["mean", "std"]) * 100
        if course.empty:
            continue
        x = course.index.to_numpy(dtype=float)
        spread = course["std"].fillna(0)
        axes.plot(x, course["mean"], color=colour, linewidth=2)
        lines.append(Series(str(label), Look(colour, ""), x, course["mean"].to_numpy(), None))
        axes.fill_between(x, course["mean"] - spread, course["mean"] + spread, color=colour, alpha=0.2, linewidth=0)
        axes.axhline(100 * own.loc[own["metric"] == "after_first", "value"].mean(), color=colour, linestyle=":")
        stops = own[own["metric"] == "held_out_iteration"]["value"]
        reached = own[own["metric"] == "aligned_held_out"]["value"] * 100
        axes.scatter(stops, reached, color=INK, marker="x", s=24, linewidths=1, zorder=4)
    axes.set_xlabel("iterations of the aligner")
    axes.grid(axis="y", color=GREY, alpha=0.2)
    say_when_empty(axes, lines)
    label_ends(axes, lines)
    return figure


def _movement(scores: pd.DataFrame) -> Figure:
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


def _picture(scores: pd.DataFrame) -> Figure:
    """One row per study, one column per moment; the axes are the main directions before the second task."""
    rows = scores[scores["metric"].isin(["x", "y"])]
    labels = list(dict.fromkeys(rows["label"]))
    figure = Figure(figsize=(7.5, 2.6 * max(len(labels), 1)))
    grid = figure.subplots(max(len(labels), 1), len(_MOMENTS), squeeze=False, sharex="row", sharey="row")
    for line, label in zip(grid, labels, strict=False):
        for axes, (moment, title) in zip(line, _MOMENTS.items(), strict=True):
            own = rows[(rows["label"] == label) & (rows["test_set"] == moment)]
            points = own.pivot(index=["class_name", "count"], columns="metric", values="value")
            for digit, colour in zip(sorted(set(own["class_name"])), _DIGITS, strict=False):
                axes.scatter(
                    points.loc[digit, "x"], points.loc[digit, "y"], s=7, color=colour, linewidths=0, label=digit
                )
            axes.set_title(title, fontsize=9)
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(label)
    say_when_empty(grid[0][0], labels)
    if labels:
        grid[0][-1].legend(frameon=False, fontsize=7, loc="best", title="digit")
    return figure
