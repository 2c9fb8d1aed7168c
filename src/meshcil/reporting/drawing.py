"""Parts that figures share: a frame in percent, lines with spread and labels at their ends, grouped dots."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox, DrawingArea, HPacker, TextArea

from meshcil.reporting.palette import INK, PAPER, Look, looks
from meshcil.reporting.table import Table, row_names

TOLD = "told-"
"""What the ids of lines with told values begin with."""
_LABEL_GAP = 0.07
"""Least distance between two end labels, as a share of the axis; more labels than fit make the figure higher."""
_MARKER = 6.5
"""Size of the marker before a label, in points."""
_LEGEND_WIDTH = 70
"""Characters of a legend in one line, six for each marker; more take another line."""


@dataclass(frozen=True)
class Series:
    """Values of one run over the columns of a table."""

    name: str
    look: Look
    x: numpy.ndarray
    """Positions of the measured values."""
    y: numpy.ndarray
    """Means."""
    error: numpy.ndarray | None
    """Standard deviations over seeds, NaN where unknown; None with one seed."""


def percent_axes(figure: Figure, label: str) -> Axes:
    """Axes from 0 to 100 percent."""
    axes = figure.add_subplot()
    axes.set_ylim(0, 100)
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel(f"{label} [%]")
    axes.tick_params(length=3)
    return axes


def series(table: Table, columns: Sequence[str], x: Sequence[int]) -> list[Series]:
    """One series per row of a table; rows without any measured value are left out."""
    look = looks(table.names["method"])
    found = []
    for row, (method, name) in enumerate(zip(table.names["method"], row_names(table.names), strict=True)):
        y = table.values[list(columns)].iloc[row].to_numpy(dtype=float)
        there = ~numpy.isnan(y)
        error = None
        if columns and columns[0] in table.spreads:
            error = table.spreads[list(columns)].iloc[row].to_numpy(dtype=float)[there]
        if there.any():
            found.append(Series(name, look[method], numpy.asarray(x, dtype=float)[there], y[there], error))
    return found


def draw_lines(axes: Axes, lines: Sequence[Series], *, thin: bool = False) -> None:
    """Lines with markers, and bars of one standard deviation over seeds."""
    for line in lines:
        drawn = axes.errorbar(
            line.x,
            line.y,
            yerr=None if line.error is None else numpy.nan_to_num(line.error),
            color=line.look.colour,
            marker=line.look.marker,
            linestyle=":" if thin else line.look.dashes,
            linewidth=1.3 if thin else 2.0,
            markersize=4.5 if thin else 6.5,
            markeredgecolor=PAPER,
            markeredgewidth=0.7,
            capsize=2.5,
            elinewidth=1.2,
            clip_on=False,
            zorder=3,
        )
        tell_values(drawn[0], line)


def tell_values(drawn: Line2D, line: Series) -> None:
    """Have the SVG tell name and value of each marker where the pointer rests on it (`meshcil.reporting.style`)."""
    errors = numpy.full(len(line.y), numpy.nan) if line.error is None else line.error
    texts = [
        f"{line.name}: {value:.2f}" + ("" if numpy.isnan(error) else f" ± {error:.2f}")
        for value, error in zip(line.y, errors, strict=True)
    ]
    drawn.set_gid(f"{TOLD}{len(drawn.axes.lines) if drawn.axes else 0}")
    # Labels that begin so are in no legend.
    drawn.set_label("_" + "\n".join(texts))


def label_ends(axes: Axes, lines: Sequence[Series]) -> None:
    """Write each line's name at its right end, apart from the others and beside the axes, behind its marker."""
    ends = [float(line.y[-1]) for line in lines]
    low, high = sorted(axes.get_ylim())
    right = max((float(line.x[-1]) for line in lines), default=0.0)
    higher = max(1.0, _LABEL_GAP * (len(lines) - 1))
    if higher > 1:
        figure = axes.get_figure(root=True)
        figure.set_figheight(higher * figure.get_figheight())
    gap = _LABEL_GAP / higher * (high - low)
    lined = any(not line.look.marker or line.look.dashes != "-" for line in lines)
    for line, height in zip(lines, apart(ends, gap, low, high), strict=True):
        label_beside(axes, line.name, (right, height), line.look, lined=lined)


