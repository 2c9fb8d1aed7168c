"""Forest plot of the claims: one line per claim, with a mark and an interval for each data it was measured on.

All lines of percentage points share one scale, so that they can be compared; a line in another unit has its own. What
lies outside the scale ends in an arrow at its edge, and is told as a number.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meshcil.reporting.claims import Judged, Source

WIDTH, ROW, PAD = 360.0, 15.0, 5.0
"""Of a line's drawing: its width, the height of a mark, and the margin above and below, in units of the drawing."""
REACH = 20.0
"""Percentage points from zero to the edge of the scale."""
TICKS = (-20, -10, 0, 10, 20)
_EDGE = 9.0
_RANGE = re.compile(r"(\d+(?:\.\d+)?) to (\d+(?:\.\d+)?) points better\b")
_PAIR = re.compile(r"(\d+\.\d+) against (\d+\.\d+) % average\b")


@dataclass(frozen=True)
class Mark:
    """One measurement in the drawing of a claim; lengths in units of the drawing.

    Attributes:
        row: what is drawn.
        y: its height.
        x: of the difference.
        low: left end of the interval, or None without one.
        high: right end.
        cut: sides on which a number lies outside the scale.
    """

    row: Judged
    y: float
    x: float
    low: float | None
    high: float | None
    cut: tuple[str, ...]

    @property
    def title(self) -> str:
        """Told where the pointer rests."""
        unit = self.row.unit or "points"
        span = f" ({self.row.span})" if self.row.span else ""
        seeds = f"{self.row.seeds} seed{'' if self.row.seeds == '1' else 's'}"
        return f"{self.row.data}: {self.row.difference}{span} {unit}, {seeds}, {self.row.told}"


@dataclass(frozen=True)
class Line:
    """A claim: its rows, and what is drawn of them.

    Attributes:
        rows: in the table's order.
        marks: of the rows with a number.
        bounds: places of the bound of equivalence on both sides of zero; none without one.
        published: left and right end of what the paper reports, or None where it gives no difference in points.
        told: how often each verdict was found.
        unit: of the scale where it is not percentage points, else "".
    """

    rows: tuple[Judged, ...]
    marks: tuple[Mark, ...]
    bounds: tuple[float, ...]
    published: tuple[float, float] | None
    told: tuple[tuple[Judged, int], ...]
    unit: str

    @property
    def height(self) -> float:
        """Of the drawing."""
        return len(self.marks) * ROW + 2 * PAD

    @property
    def kept(self) -> bool:
        """Whether all verdicts are those of kept results."""
        return all(row.kept for row in self.rows)


@dataclass(frozen=True)
class Scale:
    """Of the lines in percentage points: width of the drawing, place of zero, and of each tick."""

    width: float
    zero: float
    ticks: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Plot:
    """The claims of a paper: lines with a verdict of the page's runs, and lines of kept results alone."""

    source: Source
    own: tuple[Line, ...]
    kept: tuple[Line, ...]


def forest(sources: Sequence[Source]) -> tuple[Plot, ...]:
    """Plots of all papers, the newest first; papers of whose claims the page's runs measured none come last."""
    found = []
    for source in sources:
        lines = [_line(group) for group in source.measured]
        own = tuple(line for line in lines if not line.kept)
        found.append(Plot(source, own, tuple(line for line in lines if line.kept)))
    return tuple(sorted(found, key=lambda plot: (bool(plot.own), plot.source.name[-len("2024") :]), reverse=True))


def scale() -> Scale:
    """Scale of the lines in percentage points."""
    return Scale(WIDTH, place(0.0), tuple((tick, place(tick)) for tick in TICKS))


def place(value: float, reach: float = REACH) -> float:
    """Where a number stands in the drawing; the edge for one outside the scale."""
    share = max(-1.0, min(1.0, value / reach))
    return round(WIDTH / 2 + share * (WIDTH / 2 - _EDGE), 1)


def published_range(text: str) -> tuple[float, float] | None:
    """Difference in percentage points that a paper reports for a claim, from the words of `Claim.published`.

    A pair of averages gives their distance: the paper says that the claim holds, so it speaks for the claim.
    """
    if found := _RANGE.match(text):
        return float(found[1]), float(found[2])
    if found := _PAIR.search(text):
        distance = abs(float(found[1]) - float(found[2]))
        return distance, distance
    return None


def _line(group: Sequence[Judged]) -> Line:
    unit = group[0].unit
    numbers = [number for row in group for number in _numbers(row)]
    reach = 1.1 * max(map(abs, numbers), default=1.0) or 1.0 if unit else REACH
    found = published_range(group[0].published)
    bound = float(group[0].bound) if group[0].bound else None
    verdicts = [row.told for row in group]
    first = {row.told: row for row in reversed(group)}
    return Line(
        tuple(group),
        tuple(_mark(row, number, reach) for number, row in enumerate(group)),
        () if bound is None else (place(-bound, reach), place(bound, reach)),
        None if found is None or unit else (place(found[0]), place(found[1])),
        tuple((first[told], verdicts.count(told)) for told in dict.fromkeys(verdicts)),
        unit,
    )


def _mark(row: Judged, number: int, reach: float) -> Mark:
    numbers = list(_numbers(row))
    ends = [place(value, reach) for value in numbers]
    low, high = (ends[1], ends[2]) if len(ends) > 1 else (None, None)
    cut = [side for side, value in (("left", -min(numbers)), ("right", max(numbers))) if value > reach]
    return Mark(row, PAD + ROW * (number + 0.5), ends[0], low, high, tuple(cut))


def _numbers(row: Judged) -> Iterator[float]:
    yield float(row.difference)
    yield from map(float, row.span.split(" to ") if row.span else ())