def label_beside(axes: Axes, name: str, place: tuple[float, float], look: Look, *, lined: bool) -> None:
    """Write a name to the right of a place, in ink, behind the marker of its series.

    Args:
        axes: to write in.
        name: of the series.
        place: in data coordinates.
        look: of the series.
        lined: show its line too, where markers and colours alone do not tell all.
    """
    width, dashes = (3 * _MARKER, look.dashes) if lined else (_MARKER, "none")
    line = Line2D([0, width / 2, width], [_MARKER / 2] * 3, color=look.colour, linestyle=dashes)
    if look.marker:
        line.set(marker=look.marker, markevery=[1], markersize=_MARKER, markeredgecolor=PAPER)
    key = DrawingArea(width, _MARKER)
    key.add_artist(line)
    box = HPacker(children=[key, TextArea(name, textprops={"color": INK})], align="center", pad=0, sep=4)
    style = {"boxcoords": "offset points", "box_alignment": (0, 0.5), "frameon": False, "annotation_clip": False}
    axes.add_artist(AnnotationBbox(box, place, (10, 0), **style))


def apart(heights: Sequence[float], gap: float, low: float = -math.inf, high: float = math.inf) -> list[float]:
    """Heights moved as little as needed for neighbours to be at least ``gap`` apart; the order stays.

    All lie between ``low`` and ``high``, where there is room for them.
    """

    def ends(group: tuple[float, int]) -> tuple[float, float]:
        total, count = group
        length = gap * (count - 1)
        start = max(low, min(total / count - length / 2, high - length))
        return start, start + length

    order = sorted(range(len(heights)), key=lambda i: (heights[i], i))
    groups: list[tuple[float, int]] = []  # sum of the wanted heights, number of labels
    for index in order:
        groups.append((heights[index], 1))
        while len(groups) > 1 and ends(groups[-1])[0] - ends(groups[-2])[1] < gap:
            (total, count), (total_below, count_below) = groups.pop(), groups.pop()
            groups.append((total_below + total, count_below + count))
    placed = [ends(group)[0] + gap * step for group in groups for step in range(group[1])]
    result = [0.0] * len(heights)
    for index, height in zip(order, placed, strict=True):
        result[index] = height
    return result


def draw_dots(axes: Axes, rows: Sequence[Series], groups: Sequence[str]) -> list[Line2D]:
    """Dots of all rows side by side above each group's name; returns handles for a legend."""
    width = min(0.16, 0.7 / max(1, len(rows)))
    for position, row in enumerate(rows):
        shift = (position - (len(rows) - 1) / 2) * width
        drawn = axes.errorbar(
            row.x + shift,
            row.y,
            yerr=None if row.error is None else numpy.nan_to_num(row.error),
            color=row.look.colour,
            marker=row.look.marker,
            linestyle="none",
            markersize=7,
            markeredgecolor=PAPER,
            markeredgewidth=0.7,
            capsize=2.5,
            zorder=3,
        )
        tell_values(drawn[0], row)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_xlim(-0.5, max(0.5, len(groups) - 0.5))
    axes.vlines([edge + 0.5 for edge in range(len(groups) - 1)], 0, 100, color=INK, alpha=0.14, linewidth=0.7)
    return [
        Line2D([], [], color=row.look.colour, marker=row.look.marker, linestyle="none", markersize=7, label=row.name)
        for row in rows
    ]


def legend_above(figure: Figure, handles: Sequence[Artist]) -> None:
    """Legend above the axes, in one line or as many as it needs."""
    if handles:
        lines = math.ceil(sum(len(str(handle.get_label())) + 6 for handle in handles) / _LEGEND_WIDTH)
        columns = math.ceil(len(handles) / lines)
        figure.legend(handles=handles, loc="outside upper left", ncols=columns, handletextpad=0.5, columnspacing=1.4)


def say_when_empty(axes: Axes, rows: Sequence[object]) -> None:
    """An empty figure says why."""
    if not rows:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color=INK)
